//! arm64: every instruction is four bytes, so the encoding is the whole question.
//!
//! Encodings after the Arm Architecture Reference Manual (DDI 0487), C4.1.65
//! "Branches, exception generating and system instructions".

use super::insn::{Flow, Insn, Register};

/// The target of a direct call that ends the bytes, and whether a call through a register does;
/// `after` is the address behind them.
pub(super) fn call_at_end(head: &[u8], after: u64) -> (Option<u64>, bool) {
    // Code is aligned: an odd return address is none.
    let word = head.last_chunk::<4>().filter(|_| after.is_multiple_of(4));
    match word.map(|word| flow(u32::from_le_bytes(*word), after.wrapping_sub(4))) {
        Some(Flow::Call(target)) => (Some(target), false),
        Some(Flow::CallPointer) => (None, true),
        _ => (None, false),
    }
}

/// The call that a word is.
pub(super) fn call(word: u32, at: u64) -> Option<Flow> {
    match flow(word, at) {
        call @ (Flow::Call(_) | Flow::CallPointer) => Some(call),
        _ => None,
    }
}

pub(super) fn decode(bytes: &[u8], at: u64) -> Option<Insn> {
    if !at.is_multiple_of(4) {
        return None;
    }
    let word = u32::from_le_bytes(*bytes.first_chunk::<4>()?);
    Some(Insn {
        length: 4,
        flow: flow(word, at),
        // ADD X29, SP, #imm, which MOV X29, SP is a case of.
        sets_frame: word & 0xff80_03ff == 0x9100_03fd,
        // The group "Loads and Stores".
        touches_memory: word & 0x0a00_0000 == 0x0800_0000,
        // ADD of two registers, the second shifted or extended.
        sum_in: (word & 0xff00_0000 == 0x8b00_0000).then_some(Register(word & 31)),
    })
}

/// Addresses that code computes relative to itself: `ADR`, or `ADRP` with the `ADD` behind it.
pub(super) fn referred(bytes: &[u8], start: u64) -> impl Iterator<Item = u64> {
    let words = bytes.as_chunks::<4>().0;
    let pairs = words
        .iter()
        .zip(words.iter().skip(1))
        .zip((0_u64..).step_by(4));
    pairs.filter_map(move |((word, next), offset)| {
        let (word, next) = (u32::from_le_bytes(*word), u32::from_le_bytes(*next));
        crate::bounds::address(word, Some(next), start.wrapping_add(offset))
    })
}

fn flow(word: u32, at: u64) -> Flow {
    let to = |bits: u32, shift: u32| at.wrapping_add(signed(word >> shift, bits) << 2);
    match word {
        // BL, B
        _ if word & 0xfc00_0000 == 0x9400_0000 => Flow::Call(to(26, 0)),
        _ if word & 0xfc00_0000 == 0x1400_0000 => Flow::Jump(to(26, 0)),
        // BLR; BLRAAZ, BLRABZ; BLRAA, BLRAB
        _ if word & 0xffff_fc1f == 0xd63f_0000
            || word & 0xffff_f81f == 0xd63f_081f
            || word & 0xffff_f800 == 0xd73f_0800 =>
        {
            Flow::CallPointer
        }
        // BR; BRAAZ, BRABZ; BRAA, BRAB
        _ if word & 0xffff_fc1f == 0xd61f_0000
            || word & 0xffff_f81f == 0xd61f_081f
            || word & 0xffff_f800 == 0xd71f_0800 =>
        {
            // With pointer authentication a switch still jumps without.
            let is_plain = word & 0xffff_fc1f == 0xd61f_0000;
            Flow::JumpPointer(is_plain.then_some(Register((word >> 5) & 31)))
        }
        // RET, RETAA, RETAB, ERET and its kin
        _ if word & 0xffff_fc1f == 0xd65f_0000
            || word & 0xffff_fbff == 0xd65f_0bff
            || word & 0xffff_f3ff == 0xd69f_03e0 =>
        {
            Flow::Stop
        }
        // B.cond, BC.cond; CBZ, CBNZ; TBZ, TBNZ
        _ if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 => {
            Flow::Branch(to(19, 5))
        }
        _ if word & 0x7e00_0000 == 0x3600_0000 => Flow::Branch(to(14, 5)),
        // BRK, UDF
        _ if word & 0xffe0_001f == 0xd420_0000 || word & 0xffff_0000 == 0 => Flow::Stop,
        _ => Flow::Next,
    }
}

/// The lowest `bits` of a word as a signed number, widened.
fn signed(word: u32, bits: u32) -> u64 {
    let unused = 64 - bits;
    ((u64::from(word) << unused).cast_signed() >> unused).cast_unsigned()
}
