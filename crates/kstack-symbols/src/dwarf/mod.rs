//! Functions, inlined functions, files and lines from DWARF.
//!
//! ```text
//! address ── units      which units can hold it: __debug_aranges, else the roots of units
//!              headers  from unit to unit, past damaged ones
//!              unit     opened when it is asked for
//!                functions   read in order as far as the address
//!                inlined     what is inlined into one function
//!                lines       run as far as the address, by a machine
//!            names    of functions, which other entries can have
//! ```
//!
//! addr2line answers the same questions. It reads all units to find one, and of that one all functions and rows, and
//! keeps them: for a kernel's debug information that is twice the time and the memory. The tests hold both against
//! each other.

mod claims;
mod extent;
mod functions;
mod headers;
mod inlined;
mod lines;
mod machine;
mod names;
mod naming;
#[cfg(test)]
mod tests;
mod unit;
mod units;

use std::cell::RefCell;

use gimli::{Result as Read, RunTimeEndian, Section, UnitHeader};
use object::{Object, ObjectSection};

use self::headers::Headers;
use self::machine::Row;
pub(crate) use self::names::Name;
use self::names::{Namer, Names};
use self::unit::{Known, Shared};
use self::units::Units;
use crate::SourceFrame;
use crate::bytes::Bytes;
use crate::guard::{Guarded, bounded, is_spent};

type Slice<'a> = Guarded<'a>;

/// The debug information of one slice, read unit by unit as it is asked for.
#[derive(Debug)]
pub(crate) struct Dwarf<'a> {
    sections: gimli::Dwarf<Slice<'a>>,
    size: usize,
    units: Units<'a>,
    names: RefCell<Names>,
    /// The file, if it is mapped.
    file: Option<&'a Bytes>,
}

/// Bytes of units that are looked into before their memory is given back.
const KEEP_MAPPED: usize = 24 << 20;
/// How many times over the debug information may be read until what was read is dropped. In a damaged file many units
/// can share one line table, or one name without an end, and each of them keeps what it read.
const KEEP_TIMES: usize = 4;
/// What is kept of the smallest debug information.
const KEEP_LEAST: usize = 1 << 20;
/// Rows of the line table on either side that are looked at for a line.
const ROWS_NEAR: usize = 8;
/// Rows of one function that are read.
const ROWS_READ: usize = 0x1_0000;
/// How far behind an address its line is looked for.
const BYTES_BEHIND: u64 = 64;

/// What DWARF says about an address.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The function that holds the address; `None` where there is only a line, as in assembly.
    pub(crate) function: Option<Function>,
    /// Innermost first. The last is the function itself, not named yet; without a function it is only a place.
    pub(crate) frames: Vec<SourceFrame>,
}

/// A function that DWARF knows.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its linkage name, else its name.
    pub(crate) name: Option<Name>,
    /// Where it starts, or the part of it that lies before its entry.
    pub(crate) start: u64,
}

