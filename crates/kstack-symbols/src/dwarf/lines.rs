//! The line table of a unit, run as far as it was asked for.
//!
//! A line table is a program whose every row builds on the one before. It is run once and its rows are not kept,
//! only marks to run on from: a kernel has millions of rows, and most are never asked for.

use gimli::{LineInstruction, LineInstructions, LineProgramHeader, LineRow, Range, Result};

use super::Slice;
use super::claims::Claims;

/// Rows from one mark to the next.
const STRIDE: usize = 64;

/// What was run of a line table.
#[derive(Debug, Default)]
pub(super) struct Lines<'a> {
    /// Where rows of successive addresses lie; each stands for its marks.
    sequences: Claims<Sequence>,
    marks: Vec<Mark<'a>>,
    progress: Progress<'a>,
}

/// Marks of a sequence, by number.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    first: usize,
    behind: usize,
}

/// A place to run on from, just before the row at an address.
#[derive(Clone, Debug)]
struct Mark<'a> {
    address: u64,
    machine: Machine<'a>,
}

#[derive(Debug, Default)]
enum Progress<'a> {
    #[default]
    NotBegun,
    /// The instructions behind the last sequence that was run.
    Next(LineInstructions<Slice<'a>>),
    AllRun,
}

/// A row that has a place in the source; numbers are 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) address: u64,
    /// As the table numbers its files.
    pub(super) file: u64,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl<'a> Lines<'a> {
    /// The row that an address lies in.
    pub(super) fn at(
        &mut self,
        header: &LineProgramHeader<Slice<'a>>,
        address: u64,
    ) -> Result<Option<Row>> {
        let Some(sequence) = self.sequence(header, address)? else {
            return Ok(None);
        };
        let mut found = None;
        self.rows(header, sequence, address, |row| {
            let is_there = row.address <= address;
            if is_there {
                found = Some(row);
            }
            is_there
        })?;
        Ok(found)
    }

    /// Rows from the one that `low` lies in as far as `high`, in the sequences that lie there.
    pub(super) fn between(
        &mut self,
        header: &LineProgramHeader<Slice<'a>>,
        low: u64,
        high: u64,
        most: usize,
    ) -> Result<Vec<Row>> {
        self.run(header, |_| false)?;
        let mut found: Vec<Row> = Vec::new();
        for sequence in self.sequences.between(low, high) {
            let mut before = None;
            self.rows(header, sequence, low, |row| {
                if row.address <= low {
                    before = Some(row);
                    return true;
                }
                found.extend(before.take());
                let is_wanted = row.address < high && found.len() < most;
                if is_wanted {
                    // Of rows at one address the last one counts.
                    found.pop_if(|last| last.address == row.address);
                    found.push(row);
                }
                is_wanted
            })?;
            found.extend(before);
        }
        Ok(found)
    }

    /// The ranges of all sequences; what is damaged ends the table.
    pub(super) fn ranges(&mut self, header: &LineProgramHeader<Slice<'a>>) -> Vec<Range> {
        // What was run before the damage counts.
        let _ = self.run(header, |_| false);
        self.sequences.ranges().collect()
    }

    fn sequence(
        &mut self,
        header: &LineProgramHeader<Slice<'a>>,
        address: u64,
    ) -> Result<Option<Sequence>> {
        if self.sequences.at(address).is_none() {
            self.run(header, |sequences| sequences.at(address).is_some())?;
        }
        Ok(self.sequences.at(address).map(|(_, sequence)| sequence))
    }

    /// Runs on to the end of the sequence with which it is enough.
    fn run(
        &mut self,
        header: &LineProgramHeader<Slice<'a>>,
        is_enough: impl Fn(&Claims<Sequence>) -> bool,
    ) -> Result<()> {
        let instructions = match &self.progress {
            Progress::NotBegun => header.instructions(),
            Progress::Next(instructions) => instructions.clone(),
            Progress::AllRun => return Ok(()),
        };
        let mut machine = Machine::new(header, instructions);
        loop {
            let kept = self.marks.len();
            let Some(range) = self.run_sequence(header, &mut machine)? else {
                break;
            };
            let sequence = Sequence {
                first: kept,
                behind: self.marks.len(),
            };
            self.sequences.add(range, sequence)?;
            self.progress = Progress::Next(machine.instructions.clone());
            if is_enough(&self.sequences) {
                return Ok(());
            }
        }
        self.progress = Progress::AllRun;
        Ok(())
    }

    /// Runs one sequence and marks it; `None` at the end of the table.
    fn run_sequence(
        &mut self,
        header: &LineProgramHeader<Slice<'a>>,
        machine: &mut Machine<'a>,
    ) -> Result<Option<Range>> {
        let kept = self.marks.len();
        let mut begin = None;
        for number in 0.. {
            let before = (number % STRIDE == 0).then(|| machine.clone());
            let row = machine.next(header);
            // What a damaged sequence has left must not lie in the way of the next try.
            let Some(row) = row.inspect_err(|_| self.marks.truncate(kept))? else {
                self.marks.truncate(kept);
                return Ok(None);
            };
            let address = row.address();
            if row.end_sequence() {
                let begin = begin.unwrap_or(address);
                return Ok(Some(Range {
                    begin,
                    end: address,
                }));
            }
            begin.get_or_insert(address);
            let mark = before.map(|machine| Mark { address, machine });
            self.marks.extend(mark);
        }
        Ok(None)
    }

    /// Runs the rows of a sequence from about `low` on, as long as they are wanted.
    fn rows(
        &self,
        header: &LineProgramHeader<Slice<'a>>,
        sequence: Sequence,
        low: u64,
        mut is_wanted: impl FnMut(Row) -> bool,
    ) -> Result<()> {
        let marks = self.marks.get(sequence.first..sequence.behind);
        let marks = marks.unwrap_or_default();
        let before = marks.partition_point(|mark| mark.address <= low);
        let Some(mark) = marks.get(before.saturating_sub(1)) else {
            return Ok(());
        };
        let mut machine = mark.machine.clone();
        while let Some(row) = machine.next(header)? {
            if row.end_sequence() || !is_wanted(Row::of(row)) {
                break;
            }
        }
        Ok(())
    }
}

