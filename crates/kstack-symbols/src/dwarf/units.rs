//! Which units can hold an address, found without reading them all.
//!
//! `__debug_aranges` lists most units with their addresses. The others are known only when all headers are walked
//! and the root of each that is not listed is read; that is done for the first address that no listed unit has.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::HashMap;
use gimli::{
    Abbreviations, DebugAbbrevOffset, DebugInfoOffset, Error, Range, Result, Section, UnitHeader,
    UnitOffset, UnitType,
};

use super::Slice;
use super::headers::Headers;
use super::unit::{Shared, Unit};
use crate::guard::{is_spent, left, spend, told};

type Sections<'a> = gimli::Dwarf<Slice<'a>>;

/// The units of a file, each opened when it is asked for.
#[derive(Debug)]
pub(super) struct Units<'a> {
    /// What `__debug_aranges` lists.
    listed: Spans,
    /// The ranges of all other units.
    unlisted: OnceCell<Spans>,
    /// Where each unit starts, in ascending order.
    starts: OnceCell<Vec<usize>>,
    opened: RefCell<HashMap<usize, Opened<'a>>>,
    /// Units share tables of abbreviations: dsymutil writes one for all.
    abbreviations: RefCell<BTreeMap<usize, Arc<Abbreviations>>>,
    /// The first damage that costs whole units, as a fragment.
    damage: RefCell<Option<String>>,
    /// Questions so far.
    asked: Cell<u64>,
    /// Bytes of units that were looked into.
    read: Cell<usize>,
    /// Bytes that were read to make what is kept here.
    kept: Cell<usize>,
}

/// A unit that is kept.
#[derive(Debug)]
struct Opened<'a> {
    unit: Shared<'a>,
    /// The question at which its bytes were counted last.
    counted: Cell<u64>,
}

/// After so many questions, a unit that is looked into is counted once more: those in ascending order have come to it
/// again, and others would have to read again what was given back too often.
pub(super) const COUNTED_FOR: u64 = 0x8000;

/// How many bytes of other things an abbreviation takes as much memory as, for each of its bytes.
const ABBREVIATION: usize = 8;

