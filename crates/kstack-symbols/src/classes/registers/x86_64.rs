//! Registers as instructions of x86-64 leave them.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::{Effect, Registers};

impl Registers {
    pub(super) fn x86_64(&mut self, bytes: &[u8], at: u64) -> Option<(u64, Effect)> {
        if bytes.is_empty() {
            return None;
        }
        let instruction = Decoder::with_ip(64, bytes, at, DecoderOptions::NONE).decode();
        if instruction.is_invalid() {
            *self = Registers::unknown(self.arch);
            return Some((1, Effect::Other));
        }
        let effect = effect(&instruction);
        let is_written = instruction.op0_kind() == OpKind::Register && !reads_only(&instruction);
        if let Some(written) = number(instruction.op0_register()).filter(|_| is_written) {
            let is_move = instruction.mnemonic() == Mnemonic::Mov
                && instruction.op1_kind() == OpKind::Register
                && (Register::RAX..=Register::R15).contains(&instruction.op0_register());
            let is_address =
                instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand();
            let moved = number(instruction.op1_register());
            let value = match (is_address, moved.filter(|_| is_move)) {
                (true, _) => Some(instruction.ip_rel_memory_address()),
                (false, Some(from)) => self.at(from),
                (false, None) => None,
            };
            self.set(written, value);
        }
        if effect == Effect::Other {
            *self = Registers::unknown(self.arch);
        }
        Some((instruction.len() as u64, effect))
    }
}

/// Instructions that write nothing but their first operand, and no register unsaid.
fn effect(instruction: &Instruction) -> Effect {
    match instruction.mnemonic() {
        Mnemonic::Call => Effect::Call(
            (instruction.op0_kind() == OpKind::NearBranch64)
                .then(|| instruction.near_branch_target()),
        ),
        Mnemonic::Ret => Effect::Return,
        Mnemonic::Lea
        | Mnemonic::Mov
        | Mnemonic::Movzx
        | Mnemonic::Movaps
        | Mnemonic::Movups
        | Mnemonic::Xor
        | Mnemonic::Xorps
        | Mnemonic::Add
        | Mnemonic::Sub
        | Mnemonic::And
        | Mnemonic::Or
        | Mnemonic::Push
        | Mnemonic::Pop
        | Mnemonic::Nop
        | Mnemonic::Cmp
        | Mnemonic::Test
        | Mnemonic::Endbr64 => Effect::Plain,
        _ => Effect::Other,
    }
}

fn reads_only(instruction: &Instruction) -> bool {
    matches!(
        instruction.mnemonic(),
        Mnemonic::Push | Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Call | Mnemonic::Nop
    )
}

/// The number of a general register of 64 bits, of which a smaller one is a part.
fn number(register: Register) -> Option<usize> {
    let parts = [
        (Register::RAX, Register::R15),
        (Register::EAX, Register::R15D),
        (Register::AX, Register::R15W),
    ];
    let found = parts
        .iter()
        .find(|(first, last)| (*first..=*last).contains(&register));
    match found {
        Some((first, _)) => Some(register as usize - *first as usize),
        // Those of 8 bits come in another order; AH to BH are parts of the first four.
        None => match register {
            Register::AL | Register::AH => Some(0),
            Register::CL | Register::CH => Some(1),
            Register::DL | Register::DH => Some(2),
            Register::BL | Register::BH => Some(3),
            _ if (Register::SPL..=Register::R15L).contains(&register) => {
                Some(4 + (register as usize - Register::SPL as usize))
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_register_is_that_register() {
        for part in [Register::RDI, Register::EDI, Register::DI, Register::DIL] {
            assert_eq!(number(part), Some(7));
        }
        assert_eq!(number(Register::R15L), Some(15));
        assert_eq!(number(Register::BH), Some(3));
        assert_eq!(number(Register::XMM0), None);
    }
}