impl Row {
    fn of(row: &LineRow) -> Row {
        // Numbers that do not fit are no numbers of lines.
        let number = |number: u64| u32::try_from(number).unwrap_or(0);
        let column = match row.column() {
            gimli::ColumnType::LeftEdge => 0,
            gimli::ColumnType::Column(column) => column.get(),
        };
        Row {
            address: row.address(),
            file: row.file_index(),
            line: number(row.line().map_or(0, std::num::NonZero::get)),
            column: number(column),
        }
    }
}

/// The machine that runs a line program, as DWARF 5, 6.2 has it, with its registers in gimli's row.
#[derive(Clone, Debug)]
struct Machine<'a> {
    row: LineRow,
    instructions: LineInstructions<Slice<'a>>,
    /// The linker has left this code out: rows count again from the next address that is set.
    is_dead: bool,
}

impl<'a> Machine<'a> {
    fn new(
        header: &LineProgramHeader<Slice<'a>>,
        instructions: LineInstructions<Slice<'a>>,
    ) -> Machine<'a> {
        Machine {
            row: LineRow::new(header),
            instructions,
            is_dead: false,
        }
    }

    /// Runs on to the next row.
    #[inline]
    fn next(&mut self, header: &LineProgramHeader<Slice<'a>>) -> Result<Option<&LineRow>> {
        loop {
            // What the row before has left.
            if self.row.end_sequence() {
                self.is_dead = false;
            }
            self.row.reset(header);
            loop {
                let Some(instruction) = self.instructions.next_instruction(header)? else {
                    return Ok(None);
                };
                let set = match instruction {
                    LineInstruction::SetAddress(address) => Some(address),
                    _ => None,
                };
                let is_row = self.row.execute(instruction, &mut NoFiles(header))?;
                if let Some(set) = set {
                    // gimli keeps an address that no code has out of its row, and says so nowhere.
                    self.is_dead = self.row.address() != set || set >= dead(header);
                }
                if is_row {
                    break;
                }
            }
            if !self.is_dead {
                return Ok(Some(&self.row));
            }
        }
    }
}

/// The lowest address that stands for none: all ones, and one less.
fn dead(header: &LineProgramHeader<Slice<'_>>) -> u64 {
    match header.address_size() {
        8 => u64::MAX - 1,
        size => (1_u64 << (8 * u32::from(size.min(7)))) - 2,
    }
}

/// A program that defines no files while it runs: `DW_LNE_define_file` is gone since DWARF 5, and no compiler
/// for macOS wrote it.
struct NoFiles<'h, 'a>(&'h LineProgramHeader<Slice<'a>>);

impl<'a> gimli::LineProgram<Slice<'a>> for NoFiles<'_, 'a> {
    fn header(&self) -> &LineProgramHeader<Slice<'a>> {
        self.0
    }

    fn add_file(&mut self, _: gimli::FileEntry<Slice<'a>>) {}
}
