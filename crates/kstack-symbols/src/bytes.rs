//! Bytes of a file, shared by all who read from it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

/// A part of a file's bytes. Clones share them.
#[derive(Clone)]
pub(crate) struct Bytes {
    file: Arc<File>,
    range: Range<usize>,
}

enum File {
    Mapped(Mmap, Stamp),
    Owned(Vec<u8>),
}

/// What a file was like when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// When it was changed last, in nanoseconds since 1970.
    pub(crate) changed: u128,
}

impl Bytes {
    pub(crate) fn mapped(map: Mmap, stamp: Stamp) -> Bytes {
        let range = 0..map.len();
        Bytes {
            file: Arc::new(File::Mapped(map, stamp)),
            range,
        }
    }

    pub(crate) fn owned(bytes: Vec<u8>) -> Bytes {
        let range = 0..bytes.len();
        Bytes {
            file: Arc::new(File::Owned(bytes)),
            range,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        let file: &[u8] = match &*self.file {
            File::Mapped(map, _) => map,
            File::Owned(bytes) => bytes,
        };
        file.get(self.range.clone()).unwrap_or_default()
    }

    /// What the file was like; `None` for bytes that are not a file's own, such as unpacked ones.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match &*self.file {
            File::Mapped(_, stamp) => Some(*stamp),
            File::Owned(_) => None,
        }
    }

    /// Which part of the file they are.
    pub(crate) fn range(&self) -> &Range<usize> {
        &self.range
    }

    /// A part of these bytes; what reaches past their end is cut off.
    pub(crate) fn part(&self, offset: usize, size: usize) -> Bytes {
        let start = self.range.start.saturating_add(offset).min(self.range.end);
        let end = start.saturating_add(size).min(self.range.end);
        Bytes {
            file: Arc::clone(&self.file),
            range: start..end,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({:?})", self.range)
    }
}
