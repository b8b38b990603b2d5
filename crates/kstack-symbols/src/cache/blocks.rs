//! Checksums of an entry's parts, so that one address need not read all of it.
//!
//! An entry grows to hundreds of megabytes and a report asks for a few
//! addresses of it. So each block has a checksum of its own, which is checked
//! when the block is first looked at; the checksums themselves are part of
//! the head, which has one too.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use twox_hash::XxHash3_64;

/// Bytes that one checksum is for.
const BLOCK: usize = 1 << 14;
/// Bytes of a checksum.
const SUM: usize = 8;

const UNKNOWN: u8 = 0;
const WHOLE: u8 = 1;
const DAMAGED: u8 = 2;

/// The blocks of an entry and what is known of them.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// Where the checksums are, and what they are for.
    sums: Range<usize>,
    body: Range<usize>,
    states: Arc<[AtomicU8]>,
}

impl Blocks {
    /// The blocks of a body of so many bytes, whose checksums stand before it.
    pub(super) fn new(sums: usize, size: usize) -> Option<Blocks> {
        let count = size.div_ceil(BLOCK);
        let body = sums.checked_add(count.checked_mul(SUM)?)?;
        Some(Blocks {
            sums: sums..body,
            body: body..body.checked_add(size)?,
            states: Arc::from([]),
        })
    }

    /// Where the body is.
    pub(super) fn body(&self) -> Range<usize> {
        self.body.clone()
    }

    /// Makes ready to be asked; before, nothing is whole.
    pub(super) fn ready(mut self) -> Blocks {
        let count = self.sums.len() / SUM;
        self.states = (0..count).map(|_| AtomicU8::new(UNKNOWN)).collect();
        self
    }

    /// A part of the body; `None` where it is damaged, or not within it.
    pub(super) fn get<'a>(&self, all: &'a [u8], range: Range<usize>) -> Option<&'a [u8]> {
        let part = all.get(range.clone())?;
        if part.is_empty() {
            return Some(part);
        }
        let first = range.start.checked_sub(self.body.start)? / BLOCK;
        let last = range.end.checked_sub(1 + self.body.start)? / BLOCK;
        let are_whole = (first..=last).all(|block| self.is_whole(all, block));
        are_whole.then_some(part)
    }

    fn is_whole(&self, all: &[u8], block: usize) -> bool {
        let Some(state) = self.states.get(block) else {
            return false;
        };
        // Threads may check the same block at once and find the same.
        match state.load(Ordering::Relaxed) {
            UNKNOWN => {}
            known => return known == WHOLE,
        }
        let sum = self.sums.start + block * SUM;
        let start = self.body.start + block * BLOCK;
        let end = self.body.end.min(start.saturating_add(BLOCK));
        let sum = all.get(sum..sum + SUM);
        let found = all.get(start..end).map(XxHash3_64::oneshot);
        let is_whole =
            sum.is_some() && sum == found.map(u64::to_le_bytes).as_ref().map(|sum| &sum[..]);
        let known = if is_whole { WHOLE } else { DAMAGED };
        state.store(known, Ordering::Relaxed);
        is_whole
    }
}

/// The checksums of a body.
pub(super) fn sums(body: &[u8]) -> Vec<u8> {
    let blocks = body.chunks(BLOCK);
    blocks
        .flat_map(|block| XxHash3_64::oneshot(block).to_le_bytes())
        .collect()
}
