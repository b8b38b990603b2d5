//! How an entry is named: by itself, or by another entry that it refers to.

use std::sync::Arc;

use gimli::{
    Attribute, AttributeValue, DebugInfoOffset, Error, Reader, Result, UnitOffset, UnitRef,
};

use super::Slice;

/// Where the name of an entry is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Naming<R> {
    /// Nowhere.
    #[default]
    None,
    /// In another entry of the same unit (`DW_AT_abstract_origin`, `DW_AT_specification`).
    Here(UnitOffset),
    /// In an entry of any unit.
    Elsewhere(DebugInfoOffset),
    /// `DW_AT_name`.
    Name(R),
    /// `DW_AT_linkage_name`, which tells overloaded functions apart.
    Linkage(R),
}

impl<'a> Naming<Slice<'a>> {
    /// Takes what an attribute says of the name: the linkage name counts most, an own name more than another entry's.
    pub(super) fn take(&mut self, unit: UnitRef<'_, Slice<'a>>, attribute: &Attribute<Slice<'a>>) {
        let said = match attribute.name() {
            gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                let text = unit.attr_string(attribute.value());
                text.map_or(Naming::None, Naming::Linkage)
            }
            gimli::DW_AT_name => {
                let text = unit.attr_string(attribute.value());
                text.map_or(Naming::None, Naming::Name)
            }
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => match attribute.value() {
                AttributeValue::UnitRef(offset) => Naming::Here(offset),
                AttributeValue::DebugInfoRef(offset) => Naming::Elsewhere(offset),
                _ => Naming::None,
            },
            _ => return,
        };
        if said.weight() > self.weight() {
            *self = said;
        }
    }

    fn weight(&self) -> u8 {
        match self {
            Naming::None => 0,
            Naming::Here(_) | Naming::Elsewhere(_) => 1,
            Naming::Name(_) => 2,
            Naming::Linkage(_) => 3,
        }
    }
}

/// Reads how an entry is named.
pub(super) fn of_entry<'a>(
    unit: UnitRef<'_, Slice<'a>>,
    entry: UnitOffset,
) -> Result<Naming<Slice<'a>>> {
    let mut entries = unit.entries_raw(Some(entry))?;
    let Some(abbreviation) = entries.read_abbreviation()? else {
        return Err(Error::NoEntryAtGivenOffset(entry.0 as u64));
    };
    let mut naming = Naming::default();
    for attribute in abbreviation.attributes() {
        naming.take(unit, &entries.read_attribute(*attribute)?);
    }
    Ok(naming)
}

/// Names longer than this are damage: one without an end, that many functions can have.
const LONGEST: usize = 0x1_0000;

/// A name as text. Names that are none, or no UTF-8, are left to the symbol table.
pub(super) fn text(name: &Slice<'_>) -> Option<Arc<str>> {
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_string().ok()?;
    // Compilers mark names that are not to get an underscore with the byte 1.
    let name = name.strip_prefix('\u{1}').unwrap_or(&name);
    (!name.is_empty()).then(|| Arc::from(name))
}
