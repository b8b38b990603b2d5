//! A text of any length in bounded memory.

use std::io::{self, ErrorKind, Read};

use super::scan;

/// Bytes held at once. Larger reads are no faster.
const BUFFER: usize = 256 << 10;

/// Bytes of a line without an end that are held back, since what follows may change what they mean.
const HELD_BACK: usize = 8 << 10;

/// Bytes already passed on that are kept of such a line: an image's name may stand before its `+`.
pub(super) const CONTEXT: usize = 256;

/// The longest bracket; it may stand behind a number already.
pub(super) const LONGEST_BRACKET: usize = HELD_BACK - scan::REACH;

/// A part of a text, with what is needed to judge it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    /// The part with what stands around it.
    pub(super) text: &'a [u8],
    /// Where the part starts.
    pub(super) from: usize,
    /// Where it ends; what stands behind comes again with the next piece.
    pub(super) limit: usize,
}

/// The bytes of a text that are in memory.
#[derive(Debug)]
pub(super) struct Window {
    bytes: Vec<u8>,
    filled: usize,
    /// Everything before was passed on.
    from: usize,
    /// The input said that nothing follows.
    ended: bool,
}

impl Window {
    pub(super) fn new() -> Window {
        Window {
            bytes: vec![0; BUFFER],
            filled: 0,
            from: 0,
            ended: false,
        }
    }

    /// Reads once, and returns what can be judged now: all whole lines, else nothing until the
    /// window is full or the text ends. `None` at the end.
    ///
    /// # Errors
    ///
    /// When the input fails.
    pub(super) fn read(&mut self, input: &mut dyn Read) -> io::Result<Option<Piece<'_>>> {
        if self.ended {
            return Ok(None);
        }
        let before = self.filled;
        let free = self.bytes.get_mut(before..).unwrap_or_default();
        let count = loop {
            match input.read(free) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.filled += count.min(free.len());
        self.ended = count == 0;
        let text = self.bytes.get(..self.filled).unwrap_or_default();
        let read = text.get(before..).unwrap_or_default();
        let limit = match read.iter().rposition(|byte| *byte == b'\n') {
            _ if self.ended => self.filled,
            Some(end) => before + end + 1,
            None if self.filled == self.bytes.len() => self.filled - HELD_BACK,
            None => self.from,
        };
        Ok(Some(Piece {
            text,
            from: self.from,
            limit,
        }))
    }

    /// Forgets what was passed on: everything before `at`, but for the context of an unfinished line.
    pub(super) fn passed(&mut self, at: usize) {
        let is_line_end = at
            .checked_sub(1)
            .and_then(|last| self.bytes.get(last))
            .is_some_and(|byte| *byte == b'\n');
        let keep = if is_line_end { 0 } else { CONTEXT };
        let drop = at.saturating_sub(keep);
        if at > self.from {
            self.bytes.copy_within(drop..self.filled, 0);
            self.filled -= drop;
            self.from = at - drop;
        }
    }
}
