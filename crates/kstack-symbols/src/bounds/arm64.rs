//! Instructions of arm64 and arm64e.
//!
//! Encodings from the Arm Architecture Reference Manual (DDI 0487), section C4.

use super::step::{Flow, Frame, Step};

/// Decodes one instruction.
pub(super) fn decode(bytes: &[u8], at: u64) -> Step {
    let Some(word) = bytes.first_chunk().map(|word| u32::from_le_bytes(*word)) else {
        return Step {
            size: 4,
            flow: Flow::Stop,
            refers_to: None,
            frame: Frame::Silent,
        };
    };
    let next = bytes.get(4..).and_then(|rest| rest.first_chunk());
    Step {
        size: 4,
        flow: flow(word, at),
        refers_to: address(word, next.map(|word| u32::from_le_bytes(*word)), at),
        frame: frame(word),
    }
}

fn flow(word: u32, at: u64) -> Flow {
    let far = |bits: u32, shift: u32| at.wrapping_add(signed(word >> shift, bits) << 2);
    match word {
        NOP => Flow::Padding,
        // Undefined instructions with the top half zero: udf, and zeros between sections.
        0..=0xffff => Flow::Stop,
        _ if word & 0xfc00_0000 == 0x1400_0000 => Flow::Jump(far(26, 0)),
        _ if word & 0xfc00_0000 == 0x9400_0000 => match far(26, 0) {
            // Before it is linked, a call to another image goes to itself.
            target if target == at => Flow::CallAnywhere,
            target => Flow::Call(target),
        },
        // b.cond and bc.cond, cbz and cbnz, tbz and tbnz
        _ if word & 0xff00_0000 == 0x5400_0000 => Flow::Branch(far(19, 5)),
        _ if word & 0x7e00_0000 == 0x3400_0000 => Flow::Branch(far(19, 5)),
        _ if word & 0x7e00_0000 == 0x3600_0000 => Flow::Branch(far(14, 5)),
        // Unconditional branches to registers, with and without authentication.
        _ if word & 0xfe00_0000 == 0xd600_0000 => match word >> 21 & 0xf {
            0b0000 | 0b1000 => Flow::JumpAnywhere,
            0b0001 | 0b1001 => Flow::CallAnywhere,
            _ => Flow::Return,
        },
        // brk and hlt
        _ if word & 0xffe0_001f == 0xd420_0000 || word & 0xffe0_001f == 0xd440_0000 => Flow::Stop,
        _ => Flow::Next,
    }
}

const NOP: u32 = 0xd503_201f;

/// `adr`, or `adrp` with the `add` behind it.
pub(crate) fn address(word: u32, next: Option<u32>, at: u64) -> Option<u64> {
    if word & 0x1f00_0000 != 0x1000_0000 {
        return None;
    }
    let offset = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
    let offset = signed(offset, 21);
    if word >> 31 == 0 {
        return Some(at.wrapping_add(offset));
    }
    let page = (at & !0xfff).wrapping_add(offset << 12);
    let next = next.filter(|next| next & 0xffc0_0000 == 0x9100_0000)?;
    let is_same = next >> 5 & 0x1f == word & 0x1f;
    is_same.then_some(page.wrapping_add(u64::from(next >> 10 & 0xfff)))
}

