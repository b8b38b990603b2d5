//! The zone log as debuggers print it: who allocated the elements of a zone.
//!
//! A kernel booted with `zlog=ZONE` keeps the backtrace of every allocation;
//! the macros `findoldest` and `zstack` print them (xnu-2050, `kgmacros`;
//! xnu-11417.101.15, `tools/lldbmacros/memory.py`). A record is a line with
//! `ALLOC` or `FREE` and the element, then one line for each frame that starts
//! with an address. What gdb and lldb print behind the address differs and is
//! kept as said.

use std::collections::BTreeMap;

use kstack_model::{
    Address, AddressSpace, Basis, Fact, Frame, FrameKind, Note, Position, Process, Report, Said,
    Side, Stack, Thread,
};

use crate::Limits;
use crate::error::ParseError;
use crate::lines::lines;
use crate::pattern::{Pattern, compile};

/// Frames of one record that are kept; kernels log fifteen or fewer.
const MOST_FRAMES: usize = 64;

static RECORD: Pattern =
    Pattern::new(|| compile(r"\b(ALLOC|FREE|alloc|free)\b\W+(0x[0-9a-fA-F]{4,16})\b"));
static FRAME: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ \s* (?: \#\d+ \s+ | \[ \s* \d+ \] \s* | frame \s \#\d+ : \s* )?
        0x (?<address>[0-9a-fA-F]{1,16})
        (?: \s* < (?<gdb>[^>\s][^>]*?) (?: \s* \+ \s* (?<gdb_offset>0x[0-9a-fA-F]+|\d+) )? >
          | \s+ (?<module>[\w.\-]+) ` (?<lldb>[^\s].*?) (?: \s \+ \s (?<lldb_offset>0x[0-9a-fA-F]+|\d+) )? (?: \s at \s .* )? $
        )?",
    )
});
static OLDEST: Pattern = Pattern::new(|| compile(r"(?i)oldest record is at log index\s+(\d+)"));

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
    /// How many records have a backtrace, by kind; backtraces in the order of their addresses.
    records: BTreeMap<(&'static str, Vec<u64>), Counted>,
    notes: Vec<Note>,
    facts: Vec<Fact>,
}

struct Record {
    kind: &'static str,
    position: Position,
    frames: Vec<Frame>,
}

struct Counted {
    frames: Vec<Frame>,
    count: u64,
}

impl Log {
    fn line(&mut self, text: &str, position: Position) {
        if let Some(oldest) = OLDEST.captures(text) {
            if let Some(index) = oldest
                .get(1)
                .and_then(|index| index.as_str().parse::<u64>().ok())
            {
                self.facts.push(Fact::new("oldest record", index));
            }
            return;
        }
        if let Some(record) = RECORD.captures(text) {
            self.close();
            let is_free = record
                .get(1)
                .is_some_and(|kind| kind.as_str().eq_ignore_ascii_case("free"));
            self.open = Some(Record {
                kind: if is_free { "FREE" } else { "ALLOC" },
                position,
                frames: Vec::new(),
            });
            return;
        }
        match (frame(text), &mut self.open) {
            (Some(frame), Some(record)) if record.frames.len() < MOST_FRAMES => {
                record.frames.push(frame);
            }
            (Some(_), _) => {}
            // A blank line stands between the head of a record and its frames, too.
            (None, Some(record)) if !record.frames.is_empty() => self.close(),
            (None, _) => {}
        }
    }

    fn close(&mut self) {
        let Some(record) = self.open.take() else {
            return;
        };
        if record.frames.is_empty() {
            self.notes
                .push(Note::at(record.position, "a record without frames"));
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
        known.count += 1;
    }

    fn report(mut self, limits: &Limits) -> Option<Report> {
        if self.records.is_empty() {
            return None;
        }
        let mut threads: BTreeMap<&'static str, Thread> = BTreeMap::new();
        let mut room = limits.frames;
        for ((kind, _), counted) in self.records {
            let Some(left) = room.checked_sub(counted.frames.len()) else {
                self.notes.push(Note::new(
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
            notes: self.notes,
            ..Report::default()
        })
    }
}

/// Every address of a record is one that a call returns to.
fn frame(text: &str) -> Option<Frame> {
    let found = FRAME.captures(text)?;
    let address = u64::from_str_radix(found.name("address")?.as_str(), 16).ok()?;
    let word = |name: &str| found.name(name).map(|word| word.as_str().to_owned());
    let number = |name: &str| {
        let text = found.name(name)?.as_str();
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    };
    let said = Said {
        image: word("module"),
        symbol: word("gdb").or_else(|| word("lldb")),
        offset: number("gdb_offset").or_else(|| number("lldb_offset")),
        ..Said::default()
    };
    Some(Frame::new(Address(address), FrameKind::ReturnAddress).saying(said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GDB: &str = "oldest record is at log index 12:\n\n\
        ---- ALLOC  0xffffff8031110000 : index 12  :  ztime 777 ----\n\n\
        0xffffff8000244000 <zalloc_canblock+78>:   mov    %eax,-0xcc(%rbp)\n\
        0xffffff7f80e84700:   mov    %rax,%r15\n\n\
        ---- ALLOC  0xffffff8031110080 : index 13  :  ztime 778 ----\n\n\
        0xffffff8000244000 <zalloc_canblock+78>:   mov    %eax,-0xcc(%rbp)\n\
        0xffffff7f80e84700:   mov    %rax,%r15\n\n\
        ---- FREE  0xffffff8031110080 : index 14  :  ztime 779 ----\n\
        0xffffff8000244999 <zfree+8>:   nop\n";

    fn shape(report: &Report) -> Vec<(&str, u64, usize)> {
        let threads = report.processes[0].threads.iter();
        let stacks = threads.flat_map(|thread| {
            let name = thread.name.as_deref().unwrap();
            thread
                .stacks
                .iter()
                .map(move |stack| (name, stack.samples, stack.frames.len()))
        });
        stacks.collect()
    }

    #[test]
    fn equal_backtraces_are_one_stack_with_its_count() {
        let report = read(GDB.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(shape(&report), [("ALLOC", 2, 2), ("FREE", 1, 1)]);
        let said = report.processes[0].threads[0].stacks[0].frames[0]
            .said
            .clone()
            .unwrap();
        assert_eq!(
            (said.symbol.as_deref(), said.offset),
            (Some("zalloc_canblock"), Some(78))
        );
    }

    #[test]
    fn what_lldb_prints_behind_the_address_is_read_too() {
        let text = "ALLOC 0xffffff8031110000 : index 3 : ztime 5\n  0xffffff8000244000 kernel`zalloc + 78\n  [1] 0xffffff7f80e84700 zfs`0xffffff7f80e84700\n";
        let report = read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(shape(&report), [("ALLOC", 1, 2)]);
        let frames = &report.processes[0].threads[0].stacks[0].frames;
        assert_eq!(
            frames[0].said.as_ref().unwrap().image.as_deref(),
            Some("kernel")
        );
    }

    #[test]
    fn a_text_without_a_record_is_an_error() {
        assert!(read(b"0xffffff8000244000 <zalloc+1>", &Limits::default()).is_err());
    }

    #[test]
    fn a_record_without_frames_costs_only_itself() {
        let text = format!("ALLOC 0xffffff8031110000 : index 1\n{GDB}");
        let report = read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(report.notes.len(), 1);
        assert_eq!(shape(&report).len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes, &Limits::default());
        }

        #[test]
        fn every_prefix_is_read_or_refused(end in 0..GDB.len()) {
            let _ = read(&GDB.as_bytes()[..end], &Limits::default());
        }
    }
}
