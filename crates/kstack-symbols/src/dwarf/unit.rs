//! One unit, read as far as it was asked for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::HashMap;
use gimli::{LineProgramHeader, Reader, Result, UnitRef};

use super::Slice;
use super::extent::Extent;
use super::functions::Functions;
use super::inlined::Inlined;
use super::lines::Lines;
use super::machine::Row;
use super::names::Namer;

/// Paths longer than this are damage: one without an end, that many files can have.
const LONGEST: usize = 0x1_0000;

/// A unit whose root and line table header are read.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    unit: gimli::Unit<Slice<'a>>,
    functions: RefCell<Functions>,
    /// `None` until it is asked for.
    lines: RefCell<Option<Lines<'a>>>,
    /// Paths of files that were asked for, by number.
    paths: RefCell<HashMap<u32, Option<Arc<str>>>>,
}

/// What a unit knows of an address.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The function and where it starts.
    pub(super) function: Option<(Rc<Inlined>, u64)>,
    pub(super) row: Option<Row>,
}

impl<'a> Unit<'a> {
    pub(super) fn new(unit: gimli::Unit<Slice<'a>>) -> Unit<'a> {
        Unit {
            unit,
            functions: RefCell::default(),
            lines: RefCell::default(),
            paths: RefCell::default(),
        }
    }

    pub(super) fn with<'u>(
        &'u self,
        sections: &'u gimli::Dwarf<Slice<'a>>,
    ) -> UnitRef<'u, Slice<'a>> {
        UnitRef::new(sections, &self.unit)
    }

    pub(super) fn header(&self) -> &gimli::UnitHeader<Slice<'a>> {
        &self.unit.header
    }

    /// What is known of an address; `None` where it is nothing.
    pub(super) fn at(&self, address: u64, namer: &Namer<'_, 'a>) -> Result<Option<Known>> {
        let function = self.function(address, namer)?;
        let start = function.as_ref().map(|(_, start)| *start);
        let row = self.ask_lines(|lines| lines.at(address, start))?.flatten();
        let is_known = function.is_some() || row.is_some();
        Ok(is_known.then_some(Known { function, row }))
    }

    fn function(&self, address: u64, namer: &Namer<'_, 'a>) -> Result<Option<(Rc<Inlined>, u64)>> {
        let unit = self.with(namer.sections);
        let mut functions = self.functions.borrow_mut();
        let Some((range, function)) = functions.at(unit, address)? else {
            return Ok(None);
        };
        let inlined = function.inlined(unit, namer)?;
        Ok(Some((inlined, function.start(range, address))))
    }

    /// Rows with a line, from the one that `low` lies in as far as `high`.
    pub(super) fn rows_between(&self, low: u64, high: u64, most: usize) -> Result<Vec<Row>> {
        let rows = self.ask_lines(|lines| lines.between(low, high, most))?;
        Ok(rows.unwrap_or_default())
    }

    /// Where the unit has code: what it says itself, else what its line table says, as far as that is sound.
    pub(super) fn ranges(
        &self,
        sections: &gimli::Dwarf<Slice<'a>>,
        note: impl FnOnce(gimli::Error),
    ) -> Result<Vec<gimli::Range>> {
        let mut ranges = Vec::new();
        let unit = self.with(sections);
        let mut root = unit.entries_raw(None)?;
        let mut extent = Extent::default();
        if let Some(abbreviation) = root.read_abbreviation()? {
            for attribute in abbreviation.attributes() {
                extent.take(unit, &root.read_attribute(*attribute)?)?;
            }
        }
        extent.each(unit, |range| {
            ranges.push(range);
            Ok(())
        })?;
        if ranges.is_empty() {
            let known = self.ask_lines(|lines| Ok(lines.ranges(note)))?;
            ranges.extend(known.into_iter().flatten());
        }
        Ok(ranges)
    }

    /// The path of a file, by its number in the line table.
    pub(super) fn path(
        &self,
        sections: &gimli::Dwarf<Slice<'a>>,
        file: u32,
    ) -> Result<Option<Arc<str>>> {
        if let Some(known) = self.paths.borrow().get(&file) {
            return Ok(known.clone());
        }
        let path = self.put_together(sections, file)?;
        let path = path.filter(|path| path.len() <= LONGEST).map(Arc::from);
        self.paths.borrow_mut().insert(file, path.clone());
        Ok(path)
    }

    /// The folder of the unit, that of the file, and its name: as much of them as it takes.
    fn put_together(
        &self,
        sections: &gimli::Dwarf<Slice<'a>>,
        file: u32,
    ) -> Result<Option<String>> {
        let unit = self.with(sections);
        let Some(header) = self.line_header() else {
            return Ok(None);
        };
        let Some(file) = header.file(u64::from(file)) else {
            return Ok(None);
        };
        let mut path = match &self.unit.comp_dir {
            Some(folder) => folder.to_string_lossy()?.into_owned(),
            None => String::new(),
        };
        // The folder number 0 is that of the unit.
        let folder = file.directory(header);
        if let Some(folder) = folder.filter(|_| file.directory_index() != 0) {
            add(&mut path, &unit.attr_string(folder)?.to_string_lossy()?);
        }
        add(
            &mut path,
            &unit.attr_string(file.path_name())?.to_string_lossy()?,
        );
        Ok(Some(path))
    }

    /// Asks the line table; `None` where there is none.
    fn ask_lines<T>(
        &self,
        question: impl FnOnce(&mut Lines<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(header) = self.line_header() else {
            return Ok(None);
        };
        let mut lines = self.lines.borrow_mut();
        let lines = match &mut *lines {
            Some(lines) => lines,
            none => none.insert(Lines::new(header)?),
        };
        question(lines).map(Some)
    }

    fn line_header(&self) -> Option<&LineProgramHeader<Slice<'a>>> {
        let program = self.unit.line_program.as_ref()?;
        Some(program.header())
    }
}

/// Units are shared by those who hold an answer of theirs.
pub(super) type Shared<'a> = Rc<Unit<'a>>;

/// Goes on from a folder, unless the next piece starts at a root.
fn add(path: &mut String, piece: &str) {
    let starts_at_root = |text: &str, slash: char, behind_letter: &str| {
        text.starts_with(slash) || text.get(1..3) == Some(behind_letter)
    };
    if starts_at_root(piece, '/', ":/") || starts_at_root(piece, '\\', ":\\") {
        piece.clone_into(path);
        return;
    }
    let separator = match starts_at_root(path, '\\', ":\\") {
        true => '\\',
        false => '/',
    };
    if !path.is_empty() && !path.ends_with(separator) {
        path.push(separator);
    }
    path.push_str(piece);
}