fn frame(word: u32) -> Frame {
    let (low, base, third) = (word & 0x1f, word >> 5 & 0x1f, word >> 16 & 0x1f);
    let is_kept = |register: u32| (19..=29).contains(&register);
    // Of general registers only; loads relative to the instruction have no base.
    let is_pair = word & 0x3e00_0000 == 0x2800_0000;
    let is_literal = word & 0x3b00_0000 == 0x1800_0000;
    let is_load_or_store = word & 0x0a00_0000 == 0x0800_0000 && !is_literal;
    let loads = word & 0x0040_0000 != 0;
    match word {
        // pacibsp, paciasp, bti c
        0xd503_237f | 0xd503_233f | 0xd503_245f => Frame::SetsUp,
        // sub sp, sp, #n
        _ if word & 0xff80_03ff == 0xd100_03ff => Frame::SetsUp,
        // stp with the stack pointer moved first
        _ if word & 0xffc0_03e0 == 0xa980_03e0 => Frame::SetsUp,
        _ if is_load_or_store && is_kept(base) => Frame::Uses,
        // A pair restored from the stack: what was not saved cannot be restored.
        _ if is_pair && loads && base == 31 && is_kept(low) => Frame::Uses,
        _ if is_load_or_store && loads && is_kept(low) => Frame::Overwrites,
        // add, sub, cmp with an immediate
        _ if word & 0x1f00_0000 == 0x1100_0000 && is_kept(base) => Frame::Uses,
        // Logic and arithmetic on two registers; the zero register makes a move.
        _ if word & 0x0e00_0000 == 0x0a00_0000 && (is_kept(base) || is_kept(third)) => Frame::Uses,
        // cbz, cbnz, tbz, tbnz
        _ if word & 0x7c00_0000 == 0x3400_0000 && is_kept(low) => Frame::Uses,
        _ if word & 0x1c00_0000 == 0x1000_0000 && is_kept(low) => Frame::Overwrites,
        _ if word & 0x0e00_0000 == 0x0a00_0000 && is_kept(low) => Frame::Overwrites,
        _ => Frame::Silent,
    }
}

/// The low `bits` of a word as a signed number, to be added with wrapping.
fn signed(word: u32, bits: u32) -> u64 {
    let shift = 64 - bits;
    ((u64::from(word) << shift).cast_signed() >> shift).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(words: &[u32], at: u64) -> Step {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        decode(&bytes, at)
    }

    #[test]
    fn branches_go_where_their_fields_say() {
        assert_eq!(step(&[0x1400_0002], 0x1000).flow, Flow::Jump(0x1008));
        assert_eq!(step(&[0x97ff_ffff], 0x1000).flow, Flow::Call(0xffc));
        assert_eq!(step(&[0x9400_0000], 0x1000).flow, Flow::CallAnywhere);
        assert_eq!(step(&[0x5400_0041], 0x1000).flow, Flow::Branch(0x1008));
        assert_eq!(step(&[0xb4ff_ffe0], 0x1000).flow, Flow::Branch(0xffc));
        assert_eq!(step(&[0x3607_ffe0], 0x1000).flow, Flow::Branch(0xffc));
    }

    #[test]
    fn branches_to_registers_are_told_apart() {
        // br x16, blr x8, ret, braa x16 x17, blraa x8 x17, retab
        for (word, flow) in [
            (0xd61f_0200, Flow::JumpAnywhere),
            (0xd63f_0100, Flow::CallAnywhere),
            (0xd65f_03c0, Flow::Return),
            (0xd71f_0a11, Flow::JumpAnywhere),
            (0xd73f_0911, Flow::CallAnywhere),
            (0xd65f_0fff, Flow::Return),
        ] {
            assert_eq!(step(&[word], 0).flow, flow, "{word:x}");
        }
    }

    #[test]
    fn an_address_comes_in_two_instructions() {
        // adrp x0, #0x2000; add x0, x0, #0x34
        let words = [0xd000_0000, 0x9100_d000];
        assert_eq!(step(&words, 0x1004).refers_to, Some(0x3034));
    }

    #[test]
    fn restoring_what_was_not_saved_is_no_entry() {
        // ldp x29, x30, [sp], #16; mov x0, x19; stp x29, x30, [sp, #-16]!; mov x0, x1
        assert_eq!(step(&[0xa8c1_7bfd], 0).frame, Frame::Uses);
        assert_eq!(step(&[0xaa13_03e0], 0).frame, Frame::Uses);
        assert_eq!(step(&[0xa9bf_7bfd], 0).frame, Frame::SetsUp);
        assert_eq!(step(&[0xaa01_03e0], 0).frame, Frame::Silent);
    }
}
