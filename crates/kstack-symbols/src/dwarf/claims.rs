//! Ranges of addresses in the order they are read: the first that covers an address has it.
//!
//! So an answer does not hang on how much was read before it was asked for.

use std::collections::BTreeMap;

use gimli::{Range, Result};

use crate::guard::spend;

/// Ranges, and what each stands for.
#[derive(Debug)]
pub(super) struct Claims<T> {
    /// By where they begin; none overlaps another.
    pieces: BTreeMap<u64, Piece<T>>,
}

#[derive(Debug)]
struct Piece<T> {
    end: u64,
    of: T,
}

impl<T> Default for Claims<T> {
    fn default() -> Claims<T> {
        Claims {
            pieces: BTreeMap::new(),
        }
    }
}

impl<T: Copy> Claims<T> {
    /// Claims what of a range is still free.
    pub(super) fn add(&mut self, range: Range, of: T) -> Result<()> {
        if range.begin >= range.end {
            return Ok(());
        }
        // Nearly always a range lies behind all others.
        let is_last = self.pieces.last_key_value();
        if is_last.is_none_or(|(_, last)| last.end <= range.begin) {
            self.insert(range.begin, range.end, of);
            return Ok(());
        }
        for (begin, end) in self.gaps(range)? {
            self.insert(begin, end, of);
        }
        Ok(())
    }

    /// What claims an address, and which range around it.
    pub(super) fn at(&self, address: u64) -> Option<(Range, T)> {
        let (&begin, piece) = self.pieces.range(..=address).next_back()?;
        let end = piece.end;
        (address < end).then_some((Range { begin, end }, piece.of))
    }

    /// What claims anything from `low` as far as `high`, in ascending order.
    pub(super) fn between(&self, low: u64, high: u64) -> impl Iterator<Item = T> {
        let first = self.at(low).map_or(low, |(range, _)| range.begin);
        let pieces = self.pieces.range(first..high.max(first));
        pieces.map(|(_, piece)| piece.of)
    }

    /// All ranges that are claimed, in ascending order.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range> {
        let pieces = self.pieces.iter();
        pieces.map(|(&begin, piece)| Range {
            begin,
            end: piece.end,
        })
    }

    fn insert(&mut self, begin: u64, end: u64, of: T) {
        self.pieces.insert(begin, Piece { end, of });
    }

    /// The parts of a range that nothing claims.
    fn gaps(&self, range: Range) -> Result<Vec<(u64, u64)>> {
        let mut gaps = Vec::new();
        let mut free = match self.at(range.begin) {
            Some((claimed, _)) => claimed.end,
            None => range.begin,
        };
        for (&begin, piece) in self.pieces.range(free..range.end.max(free)) {
            // In damaged files each of many ranges can lie over all others.
            spend(1)?;
            if free < begin {
                gaps.push((free, begin));
            }
            free = piece.end;
        }
        if free < range.end {
            gaps.push((free, range.end));
        }
        Ok(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::bounded;

    fn claims(ranges: &[(u64, u64)]) -> Claims<usize> {
        let mut claims = Claims::default();
        for (index, &(begin, end)) in ranges.iter().enumerate() {
            bounded(1, || claims.add(Range { begin, end }, index)).unwrap();
        }
        claims
    }

    #[test]
    fn each_address_belongs_to_the_first_range_that_covers_it() {
        let ranges = [(10, 20), (5, 12), (15, 40), (0, 50), (60, 60), (70, 65)];
        let claims = claims(&ranges);
        for address in 0..80 {
            let first = ranges.iter().position(|range| {
                let (begin, end) = *range;
                begin <= address && address < end
            });
            let found = claims.at(address).map(|(_, index)| index);
            assert_eq!(found, first, "address {address}");
        }
    }

    #[test]
    fn between_gives_the_range_that_lies_over_its_start_and_none_at_its_end() {
        let claims = claims(&[(10, 20), (30, 40), (50, 60)]);
        assert_eq!(claims.between(15, 50).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(claims.between(20, 30).collect::<Vec<_>>(), []);
        assert_eq!(claims.between(60, 10).collect::<Vec<_>>(), []);
    }
}
