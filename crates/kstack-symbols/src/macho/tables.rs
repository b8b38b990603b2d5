//! Which tables a slice has, and which of them lie outside the file.

use std::ops::Range;

use goblin::mach::symbols::Nlist;
use scroll::ctx::SizeWith;

use super::{Image, to_usize};

impl Image {
    pub(crate) fn has_symbols(&self) -> bool {
        self.symtab.is_some_and(|table| table.nsyms > 0)
    }

    pub(crate) fn has_exports(&self) -> bool {
        self.exports.as_ref().is_some_and(|trie| !trie.is_empty())
    }

    pub(crate) fn has_function_starts(&self) -> bool {
        let starts = self.function_starts.as_ref();
        starts.is_some_and(|starts| !starts.is_empty())
    }

    /// Tables that a file of this size has not, or not whole: it is cut, or their places are damaged.
    pub(crate) fn missing(&self, size: usize) -> Vec<&'static str> {
        let table = self.symtab.unwrap_or_default();
        let symbols = to_usize(table.nsyms).saturating_mul(Nlist::size_with(&self.ctx));
        let span = |offset: u32, size: usize| {
            let start = to_usize(offset);
            start..start.saturating_add(size)
        };
        let tables = [
            ("symbol table", span(table.symoff, symbols)),
            ("symbol names", span(table.stroff, to_usize(table.strsize))),
            (
                "list of function starts",
                self.function_starts.clone().unwrap_or_default(),
            ),
            ("list of exports", self.exports.clone().unwrap_or_default()),
        ];
        let is_outside = |range: &Range<usize>| !range.is_empty() && range.end > size;
        let missing = tables.into_iter().filter(|(_, range)| is_outside(range));
        missing.map(|(name, _)| name).collect()
    }
}
