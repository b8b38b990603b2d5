//! What the code of an image says about where it can lie: the evidence for a placement.
//!
//! A return address directly follows a call instruction, and where that call
//! is direct, the next inner frame lies in the function it calls. Both can be
//! read from the code alone, so both hold without any UUID.
//!
//! [`Code::call_before`] and [`Code::reach`] decode only what they are asked
//! for; [`Code::call_sites`] goes through all code once, and is needed only
//! when a load address must be found.

mod arm64;
mod entries;
mod insn;
mod scan;
mod walk;
mod x86;

pub use entries::Entries;
pub use scan::CallSites;
pub use walk::Reach;

use kstack_model::{Arch, VmAddr};

use insn::{Insn, Isa};

/// The instructions of one image, as linked.
#[derive(Clone, Debug)]
pub struct Code<'a> {
    isa: Isa,
    /// Sections of instructions in ascending order: address and bytes.
    sections: Vec<(u64, &'a [u8])>,
    /// Whether the image is linked where it lies, so that a call out of it has a target.
    is_linked: bool,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// To this address of the image.
    Inside(VmAddr),
    /// Out of the image: to an address in no code of it, or one that the loader fills in.
    Outside,
    /// Through a register or a pointer.
    Pointer,
}

/// What stands directly before an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum After {
    /// A call.
    Call(Target),
    /// No instruction that calls ends here.
    NoCall,
    /// Not in the code of the image, or its bytes are missing.
    Unknown,
}

impl<'a> Code<'a> {
    pub(crate) fn new(
        arch: Arch,
        mut sections: Vec<(u64, &'a [u8])>,
        linked_at: VmAddr,
    ) -> Option<Code<'a>> {
        let isa = match arch {
            Arch::I386 => Isa::X86 { bits: 32 },
            Arch::X86_64 | Arch::X86_64H => Isa::X86 { bits: 64 },
            Arch::Arm64 | Arch::Arm64e => Isa::Arm64,
            _ => return None,
        };
        for (start, bytes) in &mut sections {
            // What reaches past the end of the address space is damage.
            let room = usize::try_from(u64::MAX - *start).unwrap_or(usize::MAX);
            *bytes = bytes.get(..room).unwrap_or(bytes);
        }
        sections.retain(|(_, bytes)| !bytes.is_empty());
        sections.sort_by_key(|(start, _)| *start);
        Some(Code {
            isa,
            sections,
            is_linked: linked_at != VmAddr(0),
        })
    }

    /// Whether the address lies in a section of instructions.
    #[must_use]
    pub fn contains(&self, at: VmAddr) -> bool {
        self.section(at.0).is_some()
    }

    /// The lowest address of code, and the first behind the highest.
    #[must_use]
    pub fn bounds(&self) -> Option<(VmAddr, VmAddr)> {
        let (start, _) = self.sections.first()?;
        let ends = self
            .sections
            .iter()
            .map(|(start, bytes)| end(*start, bytes));
        Some((VmAddr(*start), VmAddr(ends.max()?)))
    }

    /// At how many addresses an instruction can end: every byte on x86, every fourth on arm64.
    #[must_use]
    pub fn positions(&self) -> u64 {
        let bytes = self.sections.iter().map(|(_, bytes)| wide(bytes.len()));
        bytes.sum::<u64>() / self.isa.alignment()
    }

