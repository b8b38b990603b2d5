//! The DER wrapper of Apple's boot images.
//!
//! An IM4P is a sequence of the strings `IM4P`, a type (`krnl`), a
//! description, and the payload; what follows the payload (keys, the size when
//! unpacked) is not needed. An IMG4 is a sequence of the string `IMG4`, an
//! IM4P, and signatures.

use std::ops::Range;

use crate::SymbolErrorKind;

const SEQUENCE: u8 = 0x30;
const IA5_STRING: u8 = 0x16;
const OCTET_STRING: u8 = 0x04;

/// Whether bytes that start so are an IM4P or IMG4: its name comes within the first twelve.
pub(super) fn is_wrapper(start: &[u8]) -> bool {
    let head = start.get(..14).unwrap_or(start);
    let has = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    head.first() == Some(&SEQUENCE) && (has(b"\x16\x04IM4P") || has(b"\x16\x04IMG4"))
}

/// Whether bytes that start so are an IM4P, or an IMG4 around one, whose type is `krnl`.
pub(super) fn wraps_kernel(start: &[u8]) -> bool {
    is_wrapper(start) && start.windows(6).any(|window| window == b"\x16\x04krnl")
}

/// Where the payload lies.
pub(super) fn payload(bytes: &[u8]) -> Result<Range<usize>, SymbolErrorKind> {
    let damaged = |what: &str| SymbolErrorKind::Damaged(format!("the boot image: {what}"));
    let mut items = Items::within(bytes, 0..bytes.len());
    let mut within = items.next(SEQUENCE).ok_or_else(|| damaged("no header"))?;
    for _ in 0..2 {
        let mut items = Items::within(bytes, within.clone());
        let name = items
            .next(IA5_STRING)
            .ok_or_else(|| damaged("it has no name"))?;
        match bytes.get(name) {
            Some(b"IMG4") => {
                let inner = items.next(SEQUENCE);
                within = inner.ok_or_else(|| damaged("there is no IM4P in it"))?;
            }
            Some(b"IM4P") => {
                items.next(IA5_STRING);
                items.next(IA5_STRING);
                let payload = items.next(OCTET_STRING);
                return payload.ok_or_else(|| damaged("there is no payload in it"));
            }
            _ => break,
        }
    }
    Err(damaged("neither an IM4P nor an IMG4"))
}

/// The items of a DER sequence, one after the other.
struct Items<'a> {
    bytes: &'a [u8],
    left: Range<usize>,
}

impl<'a> Items<'a> {
    fn within(bytes: &'a [u8], left: Range<usize>) -> Items<'a> {
        Items { bytes, left }
    }

    /// The content of the next item if it has this tag. One that reaches past the end of a cut file is cut.
    fn next(&mut self, tag: u8) -> Option<Range<usize>> {
        let rest = self.bytes.get(self.left.clone())?;
        let (&found, rest) = rest.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            // The length takes as many bytes as the low bits say.
            0x81..=0x88 => {
                let count = usize::from(first & 0x7f);
                let digits = rest.get(..count)?;
                let length = digits.iter().try_fold(0_usize, |length, &digit| {
                    length.checked_mul(256)?.checked_add(usize::from(digit))
                })?;
                (length, 2 + count)
            }
            _ => return None,
        };
        let start = self.left.start.checked_add(header)?;
        let end = start.saturating_add(length).min(self.left.end);
        self.left.start = end;
        Some(start..end)
    }
}
