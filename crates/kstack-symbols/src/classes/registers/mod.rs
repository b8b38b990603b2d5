//! What addresses code puts into the registers of arguments and of the result.

mod arm64;
mod x86_64;

use kstack_model::Arch;

/// The registers that matter here, by what calls use them for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    First,
    Second,
    Result,
}

/// Known addresses in registers; what was not computed from the instruction's own place is not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    arch: Arch,
    /// As instructions number them.
    values: [Option<u64>; 32],
}

/// What an instruction does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only computes, in a way that is followed here.
    Plain,
    /// A call, direct if it has a target.
    Call(Option<u64>),
    Return,
    /// Anything else.
    Other,
}

/// `rbx`, `rbp` and `r12` to `r15`; `x19` to `x28`: what calls leave as it is.
const KEPT_BY_X86_64: [usize; 6] = [3, 5, 12, 13, 14, 15];
const KEPT_BY_ARM64: std::ops::Range<usize> = 19..29;

impl Registers {
    pub(super) fn unknown(arch: Arch) -> Registers {
        Registers {
            arch,
            values: [None; 32],
        }
    }

    pub(super) fn get(&self, of: Use) -> Option<u64> {
        let number = match (self.is_x86(), of) {
            (true, Use::First) => 7,
            (true, Use::Second) => 6,
            (true, Use::Result) | (false, Use::First | Use::Result) => 0,
            (false, Use::Second) => 1,
        };
        self.at(number)
    }

    /// Forgets what a call may have changed.
    pub(super) fn call(&mut self) {
        let is_x86 = self.is_x86();
        for (number, value) in self.values.iter_mut().enumerate() {
            let is_kept = match is_x86 {
                true => KEPT_BY_X86_64.contains(&number),
                false => KEPT_BY_ARM64.contains(&number),
            };
            if !is_kept {
                *value = None;
            }
        }
    }

    /// Follows one instruction: its length, and what else it does. `None` where there is none.
    pub(super) fn follow(&mut self, bytes: &[u8], at: u64) -> Option<(u64, Effect)> {
        match self.arch {
            Arch::X86_64 | Arch::X86_64H => self.x86_64(bytes, at),
            Arch::Arm64 | Arch::Arm64e => self.arm64(bytes, at),
            _ => None,
        }
    }

    fn is_x86(&self) -> bool {
        matches!(self.arch, Arch::X86_64 | Arch::X86_64H)
    }

    fn at(&self, number: usize) -> Option<u64> {
        self.values.get(number).copied().flatten()
    }

    fn set(&mut self, number: usize, value: Option<u64>) {
        if let Some(place) = self.values.get_mut(number) {
            *place = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(arch: Arch, code: &[u8]) -> Registers {
        let (mut registers, mut at) = (Registers::unknown(arch), 0);
        while let Some((length, _)) = registers.follow(&code[at..], 0x1000 + at as u64) {
            at += usize::try_from(length).unwrap();
        }
        registers
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn an_address_that_x86_loads_is_known_until_it_is_overwritten() {
        let lea_rdi = [0x48, 0x8d, 0x3d, 0x10, 0, 0, 0];
        let known = after(Arch::X86_64, &lea_rdi);
        assert_eq!(known.get(Use::First), Some(0x1017));
        let overwritten = after(Arch::X86_64, &[&lea_rdi[..], &[0x31, 0xff]].concat());
        assert_eq!(overwritten.get(Use::First), None);
        // rep stosb writes rdi without naming it.
        let moved = after(Arch::X86_64, &[&lea_rdi[..], &[0xf3, 0xaa]].concat());
        assert_eq!(moved.get(Use::First), None);
    }

    #[test]
    fn a_page_and_an_offset_of_arm64_are_an_address() {
        // adrp x1, +0x2000; add x1, x1, #0x30
        let known = after(Arch::Arm64e, &words(&[0xd000_0001, 0x9100_c021]));
        assert_eq!(known.get(Use::Second), Some(0x3030));
        assert_eq!(known.get(Use::First), None);
        // ldp x8, x1, [sp]
        let loaded = after(
            Arch::Arm64e,
            &words(&[0xd000_0001, 0x9100_c021, 0xa940_07e8]),
        );
        assert_eq!(loaded.get(Use::Second), None);
    }

    #[test]
    fn a_move_takes_what_is_known_along_and_a_call_leaves_what_it_keeps() {
        // lea r15; mov rdi, r15
        let code = [0x4c, 0x8d, 0x3d, 0x10, 0, 0, 0, 0x4c, 0x89, 0xff];
        let mut known = after(Arch::X86_64, &code);
        assert_eq!(known.get(Use::First), Some(0x1017));
        known.call();
        assert_eq!(known.get(Use::First), None);
        known.follow(&code[7..], 0x2000);
        assert_eq!(known.get(Use::First), Some(0x1017));
        // adrp x23, +0x1000; mov x0, x23
        let known = after(Arch::Arm64e, &words(&[0xb000_0017, 0xaa17_03e0]));
        assert_eq!(known.get(Use::First), Some(0x2000));
    }

    #[test]
    fn a_branch_forgets_what_was_known() {
        // adrp x0; b +8
        let branched = after(Arch::Arm64, &words(&[0x9000_0000, 0x1400_0002]));
        assert_eq!(branched.get(Use::First), None);
        // lea rax; je +2
        let code = [0x48, 0x8d, 0x05, 0x10, 0, 0, 0, 0x74, 0x02];
        assert_eq!(after(Arch::X86_64, &code).get(Use::Result), None);
    }
}
