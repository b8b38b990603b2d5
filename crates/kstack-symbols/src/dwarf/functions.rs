//! The functions of a unit, read as far as they were asked for.
//!
//! The entries of a unit cannot be skipped over: to find a function those before it are read. So they are read in
//! order and once, each question going on where the last one stopped.

use std::rc::Rc;

use gimli::{EntriesRaw, Range, Result, UnitOffset, UnitRef};

use super::Slice;
use super::claims::Claims;
use super::extent::Extent;
use super::inlined::Inlined;
use super::names::Namer;

/// Functions of a unit that were read so far.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// By number in the list.
    claims: Claims<usize>,
    list: Vec<Function>,
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
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// Its entry in the unit.
    entry: UnitOffset,
    /// Where its first range begins.
    starts: u64,
    inlined: Kept,
}

/// What is inlined into a function. Most functions are asked once, so it is kept from the second time on.
#[derive(Clone, Debug)]
enum Kept {
    NotAsked,
    AskedOnce,
    Here(Rc<Inlined>),
}

impl Functions {
    /// The function that holds an address, and which of its ranges does.
    pub(super) fn at(
        &mut self,
        unit: UnitRef<'_, Slice<'_>>,
        address: u64,
    ) -> Result<Option<(Range, &mut Function)>> {
        let claimed = match self.claims.at(address) {
            Some(claimed) => Some(claimed),
            None => {
                self.read_on(unit, address)?;
                self.claims.at(address)
            }
        };
        Ok(claimed.and_then(|(range, number)| Some((range, self.list.get_mut(number)?))))
    }

    /// Reads on to the function that holds an address.
    fn read_on(&mut self, unit: UnitRef<'_, Slice<'_>>, address: u64) -> Result<()> {
        let from = match self.progress {
            Progress::NotBegun => None,
            Progress::Next(offset) => Some(offset),
            Progress::AllRead => return Ok(()),
        };
        let mut entries = unit.entries_raw(from)?;
        while !entries.is_empty() {
            // What is damaged is met again by the next question, and not passed over.
            self.progress = Progress::Next(entries.next_offset());
            let is_function = self.read(unit, &mut entries)?;
            if is_function && self.claims.at(address).is_some() {
                self.progress = match entries.is_empty() {
                    true => Progress::AllRead,
                    false => Progress::Next(entries.next_offset()),
                };
                return Ok(());
            }
        }
        self.progress = Progress::AllRead;
        Ok(())
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
        let number = self.list.len();
        let mut starts = None;
        extent.each(unit, |range| {
            starts.get_or_insert(range.begin);
            self.claims.add(range, number)
        })?;
        self.list.extend(starts.map(|starts| Function {
            entry,
            starts,
            inlined: Kept::NotAsked,
        }));
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

    /// Its name and what is inlined into it.
    pub(super) fn inlined<'a>(
        &mut self,
        unit: UnitRef<'_, Slice<'a>>,
        namer: &Namer<'_, 'a>,
    ) -> Result<Rc<Inlined>> {
        if let Kept::Here(inlined) = &self.inlined {
            return Ok(Rc::clone(inlined));
        }
        let inlined = Rc::new(Inlined::read(unit, self.entry, namer)?);
        self.inlined = match self.inlined {
            Kept::NotAsked => Kept::AskedOnce,
            _ => Kept::Here(Rc::clone(&inlined)),
        };
        Ok(inlined)
    }
}
