//! Where code lies.

use std::ops::Range;

use kstack_model::{Address, Arch, FrameKind};

use crate::resolve::Session;

/// The code of every image that a file speaks for.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// In the order of their starts, no two of them touching.
    code: Vec<Range<Address>>,
    /// Code of an arm64 image, whose pointers may be signed.
    may_be_signed: Option<Address>,
}

/// A number that stands for code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Code {
    /// Where it is.
    pub(super) at: Address,
    /// A signature or tag had to be removed to see that.
    pub(super) was_signed: bool,
}

impl Places {
    pub(super) fn of(session: &Session<'_>) -> Places {
        let mut places = Places::default();
        for index in 0..session.images().len() {
            places.add(session, index);
        }
        places.merge();
        places
    }

    fn add(&mut self, session: &Session<'_>, image: usize) {
        let used = session.images().get(image);
        let used = used.and_then(|image| image.used.as_ref());
        let (Some(used), Some(source)) = (used, session.source(image)) else {
            return;
        };
        let is_arm64 = matches!(source.identity().arch, Arch::Arm64 | Arch::Arm64e);
        for placed in &used.slides.segments {
            let linked = placed.range.start - placed.slide;
            let mut segments = source.segments().iter();
            let Some(segment) = segments.find(|segment| segment.range.start == linked) else {
                continue;
            };
            for section in segment.sections.iter().filter(|section| section.is_code) {
                let range = section.range.start + placed.slide..section.range.end + placed.slide;
                if is_arm64 && self.may_be_signed.is_none() {
                    self.may_be_signed = Some(range.start);
                }
                self.code.push(range);
            }
        }
    }

    fn merge(&mut self) {
        self.code.retain(|range| !range.is_empty());
        self.code.sort_unstable_by_key(|range| range.start);
        self.code.dedup_by(|next, range| {
            let touches = next.start <= range.end;
            if touches {
                range.end = range.end.max(next.end);
            }
            touches
        });
    }

    /// Whether there is any code at all.
    pub(super) fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// The code that a number stands for; `None` for every other number.
    pub(super) fn code_at(&self, stated: Address, kind: FrameKind) -> Option<Code> {
        if self.is_code(kind.for_lookup(stated)) {
            return Some(Code {
                at: stated,
                was_signed: false,
            });
        }
        let bare = stated.without_signature(self.may_be_signed?);
        let is_signed = bare != stated && self.is_code(kind.for_lookup(bare));
        is_signed.then_some(Code {
            at: bare,
            was_signed: true,
        })
    }

    fn is_code(&self, at: Address) -> bool {
        let below = self.code.partition_point(|range| range.start <= at);
        let range = below.checked_sub(1).and_then(|index| self.code.get(index));
        range.is_some_and(|range| at < range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(code: &[(u64, u64)]) -> Places {
        let mut places = Places {
            code: code
                .iter()
                .map(|(start, end)| Address(*start)..Address(*end))
                .collect(),
            may_be_signed: None,
        };
        places.merge();
        places
    }

    #[test]
    fn a_return_address_may_lie_one_past_the_end_of_the_code() {
        let places = places(&[(0x1000, 0x2000)]);
        let at = |at, kind| places.code_at(Address(at), kind).is_some();
        assert!(at(0x1000, FrameKind::InstructionPointer));
        assert!(!at(0x2000, FrameKind::InstructionPointer));
        assert!(at(0x2000, FrameKind::ReturnAddress));
        assert!(!at(0x1000, FrameKind::ReturnAddress));
    }

    #[test]
    fn code_that_overlaps_or_touches_is_one_piece() {
        let places = places(&[(0x3000, 0x4000), (0x1000, 0x3000), (0x1100, 0x1200), (9, 9)]);
        assert_eq!(places.code, [Address(0x1000)..Address(0x4000)]);
    }

    #[test]
    fn a_signed_pointer_is_seen_through_only_where_pointers_are_signed() {
        let signed = Address(0x8d93_7e00_1234_5678);
        let mut places = places(&[(0xffff_fe00_1234_0000, 0xffff_fe00_1235_0000)]);
        let kind = FrameKind::InstructionPointer;
        assert_eq!(places.code_at(signed, kind), None);
        places.may_be_signed = Some(Address(0xffff_fe00_1234_0000));
        let code = places.code_at(signed, kind).unwrap();
        assert_eq!(code.at, Address(0xffff_fe00_1234_5678));
        assert!(code.was_signed);
    }
}
