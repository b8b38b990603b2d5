//! Entries of the cache with checksums that fit, whatever else is wrong with them.

use twox_hash::XxHash3_64;

/// Magic, checksum and five counts.
const HEAD: usize = 56;
const BLOCK: usize = 16 << 10;

/// Computes the checksums of an entry anew. The counts in its head say where they are; where those do not
/// fit the entry, only the checksum of the head's first part can be made.
pub fn reseal(entry: &mut [u8]) {
    let word = |at: usize| {
        let bytes = entry
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, |bytes| u64::from_le_bytes(bytes) as usize)
    };
    let sums = HEAD.saturating_add(word(16));
    let sizes = [
        word(24).saturating_mul(8),
        word(32),
        word(40).saturating_mul(16),
        word(48),
    ];
    let size = sizes.into_iter().fold(0_usize, usize::saturating_add);
    let body = sums.saturating_add(size.div_ceil(BLOCK).saturating_mul(8));
    if body <= entry.len() {
        let (head, blocks) = entry.split_at_mut(body);
        for (place, block) in head[sums..].chunks_exact_mut(8).zip(blocks.chunks(BLOCK)) {
            place.copy_from_slice(&XxHash3_64::oneshot(block).to_le_bytes());
        }
    }
    let end = body.min(entry.len());
    if let Some(covered) = entry.get(16..end) {
        let sum = XxHash3_64::oneshot(covered);
        entry[8..16].copy_from_slice(&sum.to_le_bytes());
    }
}
