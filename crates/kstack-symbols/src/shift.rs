//! The same build linked at two places: a kext and its copy in a kernel collection.
//!
//! The UUID of a kext stays when the collection builder or `kextutil -s` links
//! it to its load address, and so does its dSYM, which speaks of the kext's own
//! addresses. Segment by segment they are the same bytes.

use crate::Segment;

/// How addresses of one file of a build become those of another: one difference for each segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shift {
    segments: Vec<Moved>,
}

#[derive(Clone, Debug)]
struct Moved {
    /// Where the segment starts in the source, and in the other file.
    here: u64,
    there: u64,
    size: u64,
}

impl Shift {
    /// From the segments of a source to those of another file of the build. Nothing where they are the same.
    pub(crate) fn between(here: &[Segment], there: &[Segment]) -> Shift {
        let moved = here.iter().filter_map(|one| {
            let other = there.iter().find(|other| other.name == one.name)?;
            let (here, there) = (&one.range, &other.range);
            let size = here.end.0.saturating_sub(here.start.0);
            (size > 0 && one.name != "__LINKEDIT").then_some(Moved {
                here: here.start.0,
                there: there.start.0,
                size,
            })
        });
        let segments: Vec<Moved> = moved.collect();
        if segments.iter().all(|moved| moved.here == moved.there) {
            return Shift::default();
        }
        Shift { segments }
    }

    /// An address of the source in the other file; `None` where that has no such segment.
    pub(crate) fn across(&self, at: u64) -> Option<u64> {
        self.translate(at, |moved| (moved.here, moved.there))
    }

    /// An address of the other file in the source.
    pub(crate) fn back(&self, at: u64) -> Option<u64> {
        self.translate(at, |moved| (moved.there, moved.here))
    }

    /// Where a function of the other file starts in the source, by an address in it that is known in both.
    pub(crate) fn start_of(&self, function: u64, there: u64, here: u64) -> u64 {
        // Segments of a damaged file can lie over each other, and its start be taken for that of another.
        let start = self.back(function).filter(|&start| start <= here);
        start.unwrap_or_else(|| start_before(here, function, there))
    }

    fn translate(&self, at: u64, direction: impl Fn(&Moved) -> (u64, u64)) -> Option<u64> {
        if self.segments.is_empty() {
            return Some(at);
        }
        self.segments.iter().find_map(|moved| {
            let (from, to) = direction(moved);
            let offset = at.checked_sub(from).filter(|offset| *offset < moved.size)?;
            Some(to.wrapping_add(offset))
        })
    }
}

/// Where a function starts that lies as far before an address here as its start lies before that there.
pub(crate) fn start_before(here: u64, function: u64, there: u64) -> u64 {
    let distance = there.saturating_sub(function);
    here.checked_sub(distance).unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use kstack_model::VmAddr;

    use super::*;

    fn segment(name: &str, start: u64, end: u64) -> Segment {
        Segment {
            name: name.to_owned(),
            range: VmAddr(start)..VmAddr(end),
            sections: Vec::new(),
        }
    }

    #[test]
    fn a_function_never_starts_behind_its_address_however_segments_lie_over_each_other() {
        let here = [
            segment("__DATA", 0x9000, 0xf000),
            segment("__TEXT", 0x2000, 0x3000),
        ];
        let there = [
            segment("__DATA", 0, 0x6000),
            segment("__TEXT", 0x1000, 0x2000),
        ];
        let shift = Shift::between(&here, &there);
        assert_eq!(shift.back(0x1100), Some(0xa100));
        assert_eq!(shift.start_of(0x1100, 0x1140, 0x2140), 0x2100);
        assert_eq!(shift.start_of(0, u64::MAX, 0x2140), 0x2140);
    }
}
