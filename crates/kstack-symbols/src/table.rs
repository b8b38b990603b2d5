//! Names of code, and names of data, by address, from symbol tables, exports and function starts.

use std::ops::Range;

use kstack_model::VmAddr;

use crate::Certainty;
use crate::exports::exports;
use crate::macho::Held;
use crate::part::Part;

/// Names of code or of data, sorted by address.
#[derive(Debug, Default)]
pub(crate) struct Table {
    symbols: Vec<Symbol>,
    /// Starts of functions in ascending order; empty where no file lists them.
    starts: Vec<u64>,
    /// The sections that hold them, in ascending order.
    sections: Vec<(u64, u64)>,
}

/// The best name at an address.
#[derive(Debug)]
struct Symbol {
    address: u64,
    name: Name,
}

/// Where a name is. Most are never asked for, so they stay in their files.
#[derive(Debug)]
pub(crate) enum Name {
    /// At an offset of one of the files that the table was made of.
    In { file: usize, offset: usize },
    /// Put together from an export trie.
    Own(Vec<u8>),
}

/// What the table says about an address.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// `None` for a function known only by its start.
    pub(crate) name: Option<&'a Name>,
    pub(crate) start: VmAddr,
    pub(crate) certainty: Certainty,
}

impl Table {
    /// The names of code of all files of one build together: a dSYM's table is richer than a shipped kext's.
    pub(crate) fn of(parts: &[Part]) -> Table {
        let mut starts = Vec::new();
        for part in parts {
            let listed = part.image.function_starts(part.bytes.as_slice());
            let listed = listed.into_iter();
            starts.extend(listed.filter_map(|start| part.shift.back(start)));
        }
        let code = sections(parts.iter().flat_map(Part::code));
        starts.retain(|&start| section_of(&code, start).is_some());
        sort(&mut starts);
        Table {
            starts,
            ..Table::holding(Held::Code, code, parts)
        }
    }

    /// The names of data, likewise.
    pub(crate) fn of_data(parts: &[Part]) -> Table {
        let data = sections(parts.iter().flat_map(Part::data));
        Table::holding(Held::Data, data, parts)
    }

    fn holding(held: Held, sections: Vec<(u64, u64)>, parts: &[Part]) -> Table {
        let exported = exported(parts, &sections);
        let mut table = Table {
            symbols: best(candidates(held, parts)),
            starts: Vec::new(),
            sections,
        };
        table.add_exports(exported);
        table
    }

    /// What names the address.
    ///
    /// A name never reaches past the section it lies in, nor into the next
    /// function where the starts of functions are known.
    pub(crate) fn at(&self, address: u64) -> Option<Found<'_>> {
        let section = section_of(&self.sections, address)?;
        let symbol = last_at_or_below(&self.symbols, address, |symbol| symbol.address)
            .filter(|symbol| symbol.address >= section.0);
        let start = last_at_or_below(&self.starts, address, |&start| start)
            .copied()
            .filter(|&start| start >= section.0);
        match (symbol, start) {
            (Some(symbol), Some(start)) if symbol.address >= start => {
                Some(symbol.found(Certainty::Inside))
            }
            (_, Some(start)) => Some(Found {
                name: None,
                start: VmAddr(start),
                certainty: Certainty::Unnamed,
            }),
            (Some(symbol), None) if symbol.address == address => {
                Some(symbol.found(Certainty::Inside))
            }
            (Some(symbol), None) => Some(symbol.found(Certainty::Nearest)),
            (None, None) => None,
        }
    }

    /// The first name behind an address that lies in the same section.
    pub(crate) fn next_in_section(&self, address: u64) -> Option<u64> {
        let section = section_of(&self.sections, address)?;
        let next = self
            .symbols
            .partition_point(|symbol| symbol.address <= address);
        let next = self.symbols.get(next)?.address;
        (next < section.1).then_some(next)
    }

    /// Every address that has a name.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = u64> {
        self.symbols.iter().map(|symbol| symbol.address)
    }

    /// The name at exactly this address.
    pub(crate) fn exactly_at(&self, address: u64) -> Option<&Name> {
        let index = self
            .symbols
            .binary_search_by_key(&address, |symbol| symbol.address)
            .ok()?;
        self.symbols.get(index).map(|symbol| &symbol.name)
    }

    /// Exports stand in where the symbol tables have nothing.
    fn add_exports(&mut self, exported: Vec<Symbol>) {
        let known: Vec<Symbol> = exported
            .into_iter()
            .filter(|export| self.exactly_at(export.address).is_none())
            .collect();
        self.symbols.extend(known);
        self.symbols.sort_by_key(|symbol| symbol.address);
        self.symbols.dedup_by_key(|symbol| symbol.address);
    }
}

