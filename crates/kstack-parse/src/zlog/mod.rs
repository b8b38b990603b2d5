//! The zone log as debuggers print it: who allocated the elements of a zone.
//!
//! A kernel booted with `zlog=ZONE` keeps the backtrace of every allocation;
//! the macros `findoldest`, `zstack`, `zstack_findleak` and their siblings
//! print them. A record is a line that says what was done, then one line for
//! each frame that starts with an address. [`line`] knows the layouts. Newer
//! kernels keep equal backtraces once, and their macros print how many
//! elements each stands for.

mod line;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kstack_model::{
    AddressSpace, Basis, Fact, Frame, Note, Position, Process, Report, Side, Stack, Thread,
};

use crate::Limits;
use crate::error::ParseError;
use crate::lines::lines;
use crate::zlog::line::Line;

/// Frames of one record that are kept; kernels log fifteen or fewer.
const MOST_FRAMES: usize = 64;

/// Reads records of a zone log. Each kind of record is a thread, each distinct backtrace a stack whose
/// samples are the records that have it.
///
/// # Errors
///
/// When there is no record in the text.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Report, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let mut log = Log::default();
    for line in lines(&text) {
        log.line(line.text, line.position());
    }
    log.close();
    log.report(limits)
        .ok_or_else(|| ParseError::nothing("zlog"))
}

#[derive(Default)]
struct Log {
    /// The record that is being read.
    open: Option<Record>,
    /// How many elements have a backtrace, by kind; backtraces in the order of their addresses.
    records: BTreeMap<(&'static str, Vec<u64>), Counted>,
    /// Records without frames, and where the first stands.
    bare: Option<(Position, u64)>,
    facts: Vec<Fact>,
}

struct Record {
    kind: &'static str,
    count: u64,
    position: Position,
    frames: Vec<Frame>,
}

struct Counted {
    frames: Vec<Frame>,
    count: u64,
}

impl Log {
    fn line(&mut self, text: &str, position: Position) {
        match line::read(text) {
            Line::Oldest(index) => self.facts.push(Fact::new("oldest record", index)),
            Line::Record { kind, count, first } => {
                self.close();
                self.open = Some(Record {
                    kind,
                    count,
                    position,
                    frames: first.into_iter().collect(),
                });
            }
            Line::Frame(frame) => {
                if let Some(record) = &mut self.open
                    && record.frames.len() < MOST_FRAMES
                {
                    record.frames.push(frame);
                }
            }
            // A blank line stands between the head of a record and its frames, too.
            Line::Other
                if self
                    .open
                    .as_ref()
                    .is_some_and(|open| !open.frames.is_empty()) =>
            {
                self.close();
            }
            Line::Other => {}
        }
    }

    fn close(&mut self) {
        let Some(record) = self.open.take() else {
            return;
        };
        if record.frames.is_empty() {
            let (_, count) = self.bare.get_or_insert((record.position, 0));
            *count += 1;
            return;
        }
        let addresses = record.frames.iter().map(|frame| match frame.at {
            kstack_model::At::Absolute(address) => address.0,
            _ => 0,
        });
        let known = self
            .records
            .entry((record.kind, addresses.collect()))
            .or_insert(Counted {
                frames: record.frames,
                count: 0,
            });
        known.count = known.count.saturating_add(record.count);
    }

    fn report(self, limits: &Limits) -> Option<Report> {
        if self.records.is_empty() {
            return None;
        }
        let bare = self.bare.map(|(position, count)| {
            let records = if count == 1 { "record" } else { "records" };
            Note::at(
                position,
                format!("{count} {records} without frames, the first here"),
            )
        });
        let mut notes: Vec<Note> = bare.into_iter().collect();
        let mut threads: BTreeMap<&'static str, Thread> = BTreeMap::new();
        let mut room = limits.frames;
        for ((kind, _), counted) in self.records {
            let Some(left) = room.checked_sub(counted.frames.len()) else {
                notes.push(Note::new(
                    "more backtraces than are read; the rest is left out",
                ));
                break;
            };
            room = left;
            let thread = threads.entry(kind).or_insert_with(|| Thread {
                name: Some(kind.to_owned()),
                ..Thread::default()
            });
            thread.stacks.push(Stack {
                samples: counted.count,
                ..Stack::new(Side::Kernel, counted.frames)
            });
        }
        let kernel = AddressSpace {
            // Debuggers print addresses as they are at run time.
            basis: Basis::Slid,
            ..AddressSpace::default()
        };
        Some(Report {
            format: "zlog",
            kernel,
            processes: vec![Process {
                name: Some("zone log".to_owned()),
                threads: threads.into_values().collect(),
                ..Process::default()
            }],
            facts: self.facts,
            notes,
            ..Report::default()
        })
    }
}
