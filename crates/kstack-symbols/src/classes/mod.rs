//! What virtual tables tell of functions that have no name.
//!
//! A kext in C++ exports its virtual tables (`__ZTV12net_foo_Zvol`) although its functions are
//! stripped: a class of another kext may derive from its own. Each entry of a table points to a
//! function of the class, its own or one that it inherits. Which of the two cannot be told without
//! the tables of its bases, and what the function is called not at all, so this never is a name.

mod words;

use std::ops::Range;
use std::sync::Arc;

use kstack_model::VmAddr;

use crate::demangle::demangle;
use crate::part::Part;
use crate::table::text_at;
use words::{Word, Words};

/// Entries of all tables of a file that are read. The tables of a whole kernel have half as many.
const MOST_SLOTS: usize = 1_000_000;

/// Tables of one function that are listed; a function that more classes inherit is in more.
const MOST_LISTED: usize = 8;

/// Bytes of the name of a class that are kept.
const LONGEST: usize = 1024;

/// A function by the virtual tables that hold it: what it probably is, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Virtual {
    /// Where the function starts.
    pub start: VmAddr,
    /// The tables it is in, by class and entry; at most eight.
    pub tables: Vec<Slot>,
    /// How many tables it is in besides those.
    pub more: usize,
}

/// An entry of a virtual table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The class whose table it is, demangled.
    pub class: String,
    /// Counted from 0, the first function of the table.
    pub entry: u32,
}

/// The virtual tables of a file.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    names: Vec<String>,
    /// Function, number of the class, entry; sorted.
    slots: Vec<(u64, usize, u32)>,
}

impl Classes {
    /// Reads the tables that the symbols of the binary, the first part, name.
    pub(crate) fn of(part: &Part, base: u64) -> Classes {
        let (image, bytes) = (&part.image, part.bytes.as_slice());
        let mut classes = Classes::default();
        if !image.is_64_bit() || !image.is_little_endian() {
            return classes;
        }
        let mut symbols: Vec<_> = image.data_symbols(bytes).collect();
        symbols.sort_by_key(|symbol| (symbol.address, symbol.name));
        let words = Words::new(image, bytes, base);
        for (index, symbol) in symbols.iter().enumerate() {
            let name = text_at(bytes, symbol.name, LONGEST);
            let Some(class) = name.strip_prefix(b"__ZTV") else {
                continue;
            };
            let mut after = symbols.iter().skip(index).map(|symbol| symbol.address);
            let end = after.find(|address| *address > symbol.address);
            let end = end.unwrap_or(u64::MAX).min(symbol.section_end);
            let functions = functions(&words, symbol.address..end);
            if functions.is_empty() || classes.slots.len() + functions.len() > MOST_SLOTS {
                continue;
            }
            let number = classes.names.len();
            classes.names.push(name_of_class(class));
            let slots = functions.into_iter();
            classes
                .slots
                .extend(slots.map(|(entry, start)| (start, number, entry)));
        }
        classes.slots.sort_unstable();
        classes.slots.dedup();
        classes
    }

    /// The last function at or before an address that is in a table.
    pub(crate) fn start_before(&self, at: u64) -> Option<u64> {
        let after = self.slots.partition_point(|(start, ..)| *start <= at);
        self.slots
            .get(after.checked_sub(1)?)
            .map(|(start, ..)| *start)
    }

    /// The tables that a function is in.
    pub(crate) fn at(&self, start: u64) -> Option<Virtual> {
        let first = self.slots.partition_point(|(other, ..)| *other < start);
        let slots = self.slots.iter().skip(first);
        let mut slots = slots.take_while(|(other, ..)| *other == start);
        let mut tables = Vec::new();
        for (_, number, entry) in slots.by_ref().take(MOST_LISTED) {
            tables.push(Slot {
                class: self.names.get(*number)?.clone(),
                entry: *entry,
            });
        }
        tables.sort();
        (!tables.is_empty()).then(|| Virtual {
            start: VmAddr(start),
            more: slots.count(),
            tables,
        })
    }
}

/// The functions of this image in the table that lies there, with their entries.
///
/// Before the first function stand two words: how far the object begins before this part of it, 0
/// for the whole, and its type information, 0 in kexts. A word of 0 ends the table: the compiler
/// puts one there for kexts, and the next table begins with one.
fn functions(words: &Words<'_>, table: Range<u64>) -> Vec<(u32, u64)> {
    let mut functions = Vec::new();
    let is_whole = matches!(words.at(table.start), Some(Word::Zero));
    if !is_whole {
        return functions;
    }
    for entry in 0_u32.. {
        let at = table.start.saturating_add(16 + 8 * u64::from(entry));
        if at.saturating_add(8) > table.end || functions.len() >= MOST_SLOTS {
            break;
        }
        match words.at(at) {
            Some(Word::Code(start)) => functions.push((entry, start)),
            Some(Word::Elsewhere) => {}
            Some(Word::Zero | Word::Number) | None => break,
        }
    }
    functions
}

/// `net_foo_Zvol` of `12net_foo_Zvol`, which is how the name of its table ends.
fn name_of_class(mangled: &[u8]) -> String {
    let mangled = String::from_utf8_lossy(mangled);
    let symbol = Arc::from(format!("_Z{mangled}"));
    let name = demangle(&symbol);
    if name == symbol {
        mangled.into_owned()
    } else {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_table_gives_that_of_its_class() {
        let names = [
            ("12net_foo_Zvol", "net_foo_Zvol"),
            ("N12net_foo_Zvol9MetaClassE", "net_foo_Zvol::MetaClass"),
            ("4RingIiE", "Ring<int>"),
            ("no class", "no class"),
        ];
        for (mangled, class) in names {
            assert_eq!(name_of_class(mangled.as_bytes()), class);
        }
    }
}
