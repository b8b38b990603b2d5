//! The instructions of one image.

use std::collections::BTreeSet;
use std::ops::Range;

use kstack_model::Arch;

use super::step::{Decode, Flow, Frame, Step};
use super::{arm64, x86_64};

/// The sections of instructions of one image, in ascending order.
pub(super) struct Code<'a> {
    sections: Vec<(u64, &'a [u8])>,
    decode: Decode,
    /// How instructions are aligned.
    align: u64,
    /// Calls of functions in other images that are known never to return.
    never_return: BTreeSet<u64>,
    stubs: Vec<Range<u64>>,
}

impl<'a> Code<'a> {
    /// `None` where there is no decoder for the architecture.
    pub(super) fn new(
        arch: Arch,
        mut sections: Vec<(u64, &'a [u8])>,
        never_return: BTreeSet<u64>,
        stubs: Vec<Range<u64>>,
    ) -> Option<Code<'a>> {
        let (decode, align): (Decode, u64) = match arch {
            Arch::X86_64 | Arch::X86_64H => (x86_64::decode, 1),
            Arch::Arm64 | Arch::Arm64e => (arm64::decode, 4),
            _ => return None,
        };
        sections.retain(|(_, bytes)| !bytes.is_empty());
        sections.sort_by_key(|section| section.0);
        // Sections over one another are damage; the first is as good as any.
        sections.dedup_by(|next, before| next.0 < end(before));
        Some(Code {
            sections,
            decode,
            align,
            never_return,
            stubs,
        })
    }

    /// The instruction at an address.
    pub(super) fn step(&self, at: u64) -> Option<Step> {
        let rest = self.from(at)?;
        Some((self.decode)(rest, at))
    }

    /// Whether the call at, or the function at, this address is known never to return.
    pub(super) fn never_returns(&self, at: u64) -> bool {
        self.never_return.contains(&at)
    }

    /// Whether the code here only leads to another image.
    pub(super) fn is_stub(&self, at: u64) -> bool {
        self.stubs.iter().any(|stubs| stubs.contains(&at))
    }

    /// Whether an instruction can start here.
    pub(super) fn contains(&self, at: u64) -> bool {
        at.is_multiple_of(self.align) && self.from(at).is_some()
    }

    /// Where the section that holds an address ends.
    pub(super) fn end_of_section(&self, at: u64) -> Option<u64> {
        self.section(at).map(end)
    }

    /// How many bytes there are.
    pub(super) fn size(&self) -> u64 {
        let sizes = self.sections.iter().map(|(_, bytes)| bytes.len() as u64);
        sizes.sum()
    }

    /// What one pass over all instructions says about where functions start.
    pub(super) fn starts(&self) -> Vec<u64> {
        let mut starts = Vec::new();
        for section in &self.sections {
            let mut at = section.0;
            let mut may_start = true;
            while at < end(section) {
                let Some(step) = self.step(at) else {
                    break;
                };
                if may_start && step.frame == Frame::SetsUp {
                    starts.push(at);
                }
                if let Flow::Call(to) = step.flow {
                    starts.push(to);
                }
                starts.extend(step.refers_to);
                // The instruction before a function leaves its own, or calls something that never returns.
                may_start = match step.flow {
                    Flow::Next | Flow::Branch(_) => false,
                    Flow::Padding => may_start,
                    _ => true,
                };
                at = at.saturating_add(step.size);
            }
        }
        starts.retain(|start| self.contains(*start));
        starts
    }

    fn from(&self, at: u64) -> Option<&'a [u8]> {
        let (start, bytes) = self.section(at)?;
        let before = usize::try_from(at.checked_sub(*start)?).ok()?;
        bytes.get(before..).filter(|rest| !rest.is_empty())
    }

    fn section(&self, at: u64) -> Option<&(u64, &'a [u8])> {
        let index = self.sections.partition_point(|section| section.0 <= at);
        let section = self.sections.get(index.checked_sub(1)?)?;
        (at < end(section)).then_some(section)
    }
}

fn end(section: &(u64, &[u8])) -> u64 {
    section.0.saturating_add(section.1.len() as u64)
}