    /// Bytes between addresses that can hold an instruction: 1 or 4.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.isa.alignment()
    }

    /// What the instruction that ends at `after` is.
    ///
    /// [`After::NoCall`] is certain: no encoding of a call ends there. On x86
    /// the bytes of a call can also stand inside other instructions, about
    /// once in thirty addresses; [`After::Call`] is as strong as that.
    #[must_use]
    pub fn call_before(&self, after: VmAddr) -> After {
        // The address may be one past the last instruction of its section.
        let Some(before) = after.0.checked_sub(1) else {
            return After::Unknown;
        };
        let Some((start, bytes)) = self.section(before) else {
            return After::Unknown;
        };
        let length = usize::try_from(after.0 - start).unwrap_or(usize::MAX);
        let Some(head) = bytes.get(..length) else {
            return After::Unknown;
        };
        let (direct, pointer) = match self.isa {
            Isa::X86 { bits } => (
                x86::direct_at_end(head, after.0, bits),
                x86::pointer_at_end(head),
            ),
            Isa::Arm64 => arm64::call_at_end(head, after.0),
        };
        // Where the bytes fit both forms, the direct call says more and can be checked.
        match direct.map(|target| (target, self.target(target, after.0))) {
            Some((target, Target::Outside)) if !self.may_leave(target, after.0) => {}
            Some((_, target)) => return After::Call(target),
            None => {}
        }
        if pointer {
            After::Call(Target::Pointer)
        } else {
            After::NoCall
        }
    }

    /// Everything that a call to `target` can reach without a frame of its own between.
    ///
    /// See [`Reach`].
    #[must_use]
    pub fn reach(&self, target: VmAddr) -> Reach {
        walk::from(self, &[target], walk::MOST)
    }

    /// Everything that calls of any of these can reach, likewise; what is too much is left out.
    #[must_use]
    pub fn reach_of_any(&self, targets: &[VmAddr]) -> Reach {
        /// A kext has less than a million instructions; of a kernel, what is seen must do.
        const MOST_OF_ANY: usize = 1_500_000;
        walk::from(self, targets, MOST_OF_ANY)
    }

    /// Code whose address other code takes; bytes that only look so are among it.
    pub(crate) fn referred(&self) -> Vec<u64> {
        let mut referred = Vec::new();
        for (start, bytes) in &self.sections {
            match self.isa {
                Isa::X86 { .. } => referred.extend(x86::referred(bytes, *start)),
                Isa::Arm64 => referred.extend(arm64::referred(bytes, *start)),
            }
        }
        referred.retain(|at| self.contains(VmAddr(*at)));
        referred
    }

    /// Whether the instruction at `at` reads or writes memory by an operand, so that it can fault.
    #[must_use]
    pub fn touches_memory(&self, at: VmAddr) -> Option<bool> {
        Some(self.decode(at.0)?.touches_memory)
    }

    /// All addresses that follow a call. One pass over all code.
    #[must_use]
    pub fn call_sites(&self) -> CallSites {
        scan::all(self)
    }

    /// Whether there is any call in the code.
    ///
    /// Without one the bytes are not what ran: some files have their code cut out or filled.
    #[must_use]
    pub fn has_calls(&self) -> bool {
        scan::any(self)
    }

    /// Whether an instruction starts at `at`, by decoding from `start`, where one is known to start.
    ///
    /// `None` when the way there leads through bytes that are no instructions.
    #[must_use]
    pub fn starts_instruction(&self, start: VmAddr, at: VmAddr) -> Option<bool> {
        /// Functions are smaller; a symbol farther away says nothing about the address.
        const FARTHEST: u64 = 0x1_0000;
        let mut here = start.0;
        if at.0 < here || at.0 - here > FARTHEST {
            return None;
        }
        while here < at.0 {
            here = here.checked_add(self.decode(here)?.length)?;
        }
        Some(here == at.0)
    }

    fn decode(&self, at: u64) -> Option<Insn> {
        let (start, bytes) = self.section(at)?;
        let rest = bytes.get(usize::try_from(at - start).ok()?..)?;
        match self.isa {
            Isa::X86 { bits } => x86::decode(rest, at, bits),
            Isa::Arm64 => arm64::decode(rest, at),
        }
    }

    fn section(&self, at: u64) -> Option<(u64, &'a [u8])> {
        let above = self.sections.partition_point(|(start, _)| *start <= at);
        let (start, bytes) = self.sections.get(above.checked_sub(1)?)?;
        (at < end(*start, bytes)).then_some((*start, *bytes))
    }

    /// Where a direct call or jump with this encoded target goes; `after` is the address behind it.
    fn target(&self, target: u64, after: u64) -> Target {
        if self.is_filled_in_later(target, after) || !self.contains(VmAddr(target)) {
            Target::Outside
        } else {
            Target::Inside(VmAddr(target))
        }
    }

    /// Whether the loader writes the target of the instruction.
    ///
    /// A kext as shipped has external relocations at its calls into other
    /// images. The bytes there hold the addend, 0: on x86-64 that is a call of
    /// the next instruction. In 32-bit object files the addend is minus the
    /// instruction's own end, a call of address 0; on arm64 it is a call of itself.
    fn is_filled_in_later(&self, target: u64, after: u64) -> bool {
        match self.isa {
            Isa::X86 { bits: 32 } => target == 0,
            Isa::X86 { .. } => target == after,
            Isa::Arm64 => target == after.wrapping_sub(4),
        }
    }

    /// Whether a direct call may go out of the image.
    fn may_leave(&self, target: u64, after: u64) -> bool {
        match self.isa {
            Isa::X86 { .. } => self.is_linked || self.is_filled_in_later(target, after),
            // The encoding alone proves the call.
            Isa::Arm64 => true,
        }
    }
}

fn end(start: u64, bytes: &[u8]) -> u64 {
    start.saturating_add(wide(bytes.len()))
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
