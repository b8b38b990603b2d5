//! Tables beside the entries: ranges, locations, addresses by number, and those that find units.

use std::collections::BTreeMap;

use gimli::{Encoding, Expression, RunTimeEndian};
use scroll::{LE, Pread};

use super::dwarf::{Mover, Placed, move_expression};
use crate::guard::Guarded;
use crate::leb128::Reader;

/// Lists that entries refer to, each with the address its offsets count from.
pub(super) struct Lists<'a> {
    /// Up to DWARF 4, and of 5.
    ranges: [Placed<'a>; 2],
    locations: [Placed<'a>; 2],
    range_lists: BTreeMap<usize, (u64, Encoding)>,
    location_lists: BTreeMap<usize, (u64, Encoding)>,
}

impl<'a> Lists<'a> {
    pub(super) fn new(ranges: [Placed<'a>; 2], locations: [Placed<'a>; 2]) -> Lists<'a> {
        Lists {
            ranges,
            locations,
            range_lists: BTreeMap::new(),
            location_lists: BTreeMap::new(),
        }
    }

    pub(super) fn ranges(&mut self, list: usize, base: u64, encoding: Encoding) {
        self.range_lists.entry(list).or_insert((base, encoding));
    }

    pub(super) fn locations(&mut self, list: usize, base: u64, encoding: Encoding) {
        self.location_lists.entry(list).or_insert((base, encoding));
    }

    /// Goes through every list. Each field is written from what the original says, so that lists which
    /// share an end are no worse for being written twice.
    pub(super) fn move_all(&self, mover: &mut Mover<'_, '_>) {
        for (lists, sections, expressions) in [
            (&self.range_lists, &self.ranges, false),
            (&self.location_lists, &self.locations, true),
        ] {
            let [old, new] = *sections;
            // Damaged lists may all share one long end.
            let mut left = (old.data.len() + new.data.len()).saturating_mul(4);
            for (&start, &(base, encoding)) in lists {
                let section = if encoding.version >= 5 { new } else { old };
                let Some(rest) = section.data.get(start..) else {
                    continue;
                };
                let mut list = List {
                    place: section.offset + start,
                    size: rest.len(),
                    reader: Reader::new(rest),
                    encoding,
                    expressions,
                };
                let done = match encoding.version {
                    5.. => list.move_new(mover),
                    _ => list.move_old(base, mover),
                };
                // A list that ends early is damage, and what is behind it is not reached.
                let _ = done;
                left = left.saturating_sub(list.read());
                if left == 0 {
                    return;
                }
            }
        }
    }
}

/// One list being read.
struct List<'a> {
    /// Where it starts in the file.
    place: usize,
    /// How much there was to read.
    size: usize,
    reader: Reader<'a>,
    encoding: Encoding,
    /// Whether each entry is followed by a location expression.
    expressions: bool,
}

impl<'a> List<'a> {
    fn read(&self) -> usize {
        self.size - self.reader.rest().len()
    }

    /// Pairs of offsets from a base (DWARF 4, sections 2.6.2 and 2.17.3).
    fn move_old(&mut self, base: u64, mover: &mut Mover<'_, '_>) -> Option<()> {
        let mut base = base;
        loop {
            let place = self.place + self.read();
            let (begin, end) = (self.word()?, self.word()?);
            match (begin, end) {
                (0, 0) => return Some(()),
                (u64::MAX, new) => {
                    base = new;
                    mover.move_at(place + 8, new);
                }
                _ => {
                    let moved = mover.moved(base);
                    for (at, offset) in [(place, begin), (place + 8, end)] {
                        let address = mover.moved(base.wrapping_add(offset));
                        mover.patch.set_u64(at, address.wrapping_sub(moved));
                    }
                    if self.expressions {
                        let size = self.bytes(2)?.pread_with::<u16>(0, LE).ok()?;
                        self.expression(usize::from(size), mover)?;
                    }
                }
            }
        }
    }

