//! What one instruction does, as far as function bounds are concerned.

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Its size in bytes, never 0.
    pub(super) size: u64,
    pub(super) flow: Flow,
    /// A code address that it computes without going there.
    pub(super) refers_to: Option<u64>,
    pub(super) frame: Frame,
}

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// To the next instruction.
    Next,
    /// To the next instruction; this one does nothing, as compilers fill gaps with.
    Padding,
    /// There, or to the next.
    Branch(u64),
    /// There.
    Jump(u64),
    /// Somewhere: through a table, or a tail call through a pointer.
    JumpAnywhere,
    /// There, and back to the next if the callee returns.
    Call(u64),
    /// Somewhere, and back to the next if the callee returns.
    CallAnywhere,
    /// Back to the caller.
    Return,
    /// Nowhere: a trap, or bytes that are no instruction.
    Stop,
}

/// What an instruction says about whether a function starts near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Nothing.
    Silent,
    /// It sets up a frame, as the first instructions of functions do.
    SetsUp,
    /// It reads a register that functions must preserve, so a function does not start here: at its
    /// entry such a register holds what is its caller's.
    Uses,
    /// It overwrites such a register, so a later use says nothing.
    Overwrites,
}

/// Decodes the instruction at an address, from the bytes that start there.
pub(super) type Decode = fn(bytes: &[u8], at: u64) -> Step;
