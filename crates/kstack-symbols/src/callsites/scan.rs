//! One pass over all code: every address that follows a call.

use kstack_model::VmAddr;

use super::insn::{Flow, Isa};
use super::{Code, Target, arm64, wide, x86};

/// All addresses of an image that follow a call.
///
/// A bit for each address, so that asking costs one look.
#[derive(Clone, Debug, Default)]
pub struct CallSites {
    sections: Vec<Bits>,
    /// Ascending.
    sites: Vec<VmAddr>,
}

#[derive(Clone, Debug)]
struct Bits {
    start: u64,
    bits: Vec<u64>,
}

impl CallSites {
    /// The addresses, ascending.
    #[must_use]
    pub fn all(&self) -> &[VmAddr] {
        &self.sites
    }

    /// Whether a call ends at the address.
    #[must_use]
    pub fn contains(&self, after: VmAddr) -> bool {
        self.sections.iter().any(|section| section.has(after.0))
    }
}

impl Bits {
    fn has(&self, at: u64) -> bool {
        let Some(offset) = at.checked_sub(self.start) else {
            return false;
        };
        let word = usize::try_from(offset / 64)
            .ok()
            .and_then(|index| self.bits.get(index));
        word.is_some_and(|word| word >> (offset % 64) & 1 == 1)
    }
}

pub(super) fn all(code: &Code<'_>) -> CallSites {
    let mut found = CallSites::default();
    for (start, bytes) in &code.sections {
        let mut ends: Vec<u64> = match code.isa {
            Isa::X86 { bits } => x86_ends(code, *start, bytes, bits).collect(),
            Isa::Arm64 => arm64_ends(*start, bytes).collect(),
        };
        ends.sort_unstable();
        ends.dedup();
        // One more than there are bytes: a call can be the last instruction.
        let mut bits = vec![0_u64; bytes.len() / 64 + 1];
        for &end in &ends {
            let word = usize::try_from(end / 64)
                .ok()
                .and_then(|index| bits.get_mut(index));
            if let Some(word) = word {
                *word |= 1 << (end % 64);
            }
        }
        found
            .sites
            .extend(ends.iter().map(|end| VmAddr(start.saturating_add(*end))));
        found.sections.push(Bits {
            start: *start,
            bits,
        });
    }
    found.sites.sort_unstable();
    found
}

/// Whether there is a call at all.
pub(super) fn any(code: &Code<'_>) -> bool {
    let mut sections = code.sections.iter();
    sections.any(|(start, bytes)| match code.isa {
        Isa::X86 { bits } => x86_ends(code, *start, bytes, bits).next().is_some(),
        Isa::Arm64 => arm64_ends(*start, bytes).next().is_some(),
    })
}

/// Offsets behind calls. Only bytes that can begin a call are looked at twice.
fn x86_ends<'a>(
    code: &'a Code<'_>,
    start: u64,
    bytes: &'a [u8],
    bits: u32,
) -> impl Iterator<Item = u64> + 'a {
    memchr::memchr2_iter(0xe8, 0xff, bytes).filter_map(move |at| {
        let operand = bytes.get(at + 1..).unwrap_or_default();
        let length = if bytes.get(at) == Some(&0xff) {
            x86::pointer_length(operand).filter(|length| *length <= operand.len() + 1)?
        } else {
            let after = start.wrapping_add(wide(at + 5));
            let target = x86::relative(*operand.first_chunk::<4>()?, after, bits);
            let is_inside = matches!(code.target(target, after), Target::Inside(_));
            (is_inside || code.may_leave(target, after)).then_some(5)?
        };
        Some(wide(at + length))
    })
}

fn arm64_ends(start: u64, bytes: &[u8]) -> impl Iterator<Item = u64> {
    let words = bytes.as_chunks::<4>().0.iter().zip((0_u64..).step_by(4));
    let calls = words.filter(move |(word, offset)| {
        let call = arm64::call(u32::from_le_bytes(**word), start.wrapping_add(*offset));
        matches!(call, Some(Flow::Call(_) | Flow::CallPointer))
    });
    calls.map(|(_, offset)| offset + 4)
}
