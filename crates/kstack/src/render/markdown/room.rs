//! What fits into a document that an issue tracker takes, and what there was no room for.

use std::io::{self, Write};

use crate::render::words::Count;

/// Bytes, and so at most as many characters, of one document: GitHub takes comments of 65,536 characters.
pub(crate) const LONGEST: usize = 60_000;

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

    #[test]
    fn only_whole_lines_are_kept() {
        let mut lines = b"one\ntwo\nthree\n".to_vec();
        assert_eq!(cut(&mut lines, 9), 1);
        assert_eq!(lines, b"one\ntwo\n");
        assert_eq!(cut(&mut lines, 8), 0);
    }
}
