//! What fits into a document that an issue tracker takes, and what there was no room for.

use std::cmp::Ordering;
use std::io::{self, Write};

use crate::render::words::Count;
use crate::render::{RenderOptions, TraceIndex};

/// Bytes, and so at most as many characters, of one document: GitHub takes comments of 65,536 characters.
pub(crate) const LONGEST: usize = 60_000;

/// Traces of one document; each has a share of it.
const MOST_TRACES: usize = 20;

/// How much of a document a trace may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// So many bytes.
    For(usize),
    /// Nothing but the sentence that this one and the others behind it are dropped.
    DropsRest,
    /// Nothing: it is said that it is dropped.
    IsDropped,
}

/// What is left is shared among the traces to come, so that a short one leaves more to the others.
pub(crate) fn of_trace(options: &RenderOptions) -> Room {
    let TraceIndex { index, of } = options.trace_index;
    let (last, room) = match of > MOST_TRACES {
        true => (MOST_TRACES, LONGEST - LAST_WORDS),
        false => (of + 1, LONGEST),
    };
    match index.cmp(&last) {
        Ordering::Less => Room::For(room.saturating_sub(options.written) / (last - index)),
        Ordering::Equal => Room::DropsRest,
        Ordering::Greater => Room::IsDropped,
    }
}

/// Bytes for a trace; where there are none, what is to be said of that.
pub(crate) fn or_say(options: &RenderOptions, out: &mut dyn Write) -> io::Result<Option<usize>> {
    let TraceIndex { index, of } = options.trace_index;
    match of_trace(options) {
        Room::For(room) => return Ok(Some(room)),
        Room::DropsRest => writeln!(
            out,
            "\nDropped to stay under {LONGEST} characters: the traces {index} to {of}. `--format text` has everything."
        )?,
        Room::IsDropped => {}
    }
    Ok(None)
}

/// Room for the sentence that tells what was dropped.
pub(crate) const LAST_WORDS: usize = 400;

/// What there was no room for.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    pub(crate) lines: usize,
}

impl Dropped {
    /// Keeps the whole lines that fit. They are lists and tables: every line stands for itself.
    pub(crate) fn cut(&mut self, lines: &mut Vec<u8>, room: usize) {
        self.lines += cut(lines, room);
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let parts = [
            (self.threads > 0).then(|| Count(self.threads, "thread").to_string()),
            (self.processes > 0).then(|| format!("{} wholly", Count(self.processes, "process"))),
            (self.lines > 0).then(|| Count(self.lines, "line").to_string()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return Ok(());
        }
        let parts = parts.join(", ");
        writeln!(
            out,
            "\nDropped to stay under {LONGEST} characters: {parts}. `--format text` has everything."
        )
    }
}

/// How much room each of several parts gets: what it needs, the first before the others, but none so much
/// that a later one does not get its first `least` bytes.
pub(crate) fn share(needed: &[usize], mut room: usize, least: usize) -> Vec<usize> {
    let mut kept: usize = needed.iter().map(|needed| *needed.min(&least)).sum();
    let parts = needed.iter().map(|needed| {
        kept -= *needed.min(&least);
        let given = (*needed).min(room.saturating_sub(kept));
        room -= given;
        given
    });
    parts.collect()
}

/// Keeps the whole lines that fit, and counts the others.
pub(super) fn cut(lines: &mut Vec<u8>, room: usize) -> usize {
    let Some(kept) = lines.get(..room) else {
        return 0;
    };
    let last = kept.iter().rposition(|byte| *byte == b'\n');
    let end = last.map_or(0, |at| at + 1);
    let rest = lines.get(end..).unwrap_or_default();
    let dropped = rest.iter().filter(|byte| **byte == b'\n').count();
    lines.truncate(end);
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_part_leaves_the_later_ones_their_first_lines() {
        assert_eq!(share(&[10, 20], 100, 5), [10, 20]);
        assert_eq!(share(&[90, 20, 3], 100, 5), [90, 7, 3]);
        assert_eq!(share(&[200, 20, 3], 100, 5), [92, 5, 3]);
        assert_eq!(share(&[9, 9], 3, 5), [0, 3]);
    }

    fn room(index: usize, of: usize, written: usize) -> Room {
        of_trace(&RenderOptions {
            trace_index: TraceIndex { index, of },
            written,
            ..RenderOptions::default()
        })
    }

    #[test]
    fn traces_of_one_document_share_it_and_a_short_one_leaves_more_to_the_others() {
        assert_eq!(room(1, 1, 0), Room::For(LONGEST));
        assert_eq!(room(1, 2, 0), Room::For(LONGEST / 2));
        assert_eq!(room(2, 2, 1000), Room::For(LONGEST - 1000));
        assert_eq!(room(20, 20, LONGEST), Room::For(0));
    }

    #[test]
    fn of_too_many_traces_the_last_are_dropped_and_said_to_be_once() {
        let dropped = [19, 20, 21, 99].map(|index| room(index, 99, 0));
        let whole = LONGEST - LAST_WORDS;
        let expected = [
            Room::For(whole),
            Room::DropsRest,
            Room::IsDropped,
            Room::IsDropped,
        ];
        assert_eq!(dropped, expected);
    }

    #[test]
    fn only_whole_lines_are_kept() {
        let mut lines = b"one\ntwo\nthree\n".to_vec();
        assert_eq!(cut(&mut lines, 9), 1);
        assert_eq!(lines, b"one\ntwo\n");
        assert_eq!(cut(&mut lines, 8), 0);
    }
}
