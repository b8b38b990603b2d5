//! What is inlined into a function: all of it is read when an address of the function is first asked.

use gimli::{Abbreviation, AttributeValue, EntriesRaw, Range, Result, UnitOffset, UnitRef};

use super::Slice;
use super::extent::Extent;
use super::names::{Name, NameId, Namer};
use super::naming::Naming;
use crate::guard::refuse;

/// Functions inlined into each other around one address. The most seen in a kernel are some tens.
const DEEPEST: u32 = 4000;

/// The name of a function, and the functions inlined into it.
#[derive(Debug, Default)]
pub(super) struct Inlined {
    pub(super) name: Option<Name>,
    /// Each before those that are inlined into it, and once for each of its ranges.
    pieces: Vec<Piece>,
}

/// A range of an inlined function.
#[derive(Clone, Copy, Debug)]
struct Piece {
    begin: u64,
    end: u64,
    /// 1 is inlined into the function itself.
    depth: u32,
    /// Whether it is a further range of the same one as the piece before.
    is_more: bool,
    call: Call,
}

/// An inlined function, and where it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) name: Option<NameId>,
    /// As the line table numbers its files.
    pub(super) file: Option<u32>,
    /// Numbers are 0 where there is none.
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Inlined {
    /// Reads the entry of a function and what lies inside it.
    pub(super) fn read<'a>(
        unit: UnitRef<'_, Slice<'a>>,
        entry: UnitOffset,
        namer: &Namer<'_, 'a>,
    ) -> Result<Inlined> {
        let mut entries = unit.entries_raw(Some(entry))?;
        let mut inlined = Inlined::default();
        let mut naming = Naming::default();
        let function = entries.read_abbreviation()?;
        for attribute in function.map_or(&[][..], Abbreviation::attributes) {
            naming.take(unit, &entries.read_attribute(*attribute)?);
        }
        inlined.name = namer.name(naming)?;
        // Depths in the tree of the inlined functions that the next entry lies in.
        let mut around: Vec<isize> = Vec::new();
        // Below this depth lies another function.
        let mut other = None;
        while !entries.is_empty() && entries.next_depth() > 0 {
            let depth = entries.next_depth();
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            around.truncate(around.partition_point(|&outer| outer < depth));
            other = other.filter(|&other| depth > other);
            let is_inlined = abbreviation.tag() == gimli::DW_TAG_inlined_subroutine;
            if !is_inlined || other.is_some() {
                entries.skip_attributes(abbreviation.attributes())?;
                if abbreviation.tag() == gimli::DW_TAG_subprogram {
                    other = other.or(Some(depth));
                }
                continue;
            }
            around.push(depth);
            let nested = u32::try_from(around.len()).unwrap_or(u32::MAX);
            if nested > DEEPEST {
                return Err(refuse("its inlined functions are nested too deeply"));
            }
            inlined.take(unit, &mut entries, abbreviation, nested, namer)?;
        }
        Ok(inlined)
    }

    /// Reads one inlined function.
    fn take<'a>(
        &mut self,
        unit: UnitRef<'_, Slice<'a>>,
        entries: &mut EntriesRaw<'_, Slice<'a>>,
        abbreviation: &Abbreviation,
        depth: u32,
        namer: &Namer<'_, 'a>,
    ) -> Result<()> {
        let mut extent = Extent::default();
        let mut naming = Naming::default();
        let mut call = Call {
            name: None,
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
                    naming.take(unit, &attribute);
                }
            }
        }
        call.name = namer.number(naming)?;
        let mut piece = Piece {
            begin: 0,
            end: 0,
            depth,
            is_more: false,
            call,
        };
        extent.each(unit, |Range { begin, end }| {
            self.pieces.push(Piece {
                begin,
                end,
                ..piece
            });
            piece.is_more = true;
            Ok(())
        })?;
        if !piece.is_more {
            // What is inlined into it must not be taken for a part of the one before.
            self.pieces.push(piece);
        }
        Ok(())
    }

    /// The inlined functions around an address, outermost first.
    pub(super) fn around(&self, address: u64) -> impl Iterator<Item = &Call> {
        let mut depth = 0;
        let mut pieces = self.pieces.iter();
        std::iter::from_fn(move || {
            // Behind one that is around the address, what is not deeper lies beside it.
            let inside =
                |piece: &&Piece| piece.depth > depth || (piece.depth == depth && piece.is_more);
            let deeper = pieces.by_ref().take_while(inside);
            let mut next = deeper.filter(|piece| piece.depth == depth + 1);
            let piece = next.find(|piece| piece.begin <= address && address < piece.end)?;
            depth = piece.depth;
            Some(&piece.call)
        })
    }
}

/// The file of a call. Before DWARF 5 the number 0 stood for none.
fn file(unit: UnitRef<'_, Slice<'_>>, value: &AttributeValue<Slice<'_>>) -> Option<u32> {
    match *value {
        AttributeValue::FileIndex(file) => {
            let file = u32::try_from(file).ok();
            file.filter(|&file| file > 0 || unit.header.version() >= 5)
        }
        _ => None,
    }
}
