//! x86: calls by their bytes, everything else by a decoder.
//!
//! Encodings after the Intel 64 manual, volume 2A, CALL: `E8` and a
//! displacement of four bytes, or `FF` with 2 in the middle field of the byte
//! that follows. A REX prefix stands before them and does not move their end.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::insn::{Flow, Insn, Register as Number};

/// Bytes of an `FF /2` without prefixes, least and most.
const SHORTEST: usize = 2;
const LONGEST: usize = 7;

/// The target of the direct call that ends the bytes; `after` is the address behind them.
pub(super) fn direct_at_end(head: &[u8], after: u64, bits: u32) -> Option<u64> {
    match head.last_chunk::<5>()? {
        [0xe8, displacement @ ..] => Some(relative(*displacement, after, bits)),
        _ => None,
    }
}

/// Whether a call through a register or pointer ends the bytes.
pub(super) fn pointer_at_end(head: &[u8]) -> bool {
    (SHORTEST..=LONGEST).any(|length| {
        let start = head.len().checked_sub(length);
        match start.and_then(|start| head.get(start..)) {
            Some([0xff, operand @ ..]) => pointer_length(operand) == Some(length),
            _ => false,
        }
    })
}

/// Where a direct call goes.
pub(super) fn relative(displacement: [u8; 4], after: u64, bits: u32) -> u64 {
    let displacement = i64::from(i32::from_le_bytes(displacement)).cast_unsigned();
    let target = after.wrapping_add(displacement);
    if bits == 32 {
        target & 0xffff_ffff
    } else {
        target
    }
}

/// Length of the `FF /2` whose bytes after the `FF` are these; `None` for another instruction.
pub(super) fn pointer_length(operand: &[u8]) -> Option<usize> {
    let modrm = *operand.first()?;
    if (modrm >> 3) & 7 != 2 {
        return None;
    }
    let (mode, base) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return Some(2);
    }
    let has_sib = base == 4;
    let displacement = match mode {
        // Base 5 without displacement means an address of four bytes, also in a SIB byte.
        0 if has_sib => 4 * usize::from(*operand.get(1)? & 7 == 5),
        0 => 4 * usize::from(base == 5),
        1 => 1,
        _ => 4,
    };
    Some(2 + usize::from(has_sib) + displacement)
}

/// Addresses that code computes relative to itself: `lea` of 64 bits, by its bytes; `start` is where
/// they are linked.
pub(super) fn referred(bytes: &[u8], start: u64) -> impl Iterator<Item = u64> {
    memchr::memchr_iter(0x8d, bytes).filter_map(move |at| {
        let prefix = bytes.get(at.checked_sub(1)?)?;
        // REX.W, perhaps with the high half of the registers; then no base but the instruction pointer.
        let [modrm, displacement @ ..] = bytes.get(at + 1..)?.first_chunk::<5>()?;
        let is_relative = prefix & 0xfb == 0x48 && modrm & 0xc7 == 5;
        let after = start.wrapping_add(super::wide(at + 6));
        is_relative.then(|| relative(*displacement, after, 64))
    })
}

pub(super) fn decode(bytes: &[u8], at: u64, bits: u32) -> Option<Insn> {
    // No instruction is longer than 15 bytes.
    let bytes = bytes.get(..15).unwrap_or(bytes);
    let mut decoder = Decoder::with_ip(bits, bytes, at, DecoderOptions::NONE);
    let insn = decoder.decode();
    if insn.is_invalid() {
        return None;
    }
    Some(Insn {
        length: u64::try_from(insn.len()).ok()?,
        flow: flow(&insn),
        sets_frame: sets_frame(&insn),
        touches_memory: touches_memory(&insn),
        sum_in: register(&insn)
            .filter(|_| insn.mnemonic() == Mnemonic::Add && insn.op1_kind() == OpKind::Register),
    })
}

fn flow(insn: &Instruction) -> Flow {
    let target = match insn.op0_kind() {
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
            Some(insn.near_branch_target())
        }
        _ => None,
    };
    match (insn.mnemonic(), target) {
        (Mnemonic::Call, Some(target)) => Flow::Call(target),
        (Mnemonic::Call, None) => Flow::CallPointer,
        (Mnemonic::Jmp, Some(target)) => Flow::Jump(target),
        (Mnemonic::Jmp, None) => Flow::JumpPointer(register(insn)),
        // All other instructions with a near target are conditional: Jcc, LOOP, JCXZ, XBEGIN.
        (_, Some(target)) => Flow::Branch(target),
        (
            Mnemonic::Ret
            | Mnemonic::Retf
            | Mnemonic::Iret
            | Mnemonic::Iretd
            | Mnemonic::Iretq
            | Mnemonic::Sysret
            | Mnemonic::Sysretq
            | Mnemonic::Sysexit
            | Mnemonic::Int3
            | Mnemonic::Ud2
            | Mnemonic::Hlt,
            None,
        ) => Flow::Stop,
        (_, None) => Flow::Next,
    }
}

/// Whether an operand is in memory: it can fault. `lea` and long `nop`s only look so.
fn touches_memory(insn: &Instruction) -> bool {
    let is_in_memory = |kind| {
        !matches!(
            kind,
            OpKind::Register
                | OpKind::NearBranch16
                | OpKind::NearBranch32
                | OpKind::NearBranch64
                | OpKind::FarBranch16
                | OpKind::FarBranch32
                | OpKind::Immediate8
                | OpKind::Immediate8_2nd
                | OpKind::Immediate16
                | OpKind::Immediate32
                | OpKind::Immediate64
                | OpKind::Immediate8to16
                | OpKind::Immediate8to32
                | OpKind::Immediate8to64
                | OpKind::Immediate32to64
        )
    };
    let is_only_a_form = matches!(insn.mnemonic(), Mnemonic::Lea | Mnemonic::Nop);
    !is_only_a_form && insn.op_kinds().any(is_in_memory)
}

/// The register that is the first operand.
fn register(insn: &Instruction) -> Option<Number> {
    let is_register = insn.op0_kind() == OpKind::Register;
    // The decoder numbers registers of all widths in one row.
    is_register.then_some(Number(insn.op0_register() as u32))
}

/// `mov rbp, rsp`, or `lea rbp, [rsp + n]`.
fn sets_frame(insn: &Instruction) -> bool {
    let to_frame_pointer = matches!(insn.op0_register(), Register::RBP | Register::EBP);
    let from_stack_pointer = |register| matches!(register, Register::RSP | Register::ESP);
    to_frame_pointer
        && match insn.mnemonic() {
            Mnemonic::Mov => from_stack_pointer(insn.op1_register()),
            Mnemonic::Lea => from_stack_pointer(insn.memory_base()),
            _ => false,
        }
}
