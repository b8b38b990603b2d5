//! One slice of one file.

use std::ops::Range;
use std::sync::Arc;

use crate::Collection;
use crate::bytes::Bytes;
use crate::macho::Image;
use crate::shift::Shift;

/// One slice of one file; clones share its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) image: Arc<Image>,
    pub(crate) bytes: Bytes,
    /// The file it is from.
    pub(crate) path: String,
    /// The kernel collection it is linked into.
    pub(crate) collection: Option<Arc<Collection>>,
    /// How the addresses of the first file of its source become its own.
    pub(crate) shift: Shift,
}

impl Part {
    /// Sections of instructions, at the addresses of the source.
    pub(crate) fn code(&self) -> impl Iterator<Item = Range<u64>> {
        let code = self.image.code();
        code.filter_map(|range| self.at_source(range))
    }

    /// Sections of data, at the addresses of the source.
    pub(crate) fn data(&self) -> impl Iterator<Item = Range<u64>> {
        let data = self.image.data();
        data.filter_map(|range| self.at_source(&range))
    }

    fn at_source(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let start = self.shift.back(range.start)?;
        Some(start..start.saturating_add(range.end.saturating_sub(range.start)))
    }
}
