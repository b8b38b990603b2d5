//! The line table of a unit, run as far as it was asked for.
//!
//! A line table is a program whose every row builds on the one before. It is run once and its rows are not kept,
//! only marks to run on from: a kernel has millions of rows, and most are never asked for.

use gimli::{Error, LineProgramHeader, Range, Result};

use super::Slice;
use super::claims::Claims;
use super::machine::{Machine, Program, Row, Step};

/// Rows from one mark to the next.
const STRIDE: usize = 16;
/// Looking for the sequences of so many functions costs less than running the whole table.
const JUMPS: u8 = 8;

/// What was run of a line table.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    program: Program<'a>,
    /// Where rows of successive addresses lie; each stands for its marks.
    sequences: Claims<Sequence>,
    /// Of each sequence a machine at its start, then machines that stand at a row: addresses rise in a sequence.
    marks: Vec<Machine>,
    progress: Progress,
    /// How often a sequence may still be looked for out of turn.
    jumps: u8,
}

/// Marks of a sequence, by number.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    first: u32,
    behind: u32,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    /// Just behind the last sequence that was run.
    Next(Machine),
    AllRun,
}

impl<'a> Lines<'a> {
    pub(super) fn new(header: &LineProgramHeader<Slice<'a>>) -> Result<Lines<'a>> {
        Ok(Lines {
            program: Program::new(header)?,
            sequences: Claims::default(),
            marks: Vec::new(),
            progress: Progress::Next(Machine::at(0)),
            jumps: JUMPS,
        })
    }

    /// The row that an address lies in. Where its function starts helps to find it.
    pub(super) fn at(&mut self, address: u64, start: Option<u64>) -> Result<Option<Row>> {
        let Some(sequence) = self.sequence(address, start)? else {
            return Ok(None);
        };
        let mut found = None;
        self.rows(sequence, address, |row| {
            let is_there = row.address <= address;
            if is_there {
                found = Some(*row);
            }
            is_there
        })?;
        Ok(found)
    }

    /// Rows from the one that `low` lies in as far as `high`, in the sequences that lie there.
    pub(super) fn between(&mut self, low: u64, high: u64, most: usize) -> Result<Vec<Row>> {
        self.run(|_| false)?;
        let mut found: Vec<Row> = Vec::new();
        for sequence in self.sequences.between(low, high) {
            let mut before = None;
            self.rows(sequence, low, |row| {
                if row.address <= low {
                    before = Some(*row);
                    return true;
                }
                found.extend(before.take());
                let is_wanted = row.address < high && found.len() < most;
                if is_wanted {
                    // Of rows at one address the last one counts.
                    found.pop_if(|last| last.address == row.address);
                    found.push(*row);
                }
                is_wanted
            })?;
            found.extend(before);
        }
        Ok(found)
    }

    /// The ranges of all sequences. Damage ends the table; what was run before it counts.
    pub(super) fn ranges(&mut self, note: impl FnOnce(Error)) -> Vec<Range> {
        if let Err(why) = self.run(|_| false) {
            note(why);
        }
        self.sequences.ranges().collect()
    }

    fn sequence(&mut self, address: u64, start: Option<u64>) -> Result<Option<Sequence>> {
        if let Some((_, sequence)) = self.sequences.at(address) {
            return Ok(Some(sequence));
        }
        self.jump(start)?;
        if self.sequences.at(address).is_none() {
            self.run(|sequences| sequences.at(address).is_some())?;
        }
        Ok(self.sequences.at(address).map(|(_, sequence)| sequence))
    }

    /// Runs the sequence that starts with a function, out of turn: the linker writes one for each function, and
    /// looking for its first address is quicker than running all before it. For a few questions, that is.
    fn jump(&mut self, start: Option<u64>) -> Result<()> {
        let (Some(start), Some(left)) = (start, self.jumps.checked_sub(1)) else {
            return Ok(());
        };
        self.jumps = left;
        let found = self.program.sequence_from(start)?;
        found.map_or(Ok(()), |mut machine| {
            self.add_sequence(&mut machine).map(|_| ())
        })
    }

    /// Runs on to the end of the sequence with which it is enough.
    fn run(&mut self, is_enough: impl Fn(&Claims<Sequence>) -> bool) -> Result<()> {
        let Progress::Next(mut machine) = self.progress else {
            return Ok(());
        };
        while self.add_sequence(&mut machine)? {
            self.progress = Progress::Next(machine);
            if is_enough(&self.sequences) {
                return Ok(());
            }
        }
        self.progress = Progress::AllRun;
        self.marks.shrink_to_fit();
        Ok(())
    }

    /// Runs one sequence and keeps it; whether there was one.
    fn add_sequence(&mut self, machine: &mut Machine) -> Result<bool> {
        let kept = self.marks.len();
        let range = self.run_sequence(machine);
        let Some(range) = range.inspect_err(|_| self.marks.truncate(kept))? else {
            self.marks.truncate(kept);
            return Ok(false);
        };
        let [first, behind] =
            [kept, self.marks.len()].map(|mark| u32::try_from(mark).unwrap_or(u32::MAX));
        self.sequences.add(range, Sequence { first, behind })?;
        Ok(true)
    }

    /// Runs one sequence and marks it; `None` at the end of the table.
    fn run_sequence(&mut self, machine: &mut Machine) -> Result<Option<Range>> {
        let from = *machine;
        self.marks.push(from);
        let mut begin = None;
        for number in 1.. {
            match self.program.step(machine)? {
                Step::Row => {
                    begin.get_or_insert(machine.row().address);
                    if number % STRIDE == 0 {
                        self.marks.push(*machine);
                    }
                }
                Step::SequenceEnd(end) => {
                    self.program.spend(&from, machine)?;
                    let begin = begin.unwrap_or(end);
                    return Ok(Some(Range { begin, end }));
                }
                Step::ProgramEnd => break,
            }
        }
        Ok(None)
    }

    /// Runs the rows of a sequence from about `low` on, as long as they are wanted.
    fn rows(
        &self,
        sequence: Sequence,
        low: u64,
        mut is_wanted: impl FnMut(&Row) -> bool,
    ) -> Result<()> {
        let marks = self
            .marks
            .get(sequence.first as usize..sequence.behind as usize);
        let Some((start, marks)) = marks.and_then(<[Machine]>::split_first) else {
            return Ok(());
        };
        let before = marks.partition_point(|mark| mark.row().address <= low);
        let mark = before.checked_sub(1).and_then(|index| marks.get(index));
        // The row that a mark stands at was run already.
        if mark.is_some_and(|mark| !is_wanted(mark.row())) {
            return Ok(());
        }
        let from = *mark.unwrap_or(start);
        let mut machine = from;
        while let Step::Row = self.program.step(&mut machine)? {
            if !is_wanted(machine.row()) {
                break;
            }
        }
        self.program.spend(&from, &machine)
    }
}
