//! Names of functions, each read and demangled once: many places refer to few functions.

use std::cell::RefCell;
use std::sync::Arc;

use foldhash::HashMap;
use gimli::{DebugInfoOffset, Result};

use super::Slice;
use super::naming::{self, Naming};
use super::unit::Shared;
use super::units::Units;
use crate::demangle::demangle;

/// How often one entry can refer to another for its name.
const REFERENCES: usize = 16;

/// A name that others refer to, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameId(u32);

/// A name as the file has it, and demangled.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) raw: Arc<str>,
    pub(crate) shown: Arc<str>,
}

impl Name {
    fn new(raw: Arc<str>) -> Name {
        let shown = demangle(&raw);
        Name { raw, shown }
    }
}

/// The names that were read.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<Name>,
    /// By the entry that others refer to.
    referred: HashMap<usize, Option<NameId>>,
}

impl Names {
    pub(super) fn get(&self, id: NameId) -> Option<&Name> {
        self.list.get(id.0 as usize)
    }

    fn add(&mut self, raw: Option<Arc<str>>) -> Option<NameId> {
        let raw = raw?;
        let id = u32::try_from(self.list.len()).ok()?;
        self.list.push(Name::new(raw));
        Some(NameId(id))
    }
}

/// Reads the names that entries of one unit have.
#[derive(Debug)]
pub(super) struct Namer<'n, 'a> {
    pub(super) names: &'n RefCell<Names>,
    pub(super) sections: &'n gimli::Dwarf<Slice<'a>>,
    pub(super) units: &'n Units<'a>,
    pub(super) unit: &'n Shared<'a>,
}

impl<'a> Namer<'_, 'a> {
    /// The name of a function of its own. It is not kept: most are asked once.
    pub(super) fn name(&self, naming: Naming<Slice<'a>>) -> Result<Option<Name>> {
        match naming {
            Naming::Name(text) | Naming::Linkage(text) => Ok(naming::text(&text).map(Name::new)),
            other => {
                let id = self.number(other)?;
                let names = self.names.borrow();
                Ok(id.and_then(|id| names.get(id)).cloned())
            }
        }
    }

    /// The name of an inlined function, by number.
    pub(super) fn number(&self, naming: Naming<Slice<'a>>) -> Result<Option<NameId>> {
        let entry = match naming {
            Naming::None => None,
            Naming::Name(text) | Naming::Linkage(text) => {
                return Ok(self.names.borrow_mut().add(naming::text(&text)));
            }
            Naming::Here(entry) => entry.to_debug_info_offset(self.unit.header()),
            Naming::Elsewhere(entry) => Some(entry),
        };
        let Some(entry) = entry else { return Ok(None) };
        if let Some(known) = self.names.borrow().referred.get(&entry.0) {
            return Ok(*known);
        }
        let name = referred(self.sections, self.units, self.unit, entry)?;
        let mut names = self.names.borrow_mut();
        let id = names.add(name);
        names.referred.insert(entry.0, id);
        Ok(id)
    }
}

/// Follows references from entry to entry to a name.
fn referred<'a>(
    sections: &gimli::Dwarf<Slice<'a>>,
    units: &Units<'a>,
    unit: &Shared<'a>,
    mut entry: DebugInfoOffset,
) -> Result<Option<Arc<str>>> {
    let mut unit = Shared::clone(unit);
    for _ in 0..REFERENCES {
        let offset = match entry.to_unit_offset(unit.header()) {
            Some(offset) => offset,
            None => {
                let (other, offset) = units.around(sections, entry)?;
                unit = other;
                offset
            }
        };
        let next = match naming::of_entry(unit.with(sections), offset)? {
            Naming::None => None,
            Naming::Name(text) | Naming::Linkage(text) => return Ok(naming::text(&text)),
            Naming::Here(offset) => offset.to_debug_info_offset(unit.header()),
            Naming::Elsewhere(entry) => Some(entry),
        };
        match next {
            Some(next) => entry = next,
            None => break,
        }
    }
    Ok(None)
}
