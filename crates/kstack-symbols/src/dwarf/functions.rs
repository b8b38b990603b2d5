//! The functions of a unit, read as far as they were asked for.
//!
//! The entries of a unit cannot be skipped over: to find a function those before it are read. So they are read in
//! order and once, each question going on where the last one stopped. What is inlined into a function is read when
//! an address of that function is asked, and not kept: it is little, and of most functions it is asked once.

use gimli::{Abbreviation, AttributeValue, EntriesRaw, Range, Result, UnitOffset, UnitRef};

use super::Slice;
use super::claims::Claims;
use super::extent::Extent;
use super::naming::Naming;
use crate::guard::refuse;

/// Functions inlined into each other around one address. The most seen in a kernel are some tens.
const DEEPEST: usize = 4000;

/// Functions of a unit that were read so far.
#[derive(Debug, Default)]
pub(super) struct Functions {
    found: Claims<Function>,
    progress: Progress,
}

/// How far the entries of the unit are read.
#[derive(Clone, Copy, Debug, Default)]
enum Progress {
    #[default]
    NotBegun,
    Next(UnitOffset),
    AllRead,
}

/// A function with code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    /// Its entry in the unit.
    entry: UnitOffset,
    /// Where its first range begins.
    starts: u64,
}

/// A function and what is inlined into it around an address.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) name: Naming<Slice<'a>>,
    /// Outermost first.
    pub(super) calls: Vec<Call<'a>>,
}

/// A function that was inlined, and where it is called.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) name: Naming<Slice<'a>>,
    /// As the line table numbers its files.
    pub(super) file: Option<u64>,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Functions {
    /// The function that holds an address, and which of its ranges does.
    pub(super) fn at(
        &mut self,
        unit: UnitRef<'_, Slice<'_>>,
        address: u64,
    ) -> Result<Option<(Range, Function)>> {
        if let Some(found) = self.found.at(address) {
            return Ok(Some(found));
        }
        let from = match self.progress {
            Progress::NotBegun => None,
            Progress::Next(offset) => Some(offset),
            Progress::AllRead => return Ok(None),
        };
        let mut entries = unit.entries_raw(from)?;
        while !entries.is_empty() {
            // What is damaged is met again by the next question, and not passed over.
            self.progress = Progress::Next(entries.next_offset());
            if self.read(unit, &mut entries)? {
                if let Some(found) = self.found.at(address) {
                    self.progress = match entries.is_empty() {
                        true => Progress::AllRead,
                        false => Progress::Next(entries.next_offset()),
                    };
                    return Ok(Some(found));
                }
            }
        }
        self.progress = Progress::AllRead;
        Ok(None)
    }

    /// Reads one entry; whether it is a function with code.
    fn read<'a>(
        &mut self,
        unit: UnitRef<'_, Slice<'a>>,
        entries: &mut EntriesRaw<'_, Slice<'a>>,
    ) -> Result<bool> {
        let entry = entries.next_offset();
        let Some(abbreviation) = entries.read_abbreviation()? else {
            return Ok(false);
        };
        if abbreviation.tag() != gimli::DW_TAG_subprogram {
            entries.skip_attributes(abbreviation.attributes())?;
            return Ok(false);
        }
        let mut extent = Extent::default();
        for attribute in abbreviation.attributes() {
            extent.take(unit, &entries.read_attribute(*attribute)?)?;
        }
        let mut starts = None;
        extent.each(unit, |range| {
            let starts = *starts.get_or_insert(range.begin);
            self.found.add(range, Function { entry, starts })
        })?;
        Ok(starts.is_some())
    }
}

impl Function {
    /// Where the function starts, for an address in this range of it.
    ///
    /// Of a function in several parts that is its entry; for a part placed
    /// before the entry it is the start of the part, so that no distance is negative.
    pub(super) fn start(&self, range: Range, address: u64) -> u64 {
        match self.starts <= address {
            true => self.starts,
            false => range.begin,
        }
    }

    /// Reads its name and what is inlined into it around an address.
    pub(super) fn around<'a>(
        &self,
        unit: UnitRef<'_, Slice<'a>>,
        address: u64,
    ) -> Result<Around<'a>> {
        let mut entries = unit.entries_raw(Some(self.entry))?;
        let mut name = Naming::default();
        if let Some(abbreviation) = entries.read_abbreviation()? {
            for attribute in abbreviation.attributes() {
                name.take(unit, &entries.read_attribute(*attribute)?);
            }
        }
        let calls = calls(unit, &mut entries, address)?;
        Ok(Around { name, calls })
    }
}

/// The inlined functions around an address, among what follows inside a function's entry.
fn calls<'a>(
    unit: UnitRef<'_, Slice<'a>>,
    entries: &mut EntriesRaw<'_, Slice<'a>>,
    address: u64,
) -> Result<Vec<Call<'a>>> {
    let mut calls = Vec::new();
    // Depths count from the function's own.
    let mut inside = 0;
    // Nothing below this depth is around the address.
    let mut outside = None;
    while !entries.is_empty() {
        let depth = entries.next_depth();
        if depth <= inside {
            break;
        }
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        if outside.is_some_and(|outside| depth <= outside) {
            outside = None;
        }
        let is_inlined = abbreviation.tag() == gimli::DW_TAG_inlined_subroutine;
        if is_inlined && outside.is_none() {
            match call(unit, entries, abbreviation, address)? {
                Some(_) if calls.len() == DEEPEST => {
                    return Err(refuse("its inlined functions are nested too deeply"));
                }
                Some(call) => {
                    calls.push(call);
                    // What follows on the same depth is beside it.
                    inside = depth;
                }
                None => outside = Some(depth),
            }
        } else {
            entries.skip_attributes(abbreviation.attributes())?;
            if abbreviation.tag() == gimli::DW_TAG_subprogram && outside.is_none() {
                outside = Some(depth);
            }
        }
    }
    Ok(calls)
}

/// Reads an inlined function; `None` for one that does not cover the address.
fn call<'a>(
    unit: UnitRef<'_, Slice<'a>>,
    entries: &mut EntriesRaw<'_, Slice<'a>>,
    abbreviation: &Abbreviation,
    address: u64,
) -> Result<Option<Call<'a>>> {
    let mut extent = Extent::default();
    let mut call = Call {
        name: Naming::default(),
        file: None,
        line: 0,
        column: 0,
    };
    for attribute in abbreviation.attributes() {
        let attribute = entries.read_attribute(*attribute)?;
        let number = || {
            let number = attribute.udata_value();
            number
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(0)
        };
        match attribute.name() {
            gimli::DW_AT_call_file => call.file = file(unit, &attribute.value()),
            gimli::DW_AT_call_line => call.line = number(),
            gimli::DW_AT_call_column => call.column = number(),
            _ => {
                extent.take(unit, &attribute)?;
                call.name.take(unit, &attribute);
            }
        }
    }
    Ok(extent.covers(unit, address)?.then_some(call))
}

/// The file of a call. Before DWARF 5 the number 0 stood for none.
fn file(unit: UnitRef<'_, Slice<'_>>, value: &AttributeValue<Slice<'_>>) -> Option<u64> {
    match *value {
        AttributeValue::FileIndex(file) => (file > 0 || unit.header.version() >= 5).then_some(file),
        _ => None,
    }
}
