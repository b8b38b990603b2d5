//! The headers of units, one after the other, past those that are damaged.

use gimli::{DebugInfoOffset, Reader, Result, Section, UnitHeader};

use super::Slice;

/// Goes from unit to unit. gimli stops at the first header that it cannot read.
#[derive(Debug)]
pub(super) struct Headers<'s, 'a> {
    info: &'s gimli::DebugInfo<Slice<'a>>,
    /// Where the next one starts, if that is known.
    next: Option<usize>,
}

impl<'s, 'a> Headers<'s, 'a> {
    pub(super) fn of(sections: &'s gimli::Dwarf<Slice<'a>>) -> Headers<'s, 'a> {
        Headers {
            info: &sections.debug_info,
            next: Some(0),
        }
    }

    fn at(&self, start: usize) -> Result<UnitHeader<Slice<'a>>> {
        self.info.header_from_offset(DebugInfoOffset(start))
    }

    /// Where a unit ends whose header is damaged: its length is believed where another header follows, or the end.
    fn behind(&self, start: usize) -> Option<usize> {
        let mut rest = *self.info.reader();
        let size = rest.len();
        rest.skip(start).ok()?;
        let (length, _) = rest.read_initial_length().ok()?;
        rest.skip(length).ok()?;
        let behind = size.checked_sub(rest.len())?;
        (rest.is_empty() || self.at(behind).is_ok()).then_some(behind)
    }
}

impl<'a> Iterator for Headers<'_, 'a> {
    /// Where a unit starts, and its header.
    type Item = Result<(usize, UnitHeader<Slice<'a>>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let size = self.info.reader().len();
        let start = self.next.take().filter(|&start| start < size)?;
        let header = self.at(start);
        self.next = match &header {
            Ok(header) => start.checked_add(header.length_including_self()),
            Err(_) => self.behind(start),
        };
        Some(header.map(|header| (start, header)))
    }
}
