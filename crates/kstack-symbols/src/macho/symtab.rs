//! The symbol table of a slice.

use goblin::mach::load_command::SymtabCommand;
use goblin::mach::symbols::{self, Nlist};
use scroll::Pread;
use scroll::ctx::SizeWith;

use super::{Image, Numbered, to_usize};
use crate::table::text_at;

/// A debugging entry of the symbol table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stab<'a> {
    pub(crate) kind: u8,
    pub(crate) value: u64,
    pub(crate) name: &'a [u8],
}

/// A path or a mangled name is shorter. Damaged entries may all point into one name without an end.
const LONGEST_STAB: usize = 0x1000;

/// A name for code or data from the symbol table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawSymbol {
    pub(crate) address: u64,
    /// Offset of its name in the slice.
    pub(crate) name: usize,
    pub(crate) is_external: bool,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Code,
    Data,
}

/// Names that are compared with known ones are short.
const LONGEST_IMPORT: usize = 0x100;

impl Image {
    /// Symbols that name code, or those that name data: defined in such a section, within it, no
    /// debugging entries.
    pub(crate) fn symbols(&self, held: Held, bytes: &[u8]) -> impl Iterator<Item = RawSymbol> {
        let symbols = self.defined(bytes);
        symbols.filter_map(move |(symbol, section)| {
            let is_held = section.is_code == (held == Held::Code);
            is_held.then_some(symbol)
        })
    }

    /// Symbols that lie in the section they name.
    fn defined(&self, bytes: &[u8]) -> impl Iterator<Item = (RawSymbol, &Numbered)> {
        let table = self.symtab.unwrap_or_default();
        let size = Nlist::size_with(&self.ctx);
        let start = to_usize(table.symoff);
        let entries = bytes.get(start..).unwrap_or_default().chunks_exact(size);
        entries
            .take(to_usize(table.nsyms))
            .filter_map(move |entry| {
                let symbol: Nlist = entry.pread_with(0, self.ctx).ok()?;
                if symbol.is_stab() || symbol.get_type() != symbols::N_SECT {
                    return None;
                }
                let section = self.sections.get(symbol.n_sect.checked_sub(1)?)?;
                let raw = RawSymbol {
                    address: symbol.n_value,
                    name: name_at(&table, &symbol)?,
                    is_external: symbol.is_global(),
                };
                let lies_there = section.range.contains(&symbol.n_value);
                lies_there.then_some((raw, section))
            })
    }

    /// Debugging entries of the symbol table, in its order.
    pub(crate) fn stabs<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Stab<'a>> {
        let table = self.symtab.unwrap_or_default();
        let size = Nlist::size_with(&self.ctx);
        let entries = bytes.get(to_usize(table.symoff)..).unwrap_or_default();
        let entries = entries.chunks_exact(size).take(to_usize(table.nsyms));
        let names = self.names(bytes);
        entries.filter_map(move |entry| {
            let symbol: Nlist = entry.pread_with(0, self.ctx).ok()?;
            if !symbol.is_stab() {
                return None;
            }
            Some(Stab {
                kind: symbol.n_type,
                value: symbol.n_value,
                name: text_at(names, name_at(&table, &symbol)?, LONGEST_STAB),
            })
        })
    }

    /// The name of the symbol with this number, underscore included.
    pub(crate) fn name_of_symbol<'a>(&self, number: usize, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let table = self.symtab?;
        let size = Nlist::size_with(&self.ctx);
        let at = number
            .checked_mul(size)?
            .checked_add(to_usize(table.symoff))?;
        let symbol: Nlist = bytes.pread_with(at, self.ctx).ok()?;
        let name = name_at(&table, &symbol)?;
        Some(text_at(self.names(bytes), name, LONGEST_IMPORT))
    }

    /// The slice as far as the names of symbols go: one without an end does not go on in what follows.
    pub(crate) fn names<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let table = self.symtab.unwrap_or_default();
        let end = to_usize(table.stroff).saturating_add(to_usize(table.strsize));
        bytes.get(..end).unwrap_or(bytes)
    }
}

/// Where the name of a symbol lies in the slice. Outside the string table are other things, and no names.
fn name_at(table: &SymtabCommand, symbol: &Nlist) -> Option<usize> {
    let is_inside = symbol.n_strx < to_usize(table.strsize);
    is_inside.then(|| to_usize(table.stroff).checked_add(symbol.n_strx))?
}
