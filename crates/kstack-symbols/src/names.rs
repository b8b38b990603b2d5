//! Lookups: what all files of one build together say about an address.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kstack_model::VmAddr;

use crate::demangle::demangle;
use crate::dwarf::{Answer, Dwarf, Function, Name};
use crate::part::Part;
use crate::shift::{Shift, start_before};
use crate::table::Found;
use crate::{Certainty, Named, SourceFrame, SymbolError, SymbolErrorKind, SymbolSource};

/// A session of lookups in one source, for one thread.
pub struct Names<'a> {
    source: &'a SymbolSource,
    files: Vec<&'a [u8]>,
    debug: Debug<'a>,
    damage: Option<String>,
}

/// The debug information of a source, opened by the first lookup.
enum Debug<'a> {
    Unopened,
    Open(Box<OpenDebug<'a>>),
    /// In the object files of a debug map; each is opened when an address of it is asked for.
    Objects(BTreeMap<usize, Result<Box<Dwarf<'a>>, String>>),
    None,
}

/// The debug information of a file, asked with the addresses of the source.
struct OpenDebug<'a> {
    dwarf: Dwarf<'a>,
    shift: &'a Shift,
}

impl OpenDebug<'_> {
    fn at(&self, here: u64) -> Result<Answer, String> {
        match self.shift.across(here) {
            Some(there) => {
                let mut answer = self.dwarf.at(there)?;
                if let Some(function) = &mut answer.function {
                    function.start = self.shift.start_of(function.start, there, here);
                }
                Ok(answer)
            }
            None => Ok(Answer::default()),
        }
    }

    fn line_near(&self, here: u64, start: u64, frames: &[SourceFrame]) -> Option<u32> {
        let (at, start) = (self.shift.across(here)?, self.shift.across(start)?);
        self.dwarf.line_near(at, start, frames)
    }
}

