//! The threads: those in focus open, the others folded, as long as there is room.
//!
//! Where there is not room for all, those that matter least to a reader are dropped first.

use std::collections::HashSet;
use std::io::{self, Write};
use std::ptr;

use kstack_model::Process;

use super::block::{Block, Look};
use super::focus::Focus;
use super::room::{self, Dropped};
use crate::render::document::{Document, ProcessBlock};
use crate::render::stacks::{PLAIN, write_thread};
use crate::render::standing::{Standing, Standings};

/// With less room than this no thread is tried any more.
const LEAST: usize = 100;
/// After so many threads in a row that did not fit no other is tried: of thousands each would be written to see.
const TRIES: usize = 64;

/// Writes the threads, and counts those there is no room for.
pub(super) fn write(
    document: &Document<'_>,
    standings: &Standings,
    processes: Vec<ProcessBlock<'_>>,
    room: usize,
    dropped: &mut Dropped,
    out: &mut dyn Write,
) -> io::Result<()> {
    let all: HashSet<*const Process> = processes
        .iter()
        .map(|block| ptr::from_ref(block.process))
        .collect();
    let focus = Focus::of(document, &processes);
    let (full, folded) = focus.split(document, processes);
    let others = match full.is_empty() {
        true => "Threads",
        false => "Other threads",
    };
    let mut chooser = Chooser {
        document,
        standings,
        room,
        is_empty: true,
        misses: 0,
        dropped,
    };
    let mut shown = HashSet::new();
    for (heading, look, processes) in [
        (focus.heading(), Look::Open, &full),
        (others, Look::Folded, &folded),
    ] {
        let heading = format!("\n## {heading}\n");
        let blocks = chooser.choose(&heading, look, processes)?;
        if !blocks.is_empty() {
            out.write_all(heading.as_bytes())?;
        }
        for block in &blocks {
            block.write(look, out)?;
            shown.insert(ptr::from_ref(block.process.process));
        }
    }
    dropped.processes += all.difference(&shown).count();
    Ok(())
}

/// Gives the room to the threads that matter most.
struct Chooser<'a> {
    document: &'a Document<'a>,
    standings: &'a Standings,
    room: usize,
    /// Whether no thread is shown yet.
    is_empty: bool,
    /// Threads in a row that did not fit.
    misses: usize,
    dropped: &'a mut Dropped,
}

impl Chooser<'_> {
    /// The processes of a part of which something is shown.
    fn choose<'b>(
        &mut self,
        heading: &str,
        look: Look,
        processes: &'b [ProcessBlock<'b>],
    ) -> io::Result<Vec<Block<'b>>> {
        let mut blocks: Vec<(Block<'b>, bool)> = processes
            .iter()
            .map(|process| (Block::new(process), false))
            .collect();
        let mut title = heading.len();
        for (at, thread) in self.order(processes) {
            let Some((block, is_shown)) = blocks.get_mut(at) else {
                continue;
            };
            let around = match *is_shown {
                _ if self.room < LEAST || self.misses == TRIES => self.room,
                true => 0,
                false => title + around(block, look)?,
            };
            let Some(text) = self.fitting(block.process, thread, around)? else {
                self.dropped.threads += usize::from(thread.is_some());
                self.misses = TRIES.min(self.misses + 1);
                continue;
            };
            self.room = self.room.saturating_sub(around + needed(&text));
            title = 0;
            *is_shown = true;
            self.is_empty = false;
            self.misses = 0;
            let slot = thread.and_then(|thread| block.threads.get_mut(thread));
            if let Some(slot) = slot {
                *slot = Some(text);
            }
        }
        let shown = blocks.into_iter().filter(|(_, is_shown)| *is_shown);
        Ok(shown.map(|(block, _)| block).collect())
    }

    /// The threads of a part, what matters most first; a process without threads comes last.
    fn order(&self, processes: &[ProcessBlock<'_>]) -> Vec<(usize, Option<usize>)> {
        // Of equal stacks that of the panic comes first.
        let key =
            |panicked: bool, standing: Option<Standing>| (!panicked, standing.is_none(), standing);
        let mut order = Vec::new();
        for (at, process) in processes.iter().enumerate() {
            if process.threads.is_empty() {
                order.push((key(false, None), (at, None)));
            }
            for (index, thread) in process.threads.iter().enumerate() {
                let standing = self.standings.index(thread.thread);
                let standing = standing.map(|index| self.standings.at(index));
                order.push((key(thread.panicked(), standing), (at, Some(index))));
            }
        }
        // Stable: what matters as much stays in the order of the report.
        order.sort_by_key(|(key, _)| *key);
        order.into_iter().map(|(_, place)| place).collect()
    }

    /// The text of a thread, if there is room for it and what stands around it. That of the very first is
    /// shortened rather than dropped.
    fn fitting(
        &mut self,
        process: &ProcessBlock<'_>,
        thread: Option<usize>,
        around: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        let Some(room) = self.room.checked_sub(around + LEAST) else {
            return Ok(None);
        };
        let mut text = Vec::new();
        let Some(thread) = thread.and_then(|thread| process.threads.get(thread)) else {
            return Ok(Some(text));
        };
        write_thread(self.document, thread, PLAIN, &mut text)?;
        if needed(&text) <= room {
            return Ok(Some(text));
        }
        if !self.is_empty {
            return Ok(None);
        }
        let lines = room::cut(&mut text, room);
        self.dropped.lines += lines;
        writeln!(text, "    … {lines} more lines of this thread …")?;
        Ok(Some(text))
    }
}

/// Bytes of a process without the texts of its threads.
fn around(block: &Block<'_>, look: Look) -> io::Result<usize> {
    let mut written = Vec::new();
    Block::new(block.process).write(look, &mut written)?;
    // The count of threads that are shown may need more digits.
    Ok(written.len() + 8)
}

/// Bytes that a thread takes: a blank line before it, and a fence that is longer than its runs of backticks.
fn needed(text: &[u8]) -> usize {
    let runs = text.split(|byte| *byte != b'`').map(<[u8]>::len);
    text.len() + 1 + 2 * runs.max().unwrap_or_default()
}
