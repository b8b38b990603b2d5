//! Functions, inlined functions, files and lines from DWARF.

use std::borrow::Cow;

use addr2line::{Context, Frame, Location};
use gimli::RunTimeEndian;
use object::{Object, ObjectSection};

use crate::SourceFrame;
use crate::demangle::demangle;
use crate::guard::{Guarded, bounded};

/// The debug information of one slice, read unit by unit as it is asked for.
pub(crate) struct Dwarf<'a> {
    context: Context<Guarded<'a>>,
    size: usize,
}

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
    /// Innermost first. Without a function at most one, which has only a place.
    pub(crate) frames: Vec<SourceFrame>,
}

/// A function that DWARF knows.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its linkage name, else its name.
    pub(crate) raw: Option<String>,
    entry: gimli::UnitOffset,
}

impl<'a> Dwarf<'a> {
    /// Opens the debug information of a slice. The error is a fragment.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Dwarf<'a>, String> {
        let (mut sections, size) = sections(bytes)?;
        let context = bounded(size, || {
            // dsymutil writes one table of abbreviations for all units.
            sections.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
            Context::from_dwarf(sections)
        })?;
        Ok(Dwarf { context, size })
    }

    /// What is known about an address. The error is a fragment.
    pub(crate) fn at(&self, address: u64) -> Result<Answer, String> {
        // addr2line searches the range from an address to the next one.
        if address == u64::MAX {
            return Ok(Answer::default());
        }
        bounded(self.size, || self.answer(address))
    }

    fn answer(&self, address: u64) -> Result<Answer, gimli::Error> {
        let mut answer = Answer::default();
        let mut frames = self.context.find_frames(address).skip_all_loads()?;
        while let Some(frame) = frames.next()? {
            let raw = raw_name(&frame);
            if let Some(entry) = frame.dw_die_offset {
                // Each frame is called from the next: the last is the function itself.
                answer.function = Some(Function {
                    raw: raw.clone(),
                    entry,
                });
            }
            answer.frames.push(source_frame(raw, frame.location));
        }
        Ok(answer)
    }

    /// Where a function that holds `address` starts.
    ///
    /// Of a function in several parts that is its entry; for a part placed
    /// before the entry it is the start of the part, so that no distance is negative.
    pub(crate) fn start_of(&self, function: &Function, address: u64) -> Option<u64> {
        bounded(self.size, || {
            let unit = self.context.find_dwarf_and_unit(address).skip_all_loads();
            let Some(unit) = unit else { return Ok(None) };
            let entry = unit.entry(function.entry)?;
            let mut ranges = unit.die_ranges(&entry)?;
            let mut first = None;
            while let Some(range) = ranges.next()? {
                let entry = *first.get_or_insert(range.begin);
                if (range.begin..range.end).contains(&address) {
                    return Ok(Some(if entry <= address { entry } else { range.begin }));
                }
            }
            Ok(None)
        })
        .ok()?
    }

    /// The nearest line to an address that has none, in the same function, inlined ones included:
    /// that before it, else that behind it.
    pub(crate) fn line_near(&self, at: u64, start: u64, frames: &[SourceFrame]) -> Option<u32> {
        let is_same = |there: &[SourceFrame]| {
            let functions = |frames: &[SourceFrame]| -> Vec<Option<String>> {
                frames.iter().map(|frame| frame.function.clone()).collect()
            };
            functions(there) == functions(frames)
        };
        // One question, however many rows it tries: damage cannot make it cost more.
        bounded(self.size, || {
            let before = self.lines_between(start, at)?;
            let before = before.iter().rev().take(ROWS_NEAR);
            let behind = self.lines_between(at, at.saturating_add(BYTES_BEHIND))?;
            for (at, line) in before.chain(behind.iter().take(ROWS_NEAR)) {
                if is_same(&self.answer(*at)?.frames) {
                    return Ok(Some(*line));
                }
            }
            Ok(None)
        })
        .ok()?
    }

    /// Addresses that have a line, in ascending order.
    fn lines_between(&self, low: u64, high: u64) -> Result<Vec<(u64, u32)>, gimli::Error> {
        let rows = self.context.find_location_range(low, high)?;
        let rows = rows.take(ROWS_READ);
        let lines = rows.filter_map(|(at, _, location)| Some((at, location.line?)));
        Ok(lines.collect())
    }

    /// Whether any function has an address. An empty dSYM has units and no code.
    pub(crate) fn has_functions(bytes: &'a [u8]) -> Result<bool, String> {
        let (dwarf, size) = sections(bytes)?;
        bounded(size, || has_functions(&dwarf))
    }
}

fn has_functions(dwarf: &gimli::Dwarf<Guarded<'_>>) -> Result<bool, gimli::Error> {
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let mut entries = unit.entries_raw(None)?;
        while !entries.is_empty() {
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            let has_address = abbreviation.attributes().iter().any(|attribute| {
                matches!(attribute.name(), gimli::DW_AT_low_pc | gimli::DW_AT_ranges)
            });
            if abbreviation.tag() == gimli::DW_TAG_subprogram && has_address {
                return Ok(true);
            }
            entries.skip_attributes(abbreviation.attributes())?;
        }
    }
    Ok(false)
}

fn raw_name(frame: &Frame<'_, Guarded<'_>>) -> Option<String> {
    let name = frame.function.as_ref()?;
    let name = name.raw_name().unwrap_or(Cow::Borrowed(""));
    // Compilers mark names that are not to get an underscore with the byte 1.
    let name = name.strip_prefix('\u{1}').unwrap_or(&name);
    (!name.is_empty()).then(|| name.to_owned())
}

fn source_frame(raw: Option<String>, location: Option<Location<'_>>) -> SourceFrame {
    let function = raw.as_deref().map(demangle);
    let location = location.as_ref();
    SourceFrame {
        raw: raw.filter(|raw| function.as_ref() != Some(raw)),
        function,
        file: location
            .and_then(|location| location.file)
            .map(str::to_owned),
        line: location.and_then(|location| location.line),
        // Column 0 stands for the left edge, which is no column to show.
        column: location
            .and_then(|location| location.column)
            .filter(|&column| column != 0),
        nearby: false,
        excerpt: None,
    }
}

/// Hands the debug sections of a slice to gimli, and says how large they are together.
fn sections(bytes: &[u8]) -> Result<(gimli::Dwarf<Guarded<'_>>, usize), String> {
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