impl<'a> Names<'a> {
    pub(crate) fn new(source: &'a SymbolSource) -> Names<'a> {
        Names {
            source,
            files: source.files(),
            debug: Debug::Unopened,
            damage: None,
        }
    }

    /// Names an address as the binary is linked. `None` where the source knows nothing there.
    ///
    /// A dSYM linked elsewhere, as that of a `.sym` file is, is asked at its own addresses.
    ///
    /// # Errors
    ///
    /// When the debug information at this address is damaged and no symbol
    /// names it either; other addresses may still be answered.
    pub fn lookup(&mut self, at: VmAddr) -> Result<Option<Named>, SymbolError> {
        if !self.is_code(at) {
            return Ok(None);
        }
        let Some(entry) = self.source.entry() else {
            return self.ask(at);
        };
        if let Some(known) = entry.at(at.0) {
            return Ok(known);
        }
        let named = self.ask(at)?;
        // What damage has cost is found out again, and told again, by every run.
        if self.damage().is_none() {
            entry.keep(at.0, named.as_ref());
        }
        Ok(named)
    }

    /// Asks the files themselves.
    fn ask(&mut self, at: VmAddr) -> Result<Option<Named>, SymbolError> {
        let answer = match self.ask_dwarf(at.0) {
            Ok(answer) => answer,
            Err(why) => {
                let found = self.ask_table(at.0, Vec::new());
                self.damage.get_or_insert_with(|| why.clone());
                return match found {
                    Some(named) => Ok(Some(named)),
                    None => Err(self.error(why)),
                };
            }
        };
        let Answer { function, frames } = answer;
        Ok(match function {
            Some(function) => Some(self.by_dwarf(at.0, &function, frames)),
            None => self.ask_table(at.0, frames),
        })
    }

    /// The first damage this session met in the debug information, as a fragment.
    ///
    /// Addresses there were answered by symbols alone, without lines.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        let units = || match &self.debug {
            Debug::Open(debug) => debug.dwarf.damage(),
            Debug::Objects(open) => {
                let mut opened = open.values().flatten();
                opened.find_map(|dwarf| dwarf.damage())
            }
            Debug::Unopened | Debug::None => None,
        };
        self.damage.clone().or_else(units)
    }

    fn is_code(&self, at: VmAddr) -> bool {
        let mut code = self.source.parts().iter().flat_map(Part::code);
        code.any(|range| range.contains(&at.0))
    }

    fn ask_dwarf(&mut self, at: u64) -> Result<Answer, String> {
        if matches!(self.debug, Debug::Unopened) {
            self.debug = self.open();
        }
        match &mut self.debug {
            Debug::Open(debug) => debug.at(at),
            Debug::Objects(open) => match self.source.place_in_objects(at) {
                Some(place) => {
                    let dwarf = open
                        .entry(place.object)
                        .or_insert_with(|| Dwarf::open(place.file.bytes()).map(Box::new));
                    let dwarf = dwarf.as_ref().map_err(String::clone)?;
                    let mut answer = dwarf.at(place.address)?;
                    if let Some(function) = &mut answer.function {
                        function.start = start_before(at, function.start, place.address);
                    }
                    Ok(answer)
                }
                None => Ok(Answer::default()),
            },
            Debug::Unopened | Debug::None => Ok(Answer::default()),
        }
    }

    /// Opens the debug information of the first part that has any, the dSYM before the binary.
    fn open(&mut self) -> Debug<'a> {
        for part in self.source.parts().iter().rev() {
            if !part.image.has_dwarf {
                continue;
            }
            match Dwarf::open_mapped(&part.bytes) {
                Ok(dwarf) => {
                    let shift = &part.shift;
                    return Debug::Open(Box::new(OpenDebug { dwarf, shift }));
                }
                Err(why) => self.damage = Some(why),
            }
        }
        if !self.source.debug_map().is_empty() {
            return Debug::Objects(BTreeMap::new());
        }
        Debug::None
    }

    fn by_dwarf(&self, at: u64, function: &Function, mut frames: Vec<SourceFrame>) -> Named {
        let start = function.start;
        self.give_line(at, start, &mut frames);
        let (raw, name) = match &function.name {
            Some(Name { raw, shown }) => match self.without_label_underscore(raw, start) {
                Some(cut) => (Arc::clone(&cut), demangle(&cut)),
                None => (Arc::clone(raw), Arc::clone(shown)),
            },
            None => {
                let raw = Arc::from(self.name_of_start(start));
                (Arc::clone(&raw), demangle(&raw))
            }
        };
        if let Some(outermost) = frames.last_mut() {
            outermost.set_name(&raw, &name);
        }
        Named {
            raw,
            name,
            start: VmAddr(start),
            certainty: Certainty::Inside,
            frames,
        }
    }

    /// Lets line 0 give way to the nearest real line of the same function.
    fn give_line(&self, at: u64, start: u64, frames: &mut [SourceFrame]) {
        let line = match (&self.debug, frames.first()) {
            (Debug::Open(debug), Some(frame)) if frame.line.is_none() && frame.file.is_some() => {
                debug.line_near(at, start, frames)
            }
            _ => None,
        };
        if let (Some(line), Some(frame)) = (line, frames.first_mut()) {
            frame.line = Some(line);
            frame.nearby = true;
        }
    }

    /// Cuts the underscore of a name that was given with an assembler label.
    ///
    /// DWARF then repeats the symbol table's spelling, where the underscore is
    /// Mach-O's; only an equal symbol at the same address proves it.
    fn without_label_underscore(&self, raw: &str, start: u64) -> Option<Arc<str>> {
        // C++ and Rust names start so by themselves.
        let is_mangled = raw.starts_with("_Z") || raw.starts_with("_R");
        let cut = raw.strip_prefix('_').filter(|_| !is_mangled)?;
        if cut.is_empty() {
            return None;
        }
        let symbol = self.source.table().exactly_at(start);
        let is_label = symbol.is_some_and(|name| name.bytes(&self.files) == raw.as_bytes());
        is_label.then(|| cut.into())
    }

    fn name_of_start(&self, start: u64) -> String {
        let symbol = self.source.table().exactly_at(start);
        symbol.map_or_else(|| made_up(start), |name| name.text(&self.files))
    }

    /// Asks symbol tables, exports and function starts. `frames` is what DWARF
    /// says here: nothing, or a line without a function.
    fn ask_table(&self, at: u64, mut frames: Vec<SourceFrame>) -> Option<Named> {
        let found = self.source.table().at(at)?;
        if self.ends_before(&found, at) {
            return None;
        }
        let raw = match found.name {
            Some(name) => name.text(&self.files),
            None => made_up(found.start.0),
        };
        let raw = Arc::from(raw);
        let name = demangle(&raw);
        for frame in &mut frames {
            frame.set_name(&raw, &name);
        }
        Some(Named {
            raw,
            name,
            start: found.start,
            certainty: self.certainty(&found, at),
            frames,
        })
    }

    /// The nearest symbol names the function where the code confirms that it reaches so far.
    fn certainty(&self, found: &Found<'_>, at: u64) -> Certainty {
        let mapped = self.source.debug_map().function_at(at);
        let is_mapped = mapped.is_some_and(|function| function.start == found.start.0);
        let is_confirmed = found.certainty == Certainty::Nearest
            && (is_mapped || self.source.bounds().confirm(found.start.0, at));
        match is_confirmed {
            true => Certainty::Inside,
            false => found.certainty,
        }
    }

    /// Whether the function at the symbol is known to end before the address: DWARF or a debug map knows it.
    fn ends_before(&self, found: &Found<'_>, at: u64) -> bool {
        let map = self.source.debug_map();
        if map.starts_at(found.start.0) {
            // The linker counts what fills the gap to the next function; DWARF does not.
            let mapped = map.function_at(at);
            return mapped.is_none_or(|function| function.start != found.start.0)
                || (found.start.0 != at && self.is_in_objects(found.start.0));
        }
        let Debug::Open(debug) = &self.debug else {
            return false;
        };
        if found.start.0 == at {
            return false;
        }
        let answer = debug.at(found.start.0);
        answer.is_ok_and(|answer| answer.function.is_some())
    }

    /// Whether the object file of an address has a function there.
    fn is_in_objects(&self, at: u64) -> bool {
        let (Debug::Objects(open), Some(place)) = (&self.debug, self.source.place_in_objects(at))
        else {
            return false;
        };
        let dwarf = open.get(&place.object);
        let dwarf = dwarf.and_then(|dwarf| dwarf.as_ref().ok());
        let answer = dwarf.map(|dwarf| dwarf.at(place.address));
        answer.is_some_and(|answer| answer.is_ok_and(|answer| answer.function.is_some()))
    }

    fn error(&self, why: String) -> SymbolError {
        let part = self.source.parts().last();
        SymbolError {
            path: part.map_or(String::new(), |part| part.path.clone()),
            kind: SymbolErrorKind::Damaged(why),
        }
    }
}

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("identity", self.source.identity())
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

/// A name for a function that has none, made from its linked address.
fn made_up(start: u64) -> String {
    format!("sub_{start:x}")
}