    /// Entries that say what they are (DWARF 5, sections 2.6.2 and 2.17.3). Only some hold addresses; the
    /// others count from one that does, or refer to the table of addresses.
    fn move_new(&mut self, mover: &mut Mover<'_, '_>) -> Option<()> {
        /// Lists of locations have one more kind in between: the default location.
        const DEFAULT_LOCATION: u8 = 5;
        loop {
            let kind = self.reader.byte()?;
            let kind = match (self.expressions, kind) {
                (true, DEFAULT_LOCATION) => {
                    self.sized_expression(mover)?;
                    continue;
                }
                (true, 6..) => kind - 1,
                _ => kind,
            };
            match kind {
                0 => return Some(()),
                1 => {
                    self.reader.unsigned()?;
                    continue;
                }
                2..=4 => {
                    self.reader.unsigned()?;
                    self.reader.unsigned()?;
                }
                5 => {
                    self.address(mover)?;
                    continue;
                }
                6 => {
                    self.address(mover)?;
                    self.address(mover)?;
                }
                7 => {
                    self.address(mover)?;
                    self.reader.unsigned()?;
                }
                _ => return None,
            }
            if self.expressions {
                self.sized_expression(mover)?;
            }
        }
    }

    fn address(&mut self, mover: &mut Mover<'_, '_>) -> Option<()> {
        let place = self.place + self.read();
        let address = self.word()?;
        mover.move_at(place, address);
        Some(())
    }

    fn sized_expression(&mut self, mover: &mut Mover<'_, '_>) -> Option<()> {
        let size = usize::try_from(self.reader.unsigned()?).ok()?;
        self.expression(size, mover)
    }

    fn expression(&mut self, size: usize, mover: &mut Mover<'_, '_>) -> Option<()> {
        let place = self.place + self.read();
        let encoding = self.encoding;
        let bytes = self.bytes(size)?;
        let expression = Expression(Guarded::new(bytes, RunTimeEndian::Little));
        move_expression(expression, place, encoding, mover).ok()
    }

    fn word(&mut self) -> Option<u64> {
        self.bytes(8)?.pread_with(0, LE).ok()
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.reader.rest().split_at_checked(count)?;
        self.reader = Reader::new(rest);
        Some(bytes)
    }
}

/// The tables of `__debug_addr` (DWARF 5, section 7.27): a header of eight bytes, then addresses.
pub(super) fn move_addresses(section: Placed<'_>, mover: &mut Mover<'_, '_>) {
    for (start, body) in records(section.data) {
        let addresses = body.get(4..).unwrap_or_default();
        for (index, address) in addresses.chunks_exact(8).enumerate() {
            let address = address.pread_with::<u64>(0, LE).unwrap_or(0);
            mover.move_at(section.offset + start + 4 + 8 * index, address);
        }
    }
}

/// The tables of `__debug_aranges` (DWARF 5, section 6.1.2): after the header pairs of address and size,
/// aligned to the size of a pair from the start of the table.
pub(super) fn move_aranges(section: Placed<'_>, mover: &mut Mover<'_, '_>) {
    const PAIR: usize = 16;
    for (start, body) in records(section.data) {
        // Length, version, offset of the unit, and two sizes make twelve bytes, four of them before the body.
        let first = PAIR - 4;
        let pairs = body.get(first..).unwrap_or_default();
        for (index, pair) in pairs.chunks_exact(PAIR).enumerate() {
            let address = pair.pread_with::<u64>(0, LE).unwrap_or(0);
            mover.move_at(section.offset + start + first + PAIR * index, address);
        }
    }
}

/// The entries of `__debug_frame` (DWARF 5, section 6.4.1): a description of a function starts with the
/// offset of what it has in common with others, then the function's address.
pub(super) fn move_frames(section: Placed<'_>, mover: &mut Mover<'_, '_>) {
    for (start, body) in records(section.data) {
        let common = body.pread_with::<u32>(0, LE).unwrap_or(u32::MAX);
        let address = body
            .get(4..)
            .and_then(|rest| rest.pread_with::<u64>(0, LE).ok());
        if let (false, Some(address)) = (common == u32::MAX, address) {
            mover.move_at(section.offset + start + 4, address);
        }
    }
}

/// Records that start with their length in four bytes: where each body starts, and the body.
fn records(data: &[u8]) -> Vec<(usize, &[u8])> {
    let mut records = Vec::new();
    let mut at = 0_usize;
    while let Ok(size) = data.pread_with::<u32>(at, LE) {
        let start = at + 4;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let body = data.get(start..).and_then(|rest| rest.get(..size));
        let Some(body) = body else {
            break;
        };
        records.push((start, body));
        at = start + size;
    }
    records
}