impl<'a> Units<'a> {
    pub(super) fn new(sections: &Sections<'a>) -> Units<'a> {
        Units {
            listed: listed(sections),
            unlisted: OnceCell::new(),
            starts: OnceCell::new(),
            opened: RefCell::default(),
            abbreviations: RefCell::default(),
            damage: RefCell::default(),
            asked: Cell::new(0),
            read: Cell::new(0),
            kept: Cell::new(0),
        }
    }

    /// Asks the units that can hold an address until one answers.
    pub(super) fn ask<T>(
        &self,
        sections: &Sections<'a>,
        address: u64,
        question: impl FnMut(Shared<'a>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        self.asked.set(self.asked.get() + 1);
        let before = left();
        let answer = self.ask_each(sections, address, question);
        let read = before.saturating_sub(left());
        self.kept.set(self.kept.get().saturating_add(read));
        answer
    }

    /// How many bytes were read to make what is kept.
    pub(super) fn kept(&self) -> usize {
        self.kept.get()
    }

    /// Drops all units; they are read again when they are asked for.
    pub(super) fn forget(&self) {
        self.opened.borrow_mut().clear();
        self.abbreviations.borrow_mut().clear();
        self.kept.set(0);
    }

    fn ask_each<T>(
        &self,
        sections: &Sections<'a>,
        address: u64,
        mut question: impl FnMut(Shared<'a>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let listed = self.listed.at(address);
        // Only an address that no listed unit answers needs the others.
        let unlisted = std::iter::once_with(|| self.unlisted(sections).at(address)).flatten();
        let mut damage = None;
        for unit in listed.chain(unlisted) {
            match self.open(sections, unit) {
                Ok(unit) => {
                    if let Some(answer) = question(unit)? {
                        return Ok(Some(answer));
                    }
                }
                Err(why) if is_spent() => return Err(why),
                // The unit is lost. Another can have the address too, or it was listed for the wrong one.
                Err(why) => {
                    self.note(why);
                    damage.get_or_insert(why);
                }
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// The unit that an entry of the section lies in, and where in it.
    pub(super) fn around(
        &self,
        sections: &Sections<'a>,
        entry: DebugInfoOffset,
    ) -> Result<(Shared<'a>, UnitOffset)> {
        let starts = self.starts(sections);
        let behind = starts.partition_point(|&start| start <= entry.0);
        let start = behind.checked_sub(1).and_then(|index| starts.get(index));
        let start = *start.ok_or(Error::NoEntryAtGivenOffset(entry.0 as u64))?;
        Ok((self.open(sections, start)?, UnitOffset(entry.0 - start)))
    }

    /// The first damage that costs whole units, as a fragment.
    pub(super) fn damage(&self) -> Option<String> {
        self.damage.borrow().clone()
    }

    /// Whether so many bytes were looked into since it was so last.
    pub(super) fn have_read(&self, bytes: usize) -> bool {
        let have = self.read.get() >= bytes;
        if have {
            self.read.set(0);
        }
        have
    }

    fn count(&self, bytes: usize) {
        self.read.set(self.read.get().saturating_add(bytes));
    }

    fn open(&self, sections: &Sections<'a>, start: usize) -> Result<Shared<'a>> {
        let asked = self.asked.get();
        if let Some(Opened { unit, counted }) = self.opened.borrow().get(&start) {
            if asked - counted.get() > COUNTED_FOR {
                counted.set(asked);
                self.count(unit.header().length_including_self());
            }
            return Ok(Rc::clone(unit));
        }
        let header = sections
            .debug_info
            .header_from_offset(DebugInfoOffset(start))?;
        self.count(header.length_including_self());
        let unit = Rc::new(self.parse(sections, header)?);
        let opened = Opened {
            unit: Rc::clone(&unit),
            counted: Cell::new(asked),
        };
        self.opened.borrow_mut().insert(start, opened);
        Ok(unit)
    }

    fn parse(&self, sections: &Sections<'a>, header: UnitHeader<Slice<'a>>) -> Result<Unit<'a>> {
        let abbreviations = self.abbreviations(sections, header.debug_abbrev_offset())?;
        let unit = gimli::Unit::new_with_abbreviations(sections, header, abbreviations)?;
        Ok(Unit::new(unit))
    }

    fn abbreviations(
        &self,
        sections: &Sections<'a>,
        offset: DebugAbbrevOffset,
    ) -> Result<Arc<Abbreviations>> {
        if let Some(known) = self.abbreviations.borrow().get(&offset.0) {
            return Ok(Arc::clone(known));
        }
        let before = left();
        let table = Arc::new(sections.debug_abbrev.abbreviations(offset)?);
        let read = before.saturating_sub(left());
        spend(read.saturating_mul(ABBREVIATION))?;
        let mut known = self.abbreviations.borrow_mut();
        known.insert(offset.0, Arc::clone(&table));
        Ok(table)
    }

    fn starts(&self, sections: &Sections<'a>) -> &[usize] {
        self.starts.get_or_init(|| {
            // Each page has a header in it, or nearly.
            self.count(sections.debug_info.reader().bytes().len());
            let mut starts = Vec::new();
            for header in Headers::of(sections) {
                match header {
                    Ok((start, _)) => starts.push(start),
                    Err(why) => self.note(why),
                }
            }
            starts
        })
    }

    fn unlisted(&self, sections: &Sections<'a>) -> &Spans {
        self.unlisted.get_or_init(|| {
            let listed: BTreeSet<usize> = self.listed.units.iter().copied().collect();
            let mut spans = Vec::new();
            for &start in self.starts(sections) {
                if listed.contains(&start) {
                    continue;
                }
                match self.ranges(sections, start) {
                    Ok(ranges) => {
                        spans.extend(ranges.into_iter().map(|range| Span { range, unit: start }))
                    }
                    Err(why) => self.note(why),
                }
            }
            Spans::new(spans)
        })
    }

    fn ranges(&self, sections: &Sections<'a>, start: usize) -> Result<Vec<Range>> {
        let header = sections
            .debug_info
            .header_from_offset(DebugInfoOffset(start))?;
        match header.type_() {
            // They have no code; others refer to them.
            UnitType::Type { .. } | UnitType::SplitType { .. } | UnitType::Partial => {
                Ok(Vec::new())
            }
            _ => self
                .open(sections, start)?
                .ranges(sections, |why| self.note(why)),
        }
    }

    fn note(&self, why: Error) {
        self.damage.borrow_mut().get_or_insert_with(|| told(why));
    }
}

/// What `__debug_aranges` lists. A unit whose list is damaged is none of the listed.
fn listed(sections: &Sections<'_>) -> Spans {
    let mut spans = Vec::new();
    let mut headers = sections.debug_aranges.headers();
    while let Ok(Some(header)) = headers.next() {
        let whole = spans.len();
        if list(&header, &mut spans).is_err() {
            spans.truncate(whole);
        }
    }
    Spans::new(spans)
}

fn list(header: &gimli::ArangeHeader<Slice<'_>>, spans: &mut Vec<Span>) -> Result<()> {
    let unit = header.debug_info_offset().0;
    let mut entries = header.entries();
    while let Some(entry) = entries.next()? {
        let range = entry.range();
        if range.begin >= range.end {
            continue;
        }
        match spans
            .last_mut()
            .filter(|last| last.unit == unit && last.is_before(range))
        {
            Some(last) => last.range.end = range.end,
            None => spans.push(Span { range, unit }),
        }
    }
    Ok(())
}

/// Bytes between two functions that are taken for a gap within a unit.
const GAP: u64 = 64;

#[derive(Clone, Copy, Debug)]
struct Span {
    range: Range,
    unit: usize,
}

impl Span {
    /// Whether the other range goes on where this one ends, or nearly: a unit need not have all of its span.
    fn is_before(&self, other: Range) -> bool {
        let gap = other.begin.checked_sub(self.range.end);
        gap.is_some_and(|gap| gap < GAP)
    }
}

/// Ranges of units, which may overlap, by where they begin. Each part has a list of its own, for it is searched often.
#[derive(Debug, Default)]
struct Spans {
    begins: Vec<u64>,
    ends: Vec<u64>,
    units: Vec<usize>,
    /// How far the spans reach up to and with each.
    reach: Vec<u64>,
}

impl Spans {
    fn new(mut spans: Vec<Span>) -> Spans {
        spans.sort_by_key(|span| (span.range.begin, span.unit));
        let mut furthest = 0;
        let reach = spans.iter().map(|span| {
            furthest = span.range.end.max(furthest);
            furthest
        });
        Spans {
            reach: reach.collect(),
            begins: spans.iter().map(|span| span.range.begin).collect(),
            ends: spans.iter().map(|span| span.range.end).collect(),
            units: spans.iter().map(|span| span.unit).collect(),
        }
    }

    /// The units with this address, the one whose span begins last first.
    fn at(&self, address: u64) -> impl Iterator<Item = usize> {
        let behind = self.begins.partition_point(|&begin| begin <= address);
        let near = (0..behind).rev().map_while(move |index| {
            let reaches = *self.reach.get(index)? > address;
            reaches.then_some(index)
        });
        near.filter_map(move |index| {
            let is_around = *self.ends.get(index)? > address;
            is_around.then(|| self.units.get(index).copied())?
        })
    }
}
