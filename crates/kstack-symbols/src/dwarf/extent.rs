//! Which addresses an entry covers: `DW_AT_low_pc` with `DW_AT_high_pc`, or `DW_AT_ranges`.

use gimli::{Attribute, AttributeValue, Range, RangeListsOffset, Result, UnitRef};

use super::Slice;

/// What the attributes of one entry say of its addresses, gathered as they come.
#[derive(Debug, Default)]
pub(super) struct Extent {
    low: Option<u64>,
    high: Option<u64>,
    size: Option<u64>,
    list: Option<RangeListsOffset<usize>>,
}

impl Extent {
    /// Takes what an attribute says of addresses.
    pub(super) fn take<'a>(
        &mut self,
        unit: UnitRef<'_, Slice<'a>>,
        attribute: &Attribute<Slice<'a>>,
    ) -> Result<()> {
        match attribute.name() {
            gimli::DW_AT_low_pc => self.low = unit.attr_address(attribute.value())?,
            gimli::DW_AT_high_pc => match attribute.value() {
                AttributeValue::Udata(size) => self.size = Some(size),
                value => self.high = unit.attr_address(value)?,
            },
            gimli::DW_AT_ranges => self.list = unit.attr_ranges_offset(attribute.value())?,
            _ => {}
        }
        Ok(())
    }

    /// Hands over each range that is not empty.
    pub(super) fn each(
        &self,
        unit: UnitRef<'_, Slice<'_>>,
        mut range: impl FnMut(Range) -> Result<()>,
    ) -> Result<()> {
        let mut unless_empty = |begin, end| match begin < end {
            true => range(Range { begin, end }),
            false => Ok(()),
        };
        if let Some(list) = self.list {
            let mut list = unit.ranges(list)?;
            while let Some(range) = list.next()? {
                unless_empty(range.begin, range.end)?;
            }
            return Ok(());
        }
        let Some(begin) = self.low else { return Ok(()) };
        let end = self
            .high
            .or_else(|| self.size.map(|size| begin.saturating_add(size)));
        end.map_or(Ok(()), |end| unless_empty(begin, end))
    }
}
