//! The register block, and what it says about the fault.

use kstack_model::{Arch, fault};

use super::scan::number_after;
use crate::formats::numbers::leading_hex;

/// Registers in the order printed, under the names printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers {
    named: Vec<(String, u64)>,
}

/// Register names that start a line of the block, by processor.
const FIRST_OF_LINE: &[&str] = &[
    "CR0",
    "CR2",
    "RAX",
    "RSP",
    "R8",
    "R12",
    "RFL",
    "RIP",
    "EAX",
    "ESP",
    "EFL",
    "EIP",
    "Fault CR2",
    "Error code",
    "x0",
    "x2",
    "x4",
    "x6",
    "x8",
    "x10",
    "x12",
    "x14",
    "x16",
    "x18",
    "x20",
    "x22",
    "x24",
    "x26",
    "x28",
    "pc",
    "sp",
    "cpsr",
    "esr",
    "far",
    "r0",
    "r4",
    "r8",
    "r12",
    "fsr",
];

/// A block is at most this long; a hostile file repeats it.
const MOST_REGISTERS: usize = 128;

impl Registers {
    /// Takes a line of the block; says whether it was one.
    pub(super) fn take(&mut self, line: &str) -> bool {
        let is_block = line
            .split_once(':')
            .is_some_and(|(name, _)| FIRST_OF_LINE.contains(&name))
            || line.starts_with("PC=0x");
        if !is_block {
            return false;
        }
        for pair in pairs(line) {
            if self.named.len() < MOST_REGISTERS {
                self.named.push(pair);
            }
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.named
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
    }

    pub(super) fn get(&self, name: &str) -> Option<u64> {
        self.iter()
            .find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The instruction at which the fault was taken.
    pub(super) fn instruction_pointer(&self) -> Option<u64> {
        ["RIP", "EIP", "pc", "PC"]
            .iter()
            .find_map(|name| self.get(name))
    }

    /// The architecture whose registers these are.
    pub(super) fn arch(&self) -> Option<Arch> {
        const TELLING: &[(&str, Arch)] = &[
            ("RIP", Arch::X86_64),
            ("EIP", Arch::I386),
            ("x0", Arch::Arm64),
            ("esr", Arch::Arm64),
            ("r0", Arch::Arm),
            ("fsr", Arch::Arm),
            ("MSR", Arch::Ppc),
        ];
        TELLING
            .iter()
            .find_map(|(name, arch)| self.get(name).map(|_| *arch))
    }

    /// What the fault was, in words.
    pub(super) fn fault(&self, message: &str) -> Option<String> {
        if let Some(esr) = self.get("esr") {
            return Some(fault::arm64(esr, self.get("far")?));
        }
        if let Some(fsr) = self.get("fsr") {
            return Some(fault::arm32(fsr, self.get("far")?));
        }
        if let Some(vector) = ppc_vector(message) {
            let dar = self.get("DAR").or_else(|| pair_in(message, "DAR"))?;
            return fault::ppc(vector, self.get("DSISR").unwrap_or(0), dar);
        }
        let trap = x86_trap(message)?;
        let address = self.get("Fault CR2").or_else(|| self.get("CR2"));
        match address {
            Some(address) => Some(fault::x86(
                trap,
                self.get("Error code").unwrap_or(0),
                address,
            )),
            // Without the address only the other traps can be told.
            None => (trap != 14).then(|| fault::x86(trap, 0, 0)),
        }
    }

    /// General registers that hold no canonical address, for a trap that does not say which pointer was bad.
    pub(super) fn bad_pointers(&self, message: &str) -> Option<String> {
        const GENERAL: &[&str] = &[
            "RAX", "RBX", "RCX", "RDX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11",
            "R12", "R13", "R14", "R15",
        ];
        if x86_trap(message) != Some(13) {
            return None;
        }
        let bad: Vec<String> = self
            .iter()
            .filter(|(name, value)| GENERAL.contains(name) && !fault::is_canonical(*value))
            .map(|(name, value)| format!("{name}={value:#018x}"))
            .collect();
        (!bad.is_empty()).then(|| bad.join(" "))
    }
}

/// "type 14=page fault" of Intel panics, "Type 14=…" before 10.5.
fn x86_trap(message: &str) -> Option<u64> {
    if !message.contains("trap") {
        return None;
    }
    number_after(message, "type ").or_else(|| number_after(message, "Type "))
}

/// "Unresolved kernel trap(cpu 0): 0x300 - Data access".
fn ppc_vector(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once("kernel trap(cpu ")?;
    let (_, rest) = rest.split_once("): ")?;
    Some(leading_hex(rest)?.value)
}

fn pair_in(text: &str, name: &str) -> Option<u64> {
    pairs(text).find_map(|(own, value)| (own == name).then_some(value))
}

/// Every `NAME: 0x…` and `NAME=0x…` of a line.
fn pairs(line: &str) -> impl Iterator<Item = (String, u64)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find("0x")?;
            let (before, number) = rest.split_at_checked(at)?;
            let Some(hex) = leading_hex(number) else {
                rest = number.get(2..)?;
                continue;
            };
            rest = hex.rest;
            let Some(name) = before.trim_end().strip_suffix([':', '=']) else {
                continue;
            };
            let name = name
                .rsplit([',', ';', ':'])
                .next()
                .unwrap_or_default()
                .trim_matches(|character: char| !character.is_ascii_alphanumeric());
            // A longer "name" is prose.
            if !name.is_empty() && name.len() <= 12 {
                return Some((name.to_owned(), hex.value));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(lines: &[&str]) -> Registers {
        let mut registers = Registers::default();
        for line in lines {
            assert!(registers.take(line), "{line}");
        }
        registers
    }

    #[test]
    fn an_intel_block_keeps_every_name_and_value() {
        let block = registers(&[
            "RFL: 0x0000000000010297, RIP: 0xffffff8012345670, CS:  0x0000000000000008",
            "Fault CR2: 0x0000000000000020, Error code: 0x0000000000000002, Fault CPU: 0x0 VMM, PL: 0",
        ]);
        assert_eq!(block.instruction_pointer(), Some(0xffff_ff80_1234_5670));
        assert_eq!(block.get("Fault CR2"), Some(0x20));
        assert_eq!(block.arch(), Some(Arch::X86_64));
        assert_eq!(
            block
                .fault("Kernel trap at 0x1, type 14=page fault")
                .as_deref(),
            Some("write to an unmapped page at 0x20: a null pointer plus 32")
        );
    }

    #[test]
    fn an_arm64_block_is_read_across_its_columns() {
        let block = registers(&[
            "x28: 0x0000000000000001 fp:  0xfffffe6000000270  lr:  0x2bbdfe0010000600  sp:  0xfffffe60000001a0",
            "pc:  0xfffffe00100005e8 cpsr: 0x60401208         esr: 0x96000044          far: 0x0000000000000010",
        ]);
        assert_eq!(block.get("lr"), Some(0x2bbd_fe00_1000_0600));
        assert_eq!(block.get("far"), Some(0x10));
        assert!(
            block
                .fault("")
                .unwrap()
                .starts_with("write to an unmapped page")
        );
    }

    #[test]
    fn a_frame_line_is_not_a_register_line() {
        assert!(!Registers::default().take("lr: 0xfffffe0010000600  fp: 0xfffffe6000000270"));
        assert!(!Registers::default().take("72: 0xfffffe0010000600"));
    }

    #[test]
    fn a_general_protection_fault_names_the_registers_that_hold_no_address() {
        let block = registers(&[
            "RAX: 0x0000000000000001, RBX: 0xdeadbeefdeadbeef, RCX: 0xffffff8000000000",
        ]);
        assert_eq!(
            block
                .bad_pointers("Kernel trap at 0x1, type 13=general protection")
                .as_deref(),
            Some("RBX=0xdeadbeefdeadbeef")
        );
    }
}
