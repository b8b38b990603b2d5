//! One slice of one file.

use std::ops::Range;
use std::sync::Arc;

use crate::bytes::Bytes;
use crate::macho::Image;
use crate::moves::Moves;

/// One slice of one file; clones share its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) image: Arc<Image>,
    pub(crate) bytes: Bytes,
    /// The file it is from.
    pub(crate) path: String,
    /// Where its segments lie in the first file of its source.
    pub(crate) moves: Moves,
}

impl Part {
    /// Sections of instructions, at the addresses of the source.
    pub(crate) fn code(&self) -> impl Iterator<Item = Range<u64>> {
        self.image.code().filter_map(|range| {
            let start = self.moves.here(range.start)?;
            Some(start..start.saturating_add(range.end - range.start))
        })
    }
}
