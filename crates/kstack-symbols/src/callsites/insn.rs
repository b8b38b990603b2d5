//! An instruction, as far as the flow of control is concerned.

/// Instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    X86 { bits: u32 },
    Arm64,
}

impl Isa {
    pub(super) fn alignment(self) -> u64 {
        match self {
            Isa::X86 { .. } => 1,
            Isa::Arm64 => 4,
        }
    }
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Insn {
    /// Its bytes.
    pub(super) length: u64,
    pub(super) flow: Flow,
    /// Whether it makes the frame pointer point at a frame.
    pub(super) sets_frame: bool,
}

/// Where control goes from an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// On.
    Next,
    /// A direct call; then on.
    Call(u64),
    /// A call through a register or pointer; then on.
    CallPointer,
    /// A direct jump.
    Jump(u64),
    /// A direct jump, or on.
    Branch(u64),
    /// A jump through a register or pointer: a stub, a switch, a tail call.
    JumpPointer,
    /// Nowhere: a return or a trap.
    Stop,
}
