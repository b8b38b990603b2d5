//! Numbers in a text that may stand for code. Bytes, not characters: nothing is decoded.
//!
//! Such a number stands behind a mark (`0x`, or the `+` of an offset), or is sixteen digits by
//! itself. Both are sought over many bytes at once, so that all others cost next to nothing.

use kstack_model::{Address, ImageOffset};
use memchr::memchr3;

use super::names::ImageNames;
use super::stream::Piece;

/// Blanks between an image's name, the `+` and the offset.
const MOST_BLANKS: usize = 8;

/// Bytes behind the start of a candidate that decide about it.
pub(super) const REACH: usize = 64;

/// Digits of a decimal offset; four gigabytes have ten.
const MOST_DECIMALS: usize = 10;

/// What is farther from a `+` is no offset but an address: images are smaller.
const FARTHEST: u64 = 1 << 32;

/// Digits of an address that is known for one without `0x`.
///
/// Shorter runs of digits are sizes, parts of UUIDs, and words like "added".
const WHOLE: usize = 16;

/// Digits looked at together; sixteen in a row always hold such a block.
const BLOCK: usize = WHOLE / 2;

/// A number that may stand for code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What it stands for.
    pub(super) at: Address,
    /// Where its last digit ends.
    pub(super) end: usize,
}

/// The candidates of a piece, in the order of the text.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    piece: Piece<'a>,
    names: &'a ImageNames,
    /// Everything before is done with.
    at: usize,
    /// The next byte that may be a mark; the piece's limit when there is none.
    mark: usize,
    /// The next sixteen digits; the piece's limit when there are none.
    whole: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(piece: Piece<'a>, names: &'a ImageNames) -> Scan<'a> {
        Scan {
            piece,
            names,
            at: piece.from,
            mark: next_mark(piece, piece.from),
            whole: next_whole(piece, piece.from),
        }
    }

    /// The next candidate that starts in the piece. What stands around the piece is only looked at.
    pub(super) fn next(&mut self) -> Option<Candidate> {
        let text = self.piece.text;
        loop {
            if self.mark < self.at {
                self.mark = next_mark(self.piece, self.at);
            }
            if self.whole < self.at {
                self.whole = next_whole(self.piece, self.at);
            }
            let at = self.mark.min(self.whole);
            if at >= self.piece.limit {
                return None;
            }
            let candidate = match text.get(at) {
                _ if at == self.whole => number(text, at, at),
                Some(b'+') => in_image(text, at, self.names),
                _ => prefixed(text, at),
            };
            self.at = at + 1;
            if let Some(candidate) = candidate {
                self.at = candidate.end;
                return Some(candidate);
            }
        }
    }

    /// Leaves out what follows the last candidate, up to `at`.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Where the next piece starts: this one's limit, unless a candidate goes on behind it.
    pub(super) fn end(&self) -> usize {
        self.at.max(self.piece.limit)
    }
}

/// The next `+`, or `0` before an `x`, from an offset on.
fn next_mark(piece: Piece<'_>, from: usize) -> usize {
    let Piece { text, limit, .. } = piece;
    let mut at = from;
    // The x behind the last byte of the piece belongs to a 0 in it.
    while let Some(found) = text
        .get(at..text.len().min(limit + 1))
        .and_then(|ahead| memchr3(b'x', b'X', b'+', ahead))
    {
        let found = at + found;
        if text.get(found) == Some(&b'+') {
            return found;
        }
        let zero = found.checked_sub(1).filter(|zero| *zero >= from);
        if let Some(zero) = zero.filter(|zero| text.get(*zero) == Some(&b'0')) {
            return zero;
        }
        at = found + 1;
    }
    limit
}

/// The next word of sixteen hexadecimal digits, from an offset on.
fn next_whole(piece: Piece<'_>, from: usize) -> usize {
    let Piece { text, limit, .. } = piece;
    let mut at = from;
    let reach = text.len().min(limit + WHOLE);
    while let Some(ahead) = text.get(at..reach) {
        let (blocks, _) = ahead.as_chunks::<BLOCK>();
        let Some(skipped) = blocks.iter().position(are_digits) else {
            break;
        };
        let block = at + skipped * BLOCK;
        let before = text.get(..block).unwrap_or_default();
        let before = before.iter().rev().take(WHOLE);
        let start = block - before.take_while(|byte| is_word(**byte)).count();
        let word = word(text, start);
        if start >= from && word.len() == WHOLE && start < limit && word.iter().all(is_digit) {
            return start;
        }
        at = start + word.len();
    }
    limit
}

/// All of them, without a branch for each: the compiler makes vector instructions of it.
fn are_digits(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(true, |all, byte| all & is_digit(byte))
}