impl Symbol {
    fn found(&self, certainty: Certainty) -> Found<'_> {
        Found {
            name: Some(&self.name),
            start: VmAddr(self.address),
            certainty,
        }
    }
}

impl Name {
    /// The name as its file has it, underscore included.
    pub(crate) fn bytes<'a>(&'a self, files: &[&'a [u8]]) -> &'a [u8] {
        match self {
            Name::In { file, offset } => {
                let bytes = files.get(*file).copied().unwrap_or_default();
                text_at(bytes, *offset, LONGEST)
            }
            Name::Own(name) => name,
        }
    }

    /// The name without the one underscore that Mach-O puts before C names.
    pub(crate) fn text(&self, files: &[&[u8]]) -> String {
        let name = self.bytes(files);
        let bare = name.strip_prefix(b"_").filter(|bare| !bare.is_empty());
        let name = bare.unwrap_or(name);
        String::from_utf8_lossy(name).into_owned()
    }
}

/// A symbol that may name its address.
struct Candidate<'a> {
    address: u64,
    rank: Rank<'a>,
    file: usize,
    offset: usize,
}

/// Which of several names of one address is shown: the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    /// Labels that assemblers and compilers make: `ltmp0`, `l_.str`, `L12`.
    is_label: bool,
    is_local: bool,
    /// Names with more leading underscores are aliases for the system's use.
    underscores: usize,
    length: usize,
    name: &'a [u8],
}

/// Bytes of a name that take part in the choice. A damaged string table can be
/// one name without an end, and every symbol can point into it.
const RANKED: usize = 512;

/// Bytes of a name that are shown, for the same reason.
const LONGEST: usize = 0x1_0000;

impl Rank<'_> {
    fn of(name: &[u8], is_external: bool) -> Rank<'_> {
        Rank {
            is_label: matches!(name.first(), None | Some(b'l' | b'L')),
            is_local: !is_external,
            underscores: name.iter().take_while(|&&byte| byte == b'_').count(),
            length: name.len(),
            name,
        }
    }
}

fn candidates(held: Held, parts: &[Part]) -> Vec<Candidate<'_>> {
    let mut candidates = Vec::new();
    for (file, part) in parts.iter().enumerate() {
        let bytes = part.bytes.as_slice();
        let names = part.image.names(bytes);
        for symbol in part.image.symbols(held, bytes) {
            let Some(address) = part.shift.back(symbol.address) else {
                continue;
            };
            let name = text_at(names, symbol.name, RANKED);
            candidates.push(Candidate {
                address,
                rank: Rank::of(name, symbol.is_external),
                file,
                offset: symbol.name,
            });
        }
    }
    candidates
}

fn sections(ranges: impl Iterator<Item = Range<u64>>) -> Vec<(u64, u64)> {
    let mut sections = ranges.map(|range| (range.start, range.end)).collect();
    sort(&mut sections);
    sections
}

fn best(mut candidates: Vec<Candidate<'_>>) -> Vec<Symbol> {
    candidates.retain(|candidate| !candidate.rank.name.is_empty());
    // The sort is stable, so of equal names that of the binary is taken.
    candidates.sort_by_key(|candidate| (candidate.address, candidate.rank));
    candidates.dedup_by_key(|candidate| candidate.address);
    let best = candidates.into_iter().map(|candidate| Symbol {
        address: candidate.address,
        name: Name::In {
            file: candidate.file,
            offset: candidate.offset,
        },
    });
    best.collect()
}

fn exported(parts: &[Part], sections: &[(u64, u64)]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for part in parts {
        let trie = part.image.export_trie(part.bytes.as_slice());
        for (name, offset) in exports(trie) {
            let linked = part.image.linked_at().0.wrapping_add(offset);
            let Some(address) = part.shift.back(linked) else {
                continue;
            };
            if section_of(sections, address).is_some() && !name.is_empty() {
                let name = Name::Own(name);
                symbols.push(Symbol { address, name });
            }
        }
    }
    symbols
}

/// The text at an offset, at most `most` bytes of it.
pub(crate) fn text_at(bytes: &[u8], offset: usize, most: usize) -> &[u8] {
    let rest = bytes.get(offset..).unwrap_or_default();
    let rest = rest.get(..most).unwrap_or(rest);
    rest.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// The section that holds an address.
fn section_of(code: &[(u64, u64)], address: u64) -> Option<(u64, u64)> {
    let section = last_at_or_below(code, address, |section| section.0)?;
    (address < section.1).then_some(*section)
}

fn last_at_or_below<T>(sorted: &[T], address: u64, key: impl Fn(&T) -> u64) -> Option<&T> {
    let index = sorted.partition_point(|item| key(item) <= address);
    sorted.get(index.checked_sub(1)?)
}
