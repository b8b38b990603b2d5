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
    /// Whether it reads or writes memory by an operand of its own; pushing and calling do not count.
    pub(super) touches_memory: bool,
    /// The register in which it leaves a sum of two.
    pub(super) sum_in: Option<Register>,
}

/// A register, as the decoder numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Register(pub(super) u32);

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
    /// A jump through a register or pointer: a stub, a tail call; a switch, too, if a sum was just made in the register.
    JumpPointer(Option<Register>),
    /// Nowhere: a return or a trap.
    Stop,
}
