//! Numbers in a text that may stand for code. Bytes, not characters: nothing is decoded.

use kstack_model::{Address, ImageOffset};

use super::names::ImageNames;

/// Blanks between an image's name, the `+` and the offset.
const MOST_BLANKS: usize = 8;

/// Bytes behind the start of a candidate that decide about it.
pub(super) const REACH: usize = 64;

/// Digits of a decimal offset; four gigabytes have ten.
const MOST_DECIMALS: usize = 10;

/// What is farther from a `+` is no offset but an address: images are smaller.
const FARTHEST: u64 = 1 << 32;

/// A number that may stand for code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What it stands for.
    pub(super) at: Address,
    /// Where its last digit ends.
    pub(super) end: usize,
}

/// The first candidate that starts in `from..limit`.
///
/// Bytes before `from` and behind `limit` are only looked at to judge it.
pub(super) fn next(
    text: &[u8],
    from: usize,
    limit: usize,
    names: &ImageNames,
) -> Option<Candidate> {
    let mut at = from;
    if from > 0 && text.get(from - 1).is_some_and(|byte| is_word(*byte)) {
        at += word(text, from).len();
    }
    loop {
        let ahead = text.get(at..limit)?;
        at += ahead
            .iter()
            .position(|byte| is_word(*byte) || *byte == b'+')?;
        let word = word(text, at);
        let (candidate, length) = match word {
            [] => (in_image(text, at, names), 1),
            _ => (address(text, at, word), word.len()),
        };
        if candidate.is_some() {
            return candidate;
        }
        at += length;
    }
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

/// `0xffffff80002b3d3e`, `ffffff80002b3d3e` and ``ffffff80`002b3d3e``.
fn address(text: &[u8], at: usize, word: &[u8]) -> Option<Candidate> {
    let end = at + word.len();
    let (digits, has_prefix) = match word {
        [b'0', b'x' | b'X', digits @ ..] => (digits, true),
        _ => (word, false),
    };
    if digits.len() == 8
        && text.get(end) == Some(&b'`')
        && let Some(high) = hexadecimal(digits)
    {
        let low = self::word(text, end + 1);
        if low.len() == 8
            && let Some(value) = hexadecimal(low)
        {
            return Some(Candidate {
                at: Address(high << 32 | value),
                end: end + 1 + low.len(),
            });
        }
    }
    // Without 0x only a whole address is one: shorter runs of digits are sizes, UUIDs and words like "added".
    if !has_prefix && digits.len() != 16 {
        return None;
    }
    let value = hexadecimal(digits)?;
    if value < FARTHEST && follows_plus(text, at) {
        return None;
    }
    Some(Candidate {
        at: Address(value),
        end,
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
        let names = ImageNames::default();
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(candidate) = next(text, from, text.len(), &names) {
            found.push(candidate.at.0);
            from = candidate.end;
        }
        found
    }

    #[test]
    fn an_address_needs_no_prefix_when_it_is_whole() {
        assert_eq!(
            addresses(b"0xFFFFFF80002b3d3e, ffffff80002B3D3E; 0x2b3d3e"),
            [0xffff_ff80_002b_3d3e, 0xffff_ff80_002b_3d3e, 0x2b_3d3e]
        );
        assert_eq!(addresses(b"002b3d3e fffff80002b3d3e"), []);
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
            assert_eq!(addresses(text), [], "{}", text.escape_ascii());
        }
    }

    #[test]
    fn digits_in_two_groups_are_one_address() {
        assert_eq!(
            addresses(b"ffffff80`002b3d3e 0xffffff80`002b3d3e"),
            [0xffff_ff80_002b_3d3e; 2]
        );
        assert_eq!(addresses(b"ffffff80`002b3d3"), []);
    }

    #[test]
    fn a_small_number_after_a_plus_is_a_distance() {
        assert_eq!(addresses(b"panic + 0x2b3d3e, panic+0x2b3d3e"), []);
        assert_eq!(
            addresses(b"+ 0xffffff80002b3d3e"),
            [0xffff_ff80_002b_3d3e],
            "a line of a diff"
        );
    }

    #[test]
    fn the_middle_of_a_word_is_not_its_start() {
        let text = b"0ffffff80002b3d3e";
        assert_eq!(next(text, 1, text.len(), &ImageNames::default()), None);
    }
}
