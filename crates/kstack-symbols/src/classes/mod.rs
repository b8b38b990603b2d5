//! What virtual tables tell of functions that have no name.
//!
//! A kext in C++ exports its virtual tables (`__ZTV12net_foo_Zvol`) although its functions are
//! stripped: a class of another kext may derive from its own. Each entry of a table points to a
//! function of the class, its own or one that it inherits. Which of the two cannot be told without
//! the tables of its bases, and what the function is called not at all, so this never is a name.
//! Tables whose symbols are stripped too are named by what the metaclass was constructed with.

mod metaclass;
mod registers;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use kstack_model::VmAddr;

use crate::demangle::demangle;
use crate::macho::Held;
use crate::part::Part;
use crate::table::text_at;
use metaclass::Metaclasses;
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
    /// What tells whose table it is.
    pub named_by: NamedBy,
}

/// What tells whose a virtual table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedBy {
    /// The table's symbol.
    Symbol,
    /// `getMetaClass` in the table, and the name that the metaclass is constructed with.
    Metaclass,
}

/// The virtual tables of a file.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    names: Vec<(String, NamedBy)>,
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
        let mut symbols: Vec<_> = image.symbols(Held::Data, bytes).collect();
        symbols.sort_by_key(|symbol| (symbol.address, symbol.name));
        let starts: Vec<u64> = symbols.iter().map(|symbol| symbol.address).collect();
        let next = |start: u64| {
            let next = starts.partition_point(|other| *other <= start);
            starts.get(next).copied().unwrap_or(u64::MAX)
        };
        let words = Words::new(image, bytes, base);
        // Of several names of one table the first is taken, so each table is read once.
        let mut read = None;
        for symbol in symbols {
            let name = text_at(image.names(bytes), symbol.name, LONGEST);
            let Some(class) = name.strip_prefix(b"__ZTV") else {
                continue;
            };
            if read.replace(symbol.address) == Some(symbol.address) {
                continue;
            }
            let mut sections = image.data();
            let section = sections.find(|section| section.contains(&symbol.address));
            let section_end = section.map_or(symbol.address, |section| section.end);
            let end = next(symbol.address).min(section_end);
            let functions = functions(&words, symbol.address..end);
            classes.add(name_of_class(class), NamedBy::Symbol, functions);
        }
        classes.add_nameless(&Metaclasses::of(image, bytes), &words, next);
        classes.slots.sort_unstable();
        classes.slots.dedup();
        classes
    }

    fn add(&mut self, class: String, named_by: NamedBy, functions: Vec<(u32, u64)>) {
        if functions.is_empty() || self.slots.len() + functions.len() > MOST_SLOTS {
            return;
        }
        let number = self.names.len();
        self.names.push((class, named_by));
        let slots = functions.into_iter();
        self.slots
            .extend(slots.map(|(entry, start)| (start, number, entry)));
    }

    /// Adds the tables that no symbol names and that hold the `getMetaClass` of one class. `next` tells where
    /// the next symbol of data is.
    ///
    /// A class that has two tables is left out: one of them is of a class that derives from it and has
    /// no metaclass of its own.
    fn add_nameless(
        &mut self,
        metaclasses: &Metaclasses<'_>,
        words: &Words<'_>,
        next: impl Fn(u64) -> u64,
    ) {
        if metaclasses.is_empty() {
            return;
        }
        let mut found: BTreeMap<&str, Vec<Vec<(u32, u64)>>> = BTreeMap::new();
        for (start, end) in metaclasses.tables(words) {
            let functions = functions(words, start..end.min(next(start)));
            if let Some(class) = metaclasses.class_of(&functions) {
                found.entry(class).or_default().push(functions);
            }
        }
        let by_symbol: BTreeSet<String> =
            self.names.iter().map(|(class, _)| class.clone()).collect();
        for (class, mut tables) in found {
            let is_only = tables.len() == 1 && !by_symbol.contains(class);
            if let Some(functions) = tables.pop().filter(|_| is_only) {
                self.add(class.to_owned(), NamedBy::Metaclass, functions);
            }
        }
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
            let (class, named_by) = self.names.get(*number)?;
            tables.push(Slot {
                class: class.clone(),
                entry: *entry,
                named_by: *named_by,
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
