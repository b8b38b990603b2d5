//! A reader of DWARF that bounds what damaged debug information can cost.
//!
//! A list of ranges is read again for each function that names it, a line table
//! for each unit, and the path of every file is put together from parts that
//! files share. In a sound dSYM all that stays near the size of the dSYM. In a
//! damaged one a megabyte can ask for more time or memory than there is, so
//! each read counts.

use std::borrow::Cow;
use std::cell::Cell;

use gimli::{EndianSlice, Error, Reader, ReaderOffsetId, Result, RunTimeEndian};

/// How many times over the debug information may be read by one question.
const TIMES: usize = 8;
/// What one question may read of the smallest debug information.
const LEAST: usize = 1 << 20;

thread_local! {
    // A reader is cloned for every string, so what it spends is kept apart from it.
    static ALLOWANCE: Allowance = const {
        Allowance {
            bytes: Cell::new(0),
            spent: Cell::new(None),
        }
    };
}

/// What reading may still use on this thread.
struct Allowance {
    bytes: Cell<usize>,
    /// What ran out first, as a fragment.
    spent: Cell<Option<&'static str>>,
}

/// Runs one question to debug information of `size` bytes.
///
/// # Errors
///
/// The reader's own, or what ran out, as a fragment.
pub(crate) fn bounded<T>(
    size: usize,
    question: impl FnOnce() -> Result<T>,
) -> std::result::Result<T, String> {
    ALLOWANCE.with(|allowance| {
        allowance
            .bytes
            .set(size.saturating_mul(TIMES).saturating_add(LEAST));
        allowance.spent.set(None);
    });
    question().map_err(told)
}

/// Why a question failed, as a fragment: what ran out, else what the reader says.
pub(crate) fn told(why: Error) -> String {
    match ALLOWANCE.with(|allowance| allowance.spent.get()) {
        Some(spent) => spent.to_owned(),
        None => why.to_string(),
    }
}

/// Takes from what one question may read.
#[inline]
pub(crate) fn spend(bytes: usize) -> Result<()> {
    ALLOWANCE.with(|allowance| match allowance.bytes.get().checked_sub(bytes) {
        Some(left) => {
            allowance.bytes.set(left);
            Ok(())
        }
        None => Err(allowance.give_up("it refers to its own parts too many times")),
    })
}

/// What the question may still read.
pub(crate) fn left() -> usize {
    ALLOWANCE.with(|allowance| allowance.bytes.get())
}

/// Whether the question has used what it may: then what fails next says nothing of the file.
pub(crate) fn is_spent() -> bool {
    ALLOWANCE.with(|allowance| allowance.spent.get().is_some())
}

/// Ends a question for this reason, a fragment.
#[cold]
pub(crate) fn refuse(why: &'static str) -> Error {
    ALLOWANCE.with(|allowance| allowance.give_up(why))
}

impl Allowance {
    #[cold]
    fn give_up(&self, why: &'static str) -> Error {
        self.spent.set(Some(why));
        Error::UnsupportedOffset
    }
}

/// A slice of debug information.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guarded<'a>(EndianSlice<'a, RunTimeEndian>);

impl<'a> Guarded<'a> {
    pub(crate) fn new(bytes: &'a [u8], endian: RunTimeEndian) -> Guarded<'a> {
        Guarded(EndianSlice::new(bytes, endian))
    }

    /// All of it, for a reader that counts what it reads itself.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.0.slice()
    }
}

impl Reader for Guarded<'_> {
    type Endian = RunTimeEndian;
    type Offset = usize;

    #[inline]
    fn endian(&self) -> RunTimeEndian {
        self.0.endian()
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn empty(&mut self) {
        self.0.empty();
    }

    #[inline]
    fn truncate(&mut self, len: usize) -> Result<()> {
        self.0.truncate(len)
    }

    #[inline]
    fn offset_from(&self, base: &Self) -> usize {
        self.0.offset_from(base.0)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        self.0.offset_id()
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        self.0.lookup_offset_id(id)
    }

    #[inline]
    fn find(&self, byte: u8) -> Result<usize> {
        let found = Reader::find(&self.0, byte)?;
        spend(found)?;
        Ok(found)
    }

    #[inline]
    fn skip(&mut self, len: usize) -> Result<()> {
        self.0.skip(len)
    }

    #[inline]
    fn split(&mut self, len: usize) -> Result<Self> {
        self.0.split(len).map(Guarded)
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        spend(self.len())?;
        Reader::to_slice(&self.0)
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        spend(self.len())?;
        Reader::to_string(&self.0)
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        spend(self.len())?;
        Reader::to_string_lossy(&self.0)
    }

    #[inline]
    fn read_slice(&mut self, buffer: &mut [u8]) -> Result<()> {
        spend(buffer.len())?;
        Reader::read_slice(&mut self.0, buffer)
    }

    #[inline]
    fn read_u8(&mut self) -> Result<u8> {
        spend(1)?;
        self.0.read_u8()
    }

    #[inline]
    fn read_u8_array<A>(&mut self) -> Result<A>
    where
        A: Sized + Default + AsMut<[u8]>,
    {
        let mut bytes = A::default();
        self.read_slice(bytes.as_mut())?;
        Ok(bytes)
    }
}
