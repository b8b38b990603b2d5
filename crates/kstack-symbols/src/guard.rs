//! A reader of DWARF that bounds what damaged debug information can cost.
//!
//! addr2line goes one call deeper for each inlined function within another,
//! reads a list of ranges again for each function that names it, and puts the
//! path of every file together from parts that files share. In a sound dSYM
//! all that stays near the size of the dSYM. In a damaged one a megabyte can
//! ask for more stack, time or memory than there is, so each read checks.

use std::borrow::Cow;
use std::cell::Cell;

use gimli::{EndianSlice, Error, Reader, ReaderOffsetId, Result, RunTimeEndian};

/// Stack that reading may use. Rust's threads have two megabytes.
const STACK: usize = 512 << 10;
/// How many times over the debug information may be read by one question.
const TIMES: usize = 8;
/// What one question may read of the smallest debug information.
const LEAST: usize = 1 << 20;

thread_local! {
    // A reader is cloned for every string, so what it spends is kept apart from it.
    static ALLOWANCE: Allowance = const {
        Allowance {
            stack_base: Cell::new(0),
            bytes: Cell::new(0),
            spent: Cell::new(None),
        }
    };
}

/// What reading may still use on this thread.
struct Allowance {
    stack_base: Cell<usize>,
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
        allowance.stack_base.set(stack_pointer());
        allowance
            .bytes
            .set(size.saturating_mul(TIMES).saturating_add(LEAST));
        allowance.spent.set(None);
    });
    let answer = question();
    answer.map_err(
        |why| match ALLOWANCE.with(|allowance| allowance.spent.get()) {
            Some(spent) => spent.to_owned(),
            None => why.to_string(),
        },
    )
}

fn stack_pointer() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(&local).addr()
}

fn spend(bytes: usize) -> Result<()> {
    ALLOWANCE.with(|allowance| match allowance.bytes.get().checked_sub(bytes) {
        Some(left) => {
            allowance.bytes.set(left);
            Ok(())
        }
        None => Err(allowance.give_up("it refers to its own parts too many times")),
    })
}

fn check_stack() -> Result<()> {
    ALLOWANCE.with(|allowance| {
        // The stack grows downwards wherever Rust's standard library runs.
        let used = allowance.stack_base.get().saturating_sub(stack_pointer());
        match used > STACK {
            true => Err(allowance.give_up("its inlined functions are nested too deeply")),
            false => Ok(()),
        }
    })
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
}

impl Reader for Guarded<'_> {
    type Endian = RunTimeEndian;
    type Offset = usize;

    fn endian(&self) -> RunTimeEndian {
        self.0.endian()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn empty(&mut self) {
        self.0.empty();
    }

    fn truncate(&mut self, len: usize) -> Result<()> {
        self.0.truncate(len)
    }

    fn offset_from(&self, base: &Self) -> usize {
        self.0.offset_from(base.0)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        self.0.offset_id()
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        self.0.lookup_offset_id(id)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let found = Reader::find(&self.0, byte)?;
        spend(found)?;
        Ok(found)
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.0.skip(len)
    }

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

    fn read_slice(&mut self, buffer: &mut [u8]) -> Result<()> {
        spend(buffer.len())?;
        Reader::read_slice(&mut self.0, buffer)
    }

    fn read_u8(&mut self) -> Result<u8> {
        spend(1)?;
        self.0.read_u8()
    }

    /// Every entry starts with such a number, so none can be one level deeper unseen.
    fn read_uleb128(&mut self) -> Result<u64> {
        check_stack()?;
        spend(1)?;
        self.0.read_uleb128()
    }
}