fn is_digit(byte: &u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6)
}

/// Whether a byte next to a number makes it part of a longer word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The word that starts at an offset; empty when there is none.
fn word(text: &[u8], at: usize) -> &[u8] {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| !is_word(*byte));
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// `0x2b3d3e`, at the `0`.
fn prefixed(text: &[u8], zero: usize) -> Option<Candidate> {
    let before = zero.checked_sub(1).and_then(|before| text.get(before));
    if before.is_some_and(|byte| is_word(*byte)) {
        return None;
    }
    number(text, zero, zero + 2)
}

/// The hexadecimal digits at an offset, of a number that starts at `start`.
fn number(text: &[u8], start: usize, digits: usize) -> Option<Candidate> {
    let word = word(text, digits);
    let value = hexadecimal(word)?;
    if value < FARTHEST && follows_plus(text, start) {
        return None;
    }
    Some(Candidate {
        at: Address(value),
        end: digits + word.len(),
    })
}

/// `zfs + 108656`, `zfs+0x1a870`, `net.lundman.zfs + 0x1a870`, at the `+`.
fn in_image(text: &[u8], plus: usize, names: &ImageNames) -> Option<Candidate> {
    let before = text.get(..plus)?;
    let base = names.at_end_of(before.get(..plus - blanks(before.iter().rev()))?)?;
    let start = plus + 1 + blanks(text.get(plus + 1..)?.iter());
    let word = word(text, start);
    let offset = match word {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        _ => decimal(word)?,
    };
    (offset < FARTHEST).then_some(Candidate {
        at: base + ImageOffset(offset),
        end: start + word.len(),
    })
}

/// How many blanks a text starts with, up to what is still one phrase.
fn blanks<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes
        .take(MOST_BLANKS)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// A small number after a `+` is a distance from what stands before it, whatever lies at that address.
fn follows_plus(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let end = at - blanks(before.iter().rev());
    before
        .get(..end)
        .is_some_and(|before| before.ends_with(b"+"))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > MOST_DECIMALS {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(value * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of a text that names no image.
    fn addresses(text: &[u8]) -> Vec<u64> {
        addresses_from(text, 0)
    }

    fn addresses_from(text: &[u8], from: usize) -> Vec<u64> {
        let names = ImageNames::default();
        let limit = text.len();
        let mut scan = Scan::new(Piece { text, from, limit }, &names);
        let mut found = Vec::new();
        while let Some(candidate) = scan.next() {
            found.push(candidate.at.0);
        }
        found
    }

    #[test]
    fn a_whole_address_is_found_wherever_it_starts() {
        for before in 0..40 {
            let text = format!("{}ffffff80002b3d3e;", " ".repeat(before));
            assert_eq!(addresses(text.as_bytes()), [0xffff_ff80_002b_3d3e]);
            let text = format!("{}ffffff80002b3d3e", "-".repeat(before));
            assert_eq!(addresses(text.as_bytes()), [0xffff_ff80_002b_3d3e]);
        }
    }

    #[test]
    fn an_address_needs_no_prefix_when_it_is_whole() {
        assert_eq!(
            addresses(b"0xFFFFFF80002b3d3e, ffffff80002B3D3E; 0x2b3d3e"),
            [0xffff_ff80_002b_3d3e, 0xffff_ff80_002b_3d3e, 0x2b_3d3e]
        );
        assert!(addresses(b"002b3d3e fffff80002b3d3e").is_empty());
    }

    #[test]
    fn part_of_a_longer_word_is_no_address() {
        let texts: [&[u8]; 5] = [
            b"fffffff80002b3d3ee",
            b"sub_ffffff80002b3d3e",
            b"0xffffff80002b3d3eL",
            b"0x0ffffff80002b3d3e",
            b"98140C14-22A2-4491-9814-0B1422A2D2DE",
        ];
        for text in texts {
            assert!(addresses(text).is_empty(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_small_number_after_a_plus_is_a_distance() {
        assert!(addresses(b"panic + 0x2b3d3e, panic+0x2b3d3e").is_empty());
        assert_eq!(
            addresses(b"+ 0xffffff80002b3d3e"),
            [0xffff_ff80_002b_3d3e],
            "a line of a diff"
        );
    }

    #[test]
    fn the_middle_of_a_word_is_not_its_start() {
        for text in ["0ffffff80002b3d3e", "00x2b3d3e", "_0x2b3d3e"] {
            for from in 0..4 {
                assert!(addresses_from(text.as_bytes(), from).is_empty());
            }
        }
    }

    #[test]
    fn a_run_of_digits_without_end_is_passed_over_once() {
        let text = [b'0'; 1 << 20];
        assert!(addresses(&text).is_empty());
    }
}
