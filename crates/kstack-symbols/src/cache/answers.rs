//! An entry as bytes: written at once, read where it is asked.
//!
//! All numbers are little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `kstackA1` |
//! | 8 | XXH3 of all that follows |
//! | 4 × 8 | bytes of the identity, texts, bytes of all texts, answers |
//! | identity | see `identity.rs` |
//! | 8 × texts | where each text ends, counted from the first |
//! | texts | UTF-8 |
//! | 8 × answers | addresses, ascending |
//! | 8 × answers | where the record of each ends, counted from the first |
//! | records | see `record.rs` |

use std::ops::Range;

use twox_hash::XxHash3_64;

use super::encode::Fresh;
use super::record;
use crate::Named;
use crate::bytes::Bytes;

const MAGIC: &[u8; 8] = b"kstackA1";
/// Magic, checksum and the four counts.
const HEAD: usize = 8 + 8 + 4 * 8;
/// Where the checksum ends and what it covers begins.
const COVERED: usize = 16;

/// The answers of an entry that is whole and belongs to its source.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    bytes: Bytes,
    text_ends: Range<usize>,
    texts: Range<usize>,
    addresses: Range<usize>,
    record_ends: Range<usize>,
    records: Range<usize>,
}

impl Answers {
    /// Opens an entry. `None` for one that is damaged, of another version, or of another source.
    pub(super) fn open(bytes: Bytes, identity: &str) -> Option<Answers> {
        let all = bytes.as_slice();
        if all.get(..8)? != MAGIC
            || number(all, 8)? != XxHash3_64::oneshot(all.get(COVERED..)?)
            || own_identity(all)? != identity.as_bytes()
        {
            return None;
        }
        let mut at = HEAD;
        let mut next = |size: usize| {
            let start = at;
            at = start.checked_add(size)?;
            (at <= all.len()).then_some(start..at)
        };
        next(identity.len())?;
        let text_ends = next(count(all, 24)?.checked_mul(8)?)?;
        let texts = next(count(all, 32)?)?;
        let answers = count(all, 40)?.checked_mul(8)?;
        let addresses = next(answers)?;
        let record_ends = next(answers)?;
        let records = at..all.len();
        Some(Answers {
            bytes,
            text_ends,
            texts,
            addresses,
            record_ends,
            records,
        })
    }

    /// What was answered for an address. The outer `None`: it was not asked, or its record is damaged.
    pub(super) fn at(&self, at: u64) -> Option<Option<Named>> {
        let index = self.index_of(at)?;
        record::read(at, self.record(index)?, |number| self.text(number))
    }

    fn index_of(&self, at: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.address(middle)?.cmp(&at) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.addresses.len() / 8
    }

    fn address(&self, index: usize) -> Option<u64> {
        number(self.all(), self.addresses.start + index * 8)
    }

    fn record(&self, index: usize) -> Option<&[u8]> {
        self.piece(&self.record_ends, &self.records, index)
    }

    fn text(&self, index: u64) -> Option<&str> {
        let index = usize::try_from(index).ok()?;
        let text = self.piece(&self.text_ends, &self.texts, index)?;
        str::from_utf8(text).ok()
    }

    fn text_count(&self) -> usize {
        self.text_ends.len() / 8
    }

    /// The piece with this index of pieces that stand behind each other.
    fn piece(&self, ends: &Range<usize>, pieces: &Range<usize>, index: usize) -> Option<&[u8]> {
        let end_of = |index: usize| {
            let at = ends.start.checked_add(index.checked_mul(8)?)?;
            let end = number(self.all(), at).filter(|_| at < ends.end)?;
            usize::try_from(end).ok()
        };
        let start = match index {
            0 => 0,
            _ => end_of(index - 1)?,
        };
        self.all().get(pieces.clone())?.get(start..end_of(index)?)
    }

    fn all(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

/// The identity that an entry says it has.
pub(super) fn own_identity(all: &[u8]) -> Option<&[u8]> {
    all.get(HEAD..)?.get(..count(all, 16)?)
}

/// How many answers an entry says it has.
pub(super) fn own_count(all: &[u8]) -> Option<u64> {
    (all.get(..8)? == MAGIC).then(|| number(all, 40))?
}

/// Answers to be added to those of an entry.
pub(super) fn to_add(old: Option<&Answers>) -> Fresh {
    Fresh::behind(old.map_or(0, |old| old.text_count() as u64))
}

/// An entry of what one holds already and what was added to it. A new answer takes the place of an old one.
pub(super) fn write(identity: &str, old: Option<&Answers>, fresh: &Fresh) -> Vec<u8> {
    let mut records: Vec<(u64, &[u8])> = Vec::new();
    let mut texts: Vec<&[u8]> = Vec::new();
    if let Some(old) = old {
        for index in 0..old.text_count() {
            texts.push(
                old.piece(&old.text_ends, &old.texts, index)
                    .unwrap_or_default(),
            );
        }
        let all =
            (0..old.len()).filter_map(|index| Some((old.address(index)?, old.record(index)?)));
        records.extend(all);
    }
    texts.extend(fresh.texts.iter().map(|text| text.as_bytes()));
    let mut all = fresh.sorted();
    // The sort is stable: of two with one address the first, the new one, stays.
    all.append(&mut records);
    all.sort_by_key(|(at, _)| *at);
    all.dedup_by_key(|(at, _)| *at);

    let size_of = |pieces: &mut dyn Iterator<Item = &[u8]>| pieces.map(<[u8]>::len).sum::<usize>();
    let text_bytes = size_of(&mut texts.iter().copied());
    let mut out = Vec::with_capacity(HEAD + identity.len() + text_bytes + all.len() * 48);
    out.extend(MAGIC);
    out.extend([0; 8]);
    for count in [identity.len(), texts.len(), text_bytes, all.len()] {
        out.extend((count as u64).to_le_bytes());
    }
    out.extend(identity.as_bytes());
    put_pieces(&texts, &mut out);
    for (at, _) in &all {
        out.extend(at.to_le_bytes());
    }
    let records: Vec<&[u8]> = all.iter().map(|(_, record)| *record).collect();
    put_pieces(&records, &mut out);
    let checksum = XxHash3_64::oneshot(out.get(COVERED..).unwrap_or_default());
    if let Some(place) = out.get_mut(8..COVERED) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    out
}

/// Where each piece ends, then the pieces.
fn put_pieces(pieces: &[&[u8]], out: &mut Vec<u8>) {
    let mut end = 0_u64;
    for piece in pieces {
        end += piece.len() as u64;
        out.extend(end.to_le_bytes());
    }
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

fn number(all: &[u8], at: usize) -> Option<u64> {
    let bytes = all.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn count(all: &[u8], at: usize) -> Option<usize> {
    usize::try_from(number(all, at)?).ok()
}