impl<'a> Dwarf<'a> {
    /// Opens the debug information of a slice. The error is a fragment.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Dwarf<'a>, String> {
        let (sections, size) = sections(bytes)?;
        let units = bounded(size, || Ok(Units::new(&sections)))?;
        Ok(Dwarf {
            sections,
            size,
            units,
            names: RefCell::default(),
            file: None,
        })
    }

    /// Opens the debug information of a mapped file, whose memory can be given back.
    pub(crate) fn open_mapped(file: &'a Bytes) -> Result<Dwarf<'a>, String> {
        let mut dwarf = Dwarf::open(file.as_slice())?;
        dwarf.file = Some(file);
        Ok(dwarf)
    }

    /// What is known about an address. The error is a fragment.
    pub(crate) fn at(&self, address: u64) -> Result<Answer, String> {
        self.forget_what_is_too_much();
        let answer = bounded(self.size, || self.answer(address));
        if self.units.have_read(KEEP_MAPPED) {
            self.release();
        }
        answer
    }

    fn forget_what_is_too_much(&self) {
        let most = self.size.saturating_mul(KEEP_TIMES);
        if self.units.kept() > most.saturating_add(KEEP_LEAST) {
            self.units.forget();
            // Units refer to names by number.
            *self.names.borrow_mut() = Names::default();
        }
    }

    /// Gives back the memory of what was read: most of it is not looked at again.
    fn release(&self) {
        let sections = &self.sections;
        let (info, lines) = (sections.debug_info.reader(), sections.debug_line.reader());
        for section in [info, lines] {
            if let Some(file) = self.file {
                file.release(section.bytes());
            }
        }
    }

    /// The first damage that costs whole units, as a fragment.
    pub(crate) fn damage(&self) -> Option<String> {
        self.units.damage()
    }

    fn answer(&self, address: u64) -> Read<Answer> {
        let sections = &self.sections;
        let answer = self.units.ask(sections, address, |unit| {
            let namer = Namer {
                names: &self.names,
                sections,
                units: &self.units,
                unit: &unit,
            };
            let known = unit.at(address, &namer)?;
            let answer = known.map(|known| self.tell(&unit, address, &known));
            answer.transpose()
        })?;
        Ok(answer.unwrap_or_default())
    }

    /// Makes frames of what a unit knows, innermost first: each is called from the next.
    fn tell(&self, unit: &Shared<'a>, address: u64, known: &Known) -> Read<Answer> {
        let frame = match known.row {
            Some(row) => self.placed(unit, row)?,
            None => SourceFrame::default(),
        };
        let Some((inlined, start)) = &known.function else {
            return Ok(Answer {
                function: None,
                frames: vec![frame],
            });
        };
        let names = self.names.borrow();
        let mut frames = Vec::new();
        // From the outside: a call has the place at which the function around it stands, and the name of the next one.
        let mut name = None;
        for call in inlined.around(address) {
            let around = SourceFrame {
                file: match call.file {
                    Some(file) => unit.path(&self.sections, file)?,
                    None => None,
                },
                line: Some(call.line).filter(|&line| line != 0),
                column: Some(call.column).filter(|&column| column != 0),
                ..SourceFrame::default()
            };
            frames.push(named(around, name));
            name = call.name.and_then(|name| names.get(name));
        }
        frames.push(named(frame, name));
        frames.reverse();
        Ok(Answer {
            function: Some(Function {
                name: inlined.name.clone(),
                start: *start,
            }),
            frames,
        })
    }

    fn placed(&self, unit: &Shared<'a>, row: Row) -> Read<SourceFrame> {
        let line = Some(row.line).filter(|&line| line != 0);
        Ok(SourceFrame {
            file: unit.path(&self.sections, row.file)?,
            line,
            // Column 0 stands for the left edge, which is no column to show.
            column: Some(row.column).filter(|&column| column != 0 && line.is_some()),
            ..SourceFrame::default()
        })
    }

    /// The nearest line to an address that has none, in the same function, inlined ones included:
    /// that before it, else that behind it.
    pub(crate) fn line_near(&self, at: u64, start: u64, frames: &[SourceFrame]) -> Option<u32> {
        let is_same = |there: &Answer| {
            let is_function = |function: &Function| function.start == start;
            let names = frames.iter().map(|frame| &frame.function);
            there.function.as_ref().is_some_and(is_function)
                && names.eq(there.frames.iter().map(|frame| &frame.function))
        };
        // One question, however many rows it tries: damage cannot make it cost more.
        bounded(self.size, || {
            let before = self.lines_between(at, start, at)?;
            let before = before.iter().rev().take(ROWS_NEAR);
            let behind = self.lines_between(at, at, at.saturating_add(BYTES_BEHIND))?;
            for row in before.chain(behind.iter().take(ROWS_NEAR)) {
                if is_same(&self.answer(row.address)?) {
                    return Ok(Some(row.line));
                }
            }
            Ok(None)
        })
        .ok()?
    }

    /// Rows with a line in the unit that holds an address, in ascending order.
    fn lines_between(&self, holds: u64, low: u64, high: u64) -> Read<Vec<Row>> {
        let rows = self.units.ask(&self.sections, holds, |unit| {
            let rows = unit.rows_between(low, high, ROWS_READ)?;
            Ok((!rows.is_empty()).then_some(rows))
        })?;
        let mut rows = rows.unwrap_or_default();
        rows.retain(|row| row.line != 0);
        Ok(rows)
    }

    /// Whether any function has an address. An empty dSYM has units and no code.
    pub(crate) fn has_functions(bytes: &'a [u8]) -> Result<bool, String> {
        let (dwarf, size) = sections(bytes)?;
        bounded(size, || has_functions(&dwarf))
    }
}

/// The frame of a function with this name.
fn named(mut frame: SourceFrame, name: Option<&Name>) -> SourceFrame {
    if let Some(name) = name {
        frame.set_name(&name.raw, &name.shown);
    }
    frame
}

/// Whether a unit has functions with code. A damaged unit counts where no other has any.
fn has_functions(dwarf: &gimli::Dwarf<Slice<'_>>) -> Read<bool> {
    let mut damage = None;
    for header in Headers::of(dwarf) {
        match header.and_then(|(_, header)| unit_has_functions(dwarf, header)) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(why) if is_spent() => return Err(why),
            Err(why) => {
                damage.get_or_insert(why);
            }
        }
    }
    damage.map_or(Ok(false), Err)
}

fn unit_has_functions<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    header: UnitHeader<Slice<'a>>,
) -> Read<bool> {
    let unit = dwarf.unit(header)?;
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        let has_address = abbreviation
            .attributes()
            .iter()
            .any(|attribute| matches!(attribute.name(), gimli::DW_AT_low_pc | gimli::DW_AT_ranges));
        if abbreviation.tag() == gimli::DW_TAG_subprogram && has_address {
            return Ok(true);
        }
        entries.skip_attributes(abbreviation.attributes())?;
    }
    Ok(false)
}

/// Hands the debug sections of a slice to gimli, and says how large they are together.
fn sections(bytes: &[u8]) -> Result<(gimli::Dwarf<Slice<'_>>, usize), String> {
    let file = object::File::parse(bytes).map_err(|why| why.to_string())?;
    let endian = match file.is_little_endian() {
        true => RunTimeEndian::Little,
        false => RunTimeEndian::Big,
    };
    let mut size = 0_usize;
    let dwarf = gimli::Dwarf::load(|id| {
        let section = file.section_by_name(id.name());
        // A section that reaches past the end of a cut file is as good as absent.
        let data = section
            .and_then(|section| section.data().ok())
            .unwrap_or_default();
        size = size.saturating_add(data.len());
        Ok::<_, String>(Guarded::new(data, endian))
    })?;
    Ok((dwarf, size))
}
