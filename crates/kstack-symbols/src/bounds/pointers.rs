//! Code that data points to: virtual tables, tables of operations, callbacks.

use scroll::{Endian, Pread};

use crate::macho::Image;

/// Addresses of code that the data of an image may point to.
///
/// Kexts before arm64e list their pointers as local relocations. Otherwise
/// every aligned word is taken for one: as it is, and in the packed forms that
/// chained fixups have (cctools-1010.6, `mach-o/fixup-chains.h`), whose low
/// bits hold the target or its distance from the image or its collection.
/// `is_wanted` says by name which segments are searched then.
pub(crate) fn pointers(
    image: &Image,
    bytes: &[u8],
    base: u64,
    is_wanted: fn(&str) -> bool,
) -> Vec<u64> {
    let is_code = |at: u64| image.code().any(|range| range.contains(&at));
    let relocations = image.local_relocations(bytes);
    let mut found = Vec::new();
    if !relocations.is_empty() {
        for at in relocations {
            let here = image.bytes_at(at, bytes);
            let word = here.and_then(|here| here.pread_with::<u64>(0, Endian::Little).ok());
            found.extend(word.filter(|word| is_code(*word)));
        }
        return found;
    }
    let data = image
        .mapped
        .iter()
        .filter(|mapped| is_wanted(&mapped.segment));
    for mapped in data {
        let Some(data) = mapped.from(mapped.address, bytes) else {
            continue;
        };
        for (index, word) in data.chunks_exact(8).enumerate() {
            let at = mapped.address.wrapping_add(index as u64 * 8);
            if is_code(at) {
                continue;
            }
            let word = word.pread_with::<u64>(0, Endian::Little).unwrap_or(0);
            if word != 0 {
                found.extend(meanings(word, image.linked_at().0, base).filter(|at| is_code(*at)));
            }
        }
    }
    found
}

/// What a word may point to: itself, or 30, 32 or 43 low bits, absolute or counted from the image or from
/// the collection.
pub(crate) fn meanings(word: u64, image: u64, collection: u64) -> impl Iterator<Item = u64> {
    let low = [30, 32, 36, 43].map(|bits| word & ((1_u64 << bits) - 1));
    let offsets = low
        .into_iter()
        .flat_map(move |low| [low, image.wrapping_add(low), collection.wrapping_add(low)]);
    std::iter::once(word).chain(offsets)
}
