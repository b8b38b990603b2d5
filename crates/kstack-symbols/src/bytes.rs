//! Bytes of a file, shared by all who read from it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use crate::open;
use crate::stamp::Stamp;

/// A part of a file's bytes. Clones share them.
#[derive(Clone)]
pub(crate) struct Bytes {
    file: Arc<File>,
    range: Range<usize>,
}

enum File {
    Mapped(Mmap, Opened),
    Owned(Vec<u8>),
}

/// A file as it was when it was opened.
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Option<Stamp>,
    /// Whether the stamp would tell of any later change.
    pub(crate) is_settled: bool,
}

impl Bytes {
    pub(crate) fn mapped(map: Mmap, opened: Opened) -> Bytes {
        let range = 0..map.len();
        Bytes {
            file: Arc::new(File::Mapped(map, opened)),
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
        self.whole().get(self.range.clone()).unwrap_or_default()
    }

    /// Gives the memory of a part of a mapped file back; what is looked at again is read from the file again.
    pub(crate) fn release(&self, part: &[u8]) {
        #[cfg(unix)]
        if let File::Mapped(map, _) = &*self.file {
            let offset = part.as_ptr().addr().checked_sub(map.as_ptr().addr());
            let Some(offset) = offset.filter(|offset| offset + part.len() <= map.len()) else {
                return;
            };
            #[expect(
                unsafe_code,
                reason = "pages of a file mapped read-only hold nothing but the file's bytes"
            )]
            // It only saves memory: where it fails nothing is lost.
            let _ = unsafe {
                map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, offset, part.len())
            };
        }
        #[cfg(not(unix))]
        let _ = part;
    }

    /// What the file was like; `None` for bytes that are not a file's own, such as unpacked ones, and for a
    /// file that was changed just now.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match &*self.file {
            File::Mapped(_, opened) => opened.stamp.filter(|_| opened.is_settled),
            File::Owned(_) => None,
        }
    }

    /// The file, if it was written to since it was mapped: what was read of it may be of before and after.
    pub(crate) fn rewritten(&self) -> Option<&Path> {
        let File::Mapped(_, opened) = &*self.file else {
            return None;
        };
        let now = open::stamp(&opened.path)?;
        now.is_rewritten(&opened.stamp?).then_some(&opened.path)
    }

    /// All bytes of the file, which these may be a part of.
    pub(crate) fn whole(&self) -> &[u8] {
        match &*self.file {
            File::Mapped(map, _) => map,
            File::Owned(bytes) => bytes,
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
