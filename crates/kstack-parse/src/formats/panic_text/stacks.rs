//! From printed frames to stacks: what kind of address each is, and where the walk ends.

use std::num::NonZeroU64;
use std::sync::Arc;

use kstack_model::{
    Address, Arch, At, Fact, Frame, FrameKind, Note, Said, Side, Stack, StackEnd, Thread,
};

use super::panic::Panic;
use super::scan::{hex_after, number_after};

/// Frames an arm64 kernel prints at most: `FP_MAX_NUM_TO_EVALUATE` (xnu-11417.101.15, `osfmk/arm/model_dep.c`).
const ARM_FRAME_LIMIT: usize = 50;

impl Panic {
    /// The stacks of the panicked thread.
    pub(super) fn stacks(&mut self, bare: &dyn Fn(u64) -> u64) -> Vec<Stack> {
        let mut faulted_at = self.registers.instruction_pointer().map(bare);
        let mut frames: Vec<Frame> = Vec::with_capacity(self.frames.len());
        for printed in std::mem::take(&mut self.frames) {
            let address = bare(printed.address);
            // The interrupted instruction stands in the backtrace once; no call precedes it.
            let kind = if printed.is_pc || faulted_at == Some(address) {
                faulted_at = None;
                FrameKind::InstructionPointer
            } else {
                FrameKind::ReturnAddress
            };
            let mut frame = Frame::new(Address(address), kind);
            frame.frame_pointer = NonZeroU64::new(printed.frame_pointer);
            let mut said = printed.said;
            if address != printed.address {
                said.get_or_insert_default().raw = Some(Address(printed.address));
            }
            frame.said = said.map(Arc::from);
            frames.push(frame);
        }
        if frames.is_empty() {
            return self.without_backtrace(bare);
        }
        if self.machine.arch == Some(Arch::Arm64) && frames.len() >= ARM_FRAME_LIMIT {
            self.end = StackEnd::Truncated;
        }
        let user = self.caller_in_user_space(&mut frames);
        let mut stacks = vec![Stack {
            end: self.end,
            ..Stack::new(Side::Kernel, frames)
        }];
        stacks.extend(user);
        stacks
    }

    /// On arm64 the walk goes on into the frame that the exception from user
    /// space pushed: its saved link register is the user's.
    fn caller_in_user_space(&mut self, frames: &mut Vec<Frame>) -> Option<Stack> {
        let is_user = |frame: &Frame| match frame.at {
            At::Absolute(Address(address)) => (0x1000..1 << 48).contains(&address),
            At::InImage { .. } | At::Unknown => false,
        };
        let is_arm64 = self.machine.arch == Some(Arch::Arm64);
        let last = frames.pop_if(|last| is_arm64 && is_user(last))?;
        if frames.is_empty() {
            frames.push(last);
            return None;
        }
        self.end = StackEnd::Complete;
        Some(cut(Side::User, vec![last]))
    }

    /// What the panic line and the registers know of the stack when no backtrace was printed.
    fn without_backtrace(&mut self, bare: &dyn Fn(u64) -> u64) -> Vec<Stack> {
        let pc = self
            .registers
            .instruction_pointer()
            .or_else(|| hex_after(&self.message, "at pc "))
            .or_else(|| hex_after(&self.message, "trap at "));
        let lr = self
            .registers
            .get("lr")
            .or_else(|| self.registers.get("LR"))
            .or_else(|| hex_after(&self.message, ", lr "));
        let known = [
            (self.caller, FrameKind::ReturnAddress),
            (pc, FrameKind::InstructionPointer),
            (lr, FrameKind::ReturnAddress),
        ];
        let frames: Vec<Frame> = known
            .into_iter()
            .filter_map(|(pointer, kind)| {
                let pointer = pointer.filter(|pointer| *pointer != 0)?;
                let mut frame = Frame::new(Address(bare(pointer)), kind);
                if bare(pointer) != pointer {
                    frame.said = Some(Arc::new(Said {
                        raw: Some(Address(pointer)),
                        ..Said::default()
                    }));
                }
                Some(frame)
            })
            .collect();
        if frames.is_empty() {
            return Vec::new();
        }
        self.notes.push(Note::new(
            "no backtrace is printed; the frames shown are the caller of panic and the saved registers, with frames missing between them",
        ));
        vec![cut(Side::Kernel, frames)]
    }

    /// A leaf function makes no frame, so when a fault hits one its caller is only in `lr`.
    /// Whether it was one cannot be told without the code.
    pub(super) fn leaf_caller(&self, bare: &dyn Fn(u64) -> u64, stacks: &[Stack]) -> Option<Fact> {
        let lr = Address(bare(self.registers.get("lr").filter(|lr| *lr != 0)?));
        let mut frames = stacks.iter().flat_map(|stack| &stack.frames);
        let is_shown = frames.any(|frame| frame.at == At::Absolute(lr));
        (!is_shown).then(|| Fact::new("caller, if the faulting function is a leaf", lr))
    }
}

/// What another processor was doing.
#[derive(Debug)]
pub(super) struct Core {
    number: u64,
    pc: u64,
    lr: u64,
    fp: u64,
}

/// Reads "CORE 3: PC=0x…, LR=0x…, FP=0x…".
pub(super) fn core_line(line: &str) -> Option<Core> {
    Some(Core {
        number: number_after(line.strip_prefix("CORE")?, " ")?,
        pc: hex_after(line, "PC=")?,
        lr: hex_after(line, "LR=")?,
        fp: hex_after(line, "FP=").unwrap_or(0),
    })
}

impl Core {
    /// The thread that the processor ran.
    pub(super) fn thread(&self, bare: &dyn Fn(u64) -> u64) -> Thread {
        let (pc, lr) = (bare(self.pc), bare(self.lr));
        let mut frame = Frame::new(Address(pc), FrameKind::InstructionPointer);
        frame.frame_pointer = NonZeroU64::new(self.fp);
        let mut stacks = vec![cut(side_of(pc), vec![frame])];
        if lr != pc && lr != 0 {
            let frame = Frame::new(Address(lr), FrameKind::ReturnAddress);
            match stacks.last_mut() {
                Some(stack) if stack.side == side_of(lr) => stack.frames.push(frame),
                _ => stacks.push(cut(side_of(lr), vec![frame])),
            }
        }
        Thread {
            name: Some(format!("CORE {}", self.number)),
            stacks,
            ..Thread::default()
        }
    }
}

/// The half of a 64-bit address space that an address lies in.
fn side_of(address: u64) -> Side {
    if address >> 63 == 1 {
        Side::Kernel
    } else {
        Side::User
    }
}

/// A stack of which only these frames are known.
fn cut(side: Side, frames: Vec<Frame>) -> Stack {
    Stack {
        end: StackEnd::Truncated,
        ..Stack::new(side, frames)
    }
}
