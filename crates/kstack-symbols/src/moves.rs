//! Files of one build that are linked at different addresses.

use crate::Segment;

/// Where the segments of one file lie in another file of the same build.
///
/// `kextutil` writes a `.sym` file linked at the load address, while the dSYM
/// of the same build stays linked at zero; tools that place the segments of a
/// kext apart move each by a distance of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves {
    /// Empty where both files are linked alike.
    moves: Vec<Move>,
}

#[derive(Clone, Debug)]
struct Move {
    /// Start in the file that speaks for the source.
    here: u64,
    /// Start in the other file.
    there: u64,
    size: u64,
}

impl Moves {
    /// Compares the segments of the same names.
    pub(crate) fn between(here: &[Segment], there: &[Segment]) -> Moves {
        let same = here.iter().filter_map(|one| {
            let other = there.iter().find(|other| other.name == one.name)?;
            Some(Move {
                here: one.range.start.0,
                there: other.range.start.0,
                size: one.range.end.0.saturating_sub(one.range.start.0),
            })
        });
        let mut moves: Vec<Move> = same.collect();
        if moves.iter().all(|one| one.here == one.there) {
            moves.clear();
        }
        Moves { moves }
    }

    /// An address of the source as the other file has it.
    pub(crate) fn there(&self, here: u64) -> Option<u64> {
        self.find(here, |one| (one.here, one.there))
    }

    /// An address of the other file as the source has it.
    pub(crate) fn here(&self, there: u64) -> Option<u64> {
        self.find(there, |one| (one.there, one.here))
    }

    fn find(&self, address: u64, direction: impl Fn(&Move) -> (u64, u64)) -> Option<u64> {
        if self.moves.is_empty() {
            return Some(address);
        }
        self.moves.iter().find_map(|one| {
            let (from, to) = direction(one);
            let offset = address.checked_sub(from)?;
            (offset < one.size).then(|| to.wrapping_add(offset))
        })
    }
}
