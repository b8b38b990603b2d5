//! What the words of data are: pointers to code of this image, to elsewhere, or numbers.

use std::collections::HashSet;
use std::ops::Range;

use scroll::{LE, Pread};

use crate::bounds::meanings;
use crate::macho::Image;

/// One word of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing, and the loader puts nothing there.
    Zero,
    /// A pointer to code of this image.
    Code(u64),
    /// A pointer to something else, or one that can be read in two ways.
    Elsewhere,
    /// No pointer.
    Number,
}

/// The data of one image.
#[derive(Debug)]
pub(super) struct Words<'a> {
    image: &'a Image,
    bytes: &'a [u8],
    /// Sections of instructions in ascending order: every word is asked whether it leads into one.
    code: Vec<Range<u64>>,
    /// What packed pointers count from.
    base: u64,
    /// Where pointers into this image are; none where they are chained.
    local: HashSet<u64>,
    /// Where the loader puts pointers into other images.
    external: HashSet<u64>,
}

impl<'a> Words<'a> {
    pub(super) fn new(image: &'a Image, bytes: &'a [u8], base: u64) -> Words<'a> {
        let mut code: Vec<Range<u64>> = image.code().cloned().collect();
        code.sort_by_key(|range| range.start);
        Words {
            image,
            bytes,
            code,
            base,
            local: image.local_relocations(bytes).into_iter().collect(),
            external: image.external_relocations(bytes).into_iter().collect(),
        }
    }

    /// The word at an address; `None` where the file has none.
    pub(super) fn at(&self, at: u64) -> Option<Word> {
        let here = self.image.bytes_at(at, self.bytes)?;
        let word = here.pread_with::<u64>(0, LE).ok()?;
        if self.external.contains(&at) {
            return Some(Word::Elsewhere);
        }
        if self.local.contains(&at) {
            let target = self.is_code(word).then_some(Word::Code(word));
            return Some(target.unwrap_or(Word::Elsewhere));
        }
        Some(match word {
            0 => Word::Zero,
            _ if !self.local.is_empty() => Word::Number,
            // How far an object begins before a part of it is a small number below 0.
            _ if word > u64::MAX - 0x10_0000 => Word::Number,
            _ => self.packed(word),
        })
    }

    /// A pointer as it is or in one of the packed forms, if all readings that are code agree.
    fn packed(&self, word: u64) -> Word {
        let readings = meanings(word, self.image.linked_at().0, self.base);
        let mut targets = readings.filter(|target| self.is_code(*target));
        match targets.next() {
            Some(first) if !is_import(word) && targets.all(|target| target == first) => {
                Word::Code(first)
            }
            _ => Word::Elsewhere,
        }
    }

    fn is_code(&self, at: u64) -> bool {
        let above = self.code.partition_point(|range| range.start <= at);
        let below = above.checked_sub(1).and_then(|below| self.code.get(below));
        below.is_some_and(|range| range.contains(&at))
    }
}

/// Whether a packed pointer may be that of an import: then its low bits are a number and no place
/// (`DYLD_CHAINED_PTR_ARM64E`, cctools-1010.6, `mach-o/fixup-chains.h`). A pointer as it is has its top bits set.
fn is_import(word: u64) -> bool {
    let is_plain = word >> 40 == 0xff_ffff || word >> 40 == 0xff_fffe;
    !is_plain && word >> 62 & 1 == 1
}
