//! Instructions of x86-64.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::step::{Flow, Frame, Step};

/// Decodes one instruction.
pub(super) fn decode(bytes: &[u8], at: u64) -> Step {
    let mut decoder = Decoder::with_ip(64, bytes, at, DecoderOptions::NONE);
    let instruction = decoder.decode();
    if instruction.is_invalid() {
        return Step {
            size: 1,
            flow: Flow::Stop,
            refers_to: None,
            frame: Frame::Silent,
        };
    }
    let address = instruction.is_ip_rel_memory_operand() && instruction.mnemonic() == Mnemonic::Lea;
    Step {
        size: instruction.len() as u64,
        flow: flow(&instruction),
        refers_to: address.then(|| instruction.ip_rel_memory_address()),
        frame: match sets_up_frame(bytes) {
            true => Frame::SetsUp,
            false => frame(&instruction),
        },
    }
}

fn flow(instruction: &Instruction) -> Flow {
    let target = match instruction.op0_kind() {
        OpKind::NearBranch64 => Some(instruction.near_branch_target()),
        _ => None,
    };
    match (instruction.mnemonic(), target) {
        (Mnemonic::Jmp, Some(target)) => Flow::Jump(target),
        (Mnemonic::Jmp, None) => Flow::JumpAnywhere,
        // Before it is linked, a call to another image goes to the next instruction.
        (Mnemonic::Call, Some(target)) if target == instruction.next_ip() => Flow::CallAnywhere,
        (Mnemonic::Call, Some(target)) => Flow::Call(target),
        (Mnemonic::Call, None) => Flow::CallAnywhere,
        (Mnemonic::Ret | Mnemonic::Retf | Mnemonic::Iretq | Mnemonic::Sysretq, _) => Flow::Return,
        (Mnemonic::Ud2 | Mnemonic::Int3 | Mnemonic::Hlt, _) => Flow::Stop,
        (Mnemonic::Nop | Mnemonic::Fnop, _) => Flow::Padding,
        (_, Some(target)) => Flow::Branch(target),
        // Two zero bytes add a register to memory at itself: linkers and assemblers fill with zeros.
        (Mnemonic::Add, None) if is_zeros(instruction) => Flow::Stop,
        _ => Flow::Next,
    }
}

fn is_zeros(instruction: &Instruction) -> bool {
    instruction.len() == 2
        && instruction.op0_kind() == OpKind::Memory
        && instruction.memory_base() == Register::RAX
        && instruction.op1_register() == Register::AL
}

/// `push rbp; mov rbp, rsp`, in both encodings: code for the kernel keeps frame pointers.
fn sets_up_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x55, 0x48, 0x89, 0xe5]) || bytes.starts_with(&[0x55, 0x48, 0x8b, 0xec])
}

fn frame(instruction: &Instruction) -> Frame {
    let first = instruction.op0_register();
    let second = instruction.op1_register();
    match instruction.mnemonic() {
        Mnemonic::Push | Mnemonic::Nop => return Frame::Silent,
        Mnemonic::Pop if is_kept(first) => return Frame::Uses,
        Mnemonic::Leave => return Frame::Uses,
        Mnemonic::Xor | Mnemonic::Sub if first == second && is_kept(first) => {
            return Frame::Overwrites;
        }
        _ => {}
    }
    if is_kept(instruction.memory_base()) || is_kept(instruction.memory_index()) {
        return Frame::Uses;
    }
    // Storing to the stack may save the caller's value.
    let is_saved = instruction.memory_base() == Register::RSP;
    if is_kept(second) && !is_saved {
        return Frame::Uses;
    }
    let compares = matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    match is_kept(first) {
        true if compares => Frame::Uses,
        true => Frame::Overwrites,
        false => Frame::Silent,
    }
}

/// Registers that a function preserves for its caller.
fn is_kept(register: Register) -> bool {
    use Register::{BL, BP, BPL, BX, EBP, EBX, RBP, RBX};
    use Register::{R12, R12D, R12L, R12W, R13, R13D, R13L, R13W};
    use Register::{R14, R14D, R14L, R14W, R15, R15D, R15L, R15W};
    matches!(register, RBX | EBX | BX | BL | RBP | EBP | BP | BPL)
        || matches!(
            register,
            R12 | R12D | R12W | R12L | R13 | R13D | R13W | R13L
        )
        || matches!(
            register,
            R14 | R14D | R14W | R14L | R15 | R15D | R15W | R15L
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_before_linking_go_nowhere_known() {
        assert_eq!(decode(&[0xe8, 0, 0, 0, 0], 0x1000).flow, Flow::CallAnywhere);
        assert_eq!(
            decode(&[0xe8, 0x10, 0, 0, 0], 0x1000).flow,
            Flow::Call(0x1015)
        );
    }

    #[test]
    fn what_is_kept_for_the_caller_is_not_read_at_an_entry() {
        // pop rbp; mov rdi, rbx; mov rax, [rbp - 8]; push rbx; mov rdi, rsi; xor ebx, ebx
        for (bytes, frame) in [
            (&[0x5d][..], Frame::Uses),
            (&[0x48, 0x89, 0xdf], Frame::Uses),
            (&[0x48, 0x8b, 0x45, 0xf8], Frame::Uses),
            (&[0x53], Frame::Silent),
            (&[0x48, 0x89, 0xf7], Frame::Silent),
            (&[0x31, 0xdb], Frame::Overwrites),
            (&[0x55, 0x48, 0x89, 0xe5], Frame::SetsUp),
        ] {
            assert_eq!(decode(bytes, 0).frame, frame, "{bytes:x?}");
        }
    }
}
