//! Every address in debug information, changed where it stands.
//!
//! Addresses stand in entries (`DW_FORM_addr`), in location expressions
//! (`DW_OP_addr`), in lists of ranges and locations, in the table of DWARF 5
//! that other places refer to by number, in line programs, in `__debug_aranges`
//! and `__debug_frame`. All have eight bytes, so nothing else moves.

use std::collections::BTreeSet;

use gimli::{AttributeValue, Dwarf, Operation, Reader, RunTimeEndian, Unit, UnitHeader};
use object::{Object, ObjectSection};

use super::patch::Patch;
use super::{Moves, lines, tables};
use crate::guard::{Guarded, bounded};

pub(super) type Slice<'a> = Guarded<'a>;

/// A debug section and where it lies in the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Placed<'a> {
    pub(super) data: &'a [u8],
    pub(super) offset: usize,
}

impl<'a> Placed<'a> {
    fn find(file: &object::File<'a>, name: &str) -> Placed<'a> {
        let section = file.section_by_name(name);
        let found = section.and_then(|section| {
            let (offset, _) = section.file_range()?;
            let offset = usize::try_from(offset).ok()?;
            let data = section.data().ok()?;
            Some(Placed { data, offset })
        });
        found.unwrap_or_default()
    }

    pub(super) fn slice(&self) -> Slice<'a> {
        Guarded::new(self.data, RunTimeEndian::Little)
    }
}

/// The file and what is done to it.
pub(super) struct Mover<'a, 'p> {
    pub(super) moves: &'a Moves,
    pub(super) patch: &'p mut Patch,
}

impl Mover<'_, '_> {
    /// Moves the address at an offset of the file.
    pub(super) fn move_at(&mut self, at: usize, address: u64) {
        // Linkers write zero for code that was left out.
        if let Some(moved) = self.moves.of(address).filter(|_| address != 0) {
            self.patch.set_u64(at, moved);
        }
    }

    pub(super) fn moved(&self, address: u64) -> u64 {
        match address {
            0 => 0,
            address => self.moves.of(address).unwrap_or(address),
        }
    }
}

/// Moves all addresses. The error is a fragment.
pub(super) fn move_all(file: &[u8], moves: &Moves, patch: &mut Patch) -> Result<(), String> {
    let object = object::File::parse(file).map_err(|why| why.to_string())?;
    let mut mover = Mover { moves, patch };
    // Sound debug information is read about once; damage can have it read without end.
    bounded(file.len(), || move_sections(&object, &mut mover))
        .map_err(|why| format!("its debug information cannot be moved: {why}"))
}

fn move_sections(object: &object::File<'_>, mover: &mut Mover<'_, '_>) -> gimli::Result<()> {
    let placed = |name: &str| Placed::find(object, name);
    let sections = Dwarf::load(|id| gimli::Result::Ok(placed(id.name()).slice()))?;
    let info = placed(".debug_info");
    let mut lists = tables::Lists::new(
        [placed(".debug_ranges"), placed(".debug_rnglists")],
        [placed(".debug_loc"), placed(".debug_loclists")],
    );
    let mut programs = BTreeSet::new();
    let mut headers = sections.units();
    while let Some(header) = headers.next()? {
        let unit = sections.unit(header)?;
        move_unit(&sections, &unit, &header, info, mover, &mut lists)?;
        if let Some(program) = &unit.line_program {
            programs.insert(program.header().offset().0);
        }
    }
    let line = placed(".debug_line");
    for program in programs {
        lines::move_program(line, program, mover)?;
    }
    lists.move_all(mover);
    tables::move_addresses(placed(".debug_addr"), mover);
    tables::move_aranges(placed(".debug_aranges"), mover);
    tables::move_frames(placed(".debug_frame"), mover);
    Ok(())
}

fn move_unit(
    sections: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    header: &UnitHeader<Slice<'_>>,
    info: Placed<'_>,
    mover: &mut Mover<'_, '_>,
    lists: &mut tables::Lists<'_>,
) -> gimli::Result<()> {
    let start = header.offset().0;
    let at = |offset: gimli::UnitOffset| info.offset + start + offset.0;
    let encoding = unit.encoding();
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        for specification in abbreviation.attributes() {
            let place = at(entries.next_offset());
            let attribute = entries.read_attribute(*specification)?;
            match attribute.value() {
                AttributeValue::Addr(address) => mover.move_at(place, address),
                AttributeValue::Exprloc(expression) => {
                    let begin = expression.0.offset_from(&info.slice());
                    move_expression(expression, info.offset + begin, encoding, mover)?;
                }
                value => {
                    if let Some(list) = sections.attr_ranges_offset(unit, value)? {
                        lists.ranges(list.0, unit.low_pc, encoding);
                    } else if let Some(list) = sections.attr_locations_offset(unit, value)? {
                        lists.locations(list.0, unit.low_pc, encoding);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Moves the addresses in a location expression that starts at an offset of the file.
pub(super) fn move_expression(
    expression: gimli::Expression<Slice<'_>>,
    place: usize,
    encoding: gimli::Encoding,
    mover: &mut Mover<'_, '_>,
) -> gimli::Result<()> {
    let whole = expression;
    let mut operations = expression.operations(encoding);
    let mut before = 0;
    while let Some(operation) = operations.next()? {
        if let Operation::Address { address } = operation {
            // One byte says what the operation is.
            mover.move_at(place + before + 1, address);
        }
        before = operations.offset_from(&whole);
    }
    Ok(())
}
