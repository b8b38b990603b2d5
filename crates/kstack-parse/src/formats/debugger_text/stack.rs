//! Frames as a debugger counts them become frames as the machine has them.
//!
//! A debugger gives an inlined function a frame of its own, although it shares
//! the address of the function that contains it.

use std::num::NonZeroU64;

use kstack_model::{Address, At, Frame, FrameKind, Said};

use super::described::Described;

/// A frame as a debugger counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Its number; the innermost is 0.
    pub(super) index: u64,
    /// Its address; gdb has none where it is that of the frame before.
    pub(super) address: Option<Address>,
    /// The frame pointer beside it.
    pub(super) frame_pointer: Option<NonZeroU64>,
    /// What is said of it.
    pub(super) described: Described,
}

/// Gathers the frames of one stack.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    frames: Vec<Frame>,
    last_index: Option<u64>,
    /// Inlined functions whose container has not come yet.
    pending: Option<Pending>,
    /// Whether even the innermost address was read off the stack.
    pub(super) all_return: bool,
}

#[derive(Debug)]
struct Pending {
    first: Counted,
    container: Option<String>,
    inlined: Vec<Said>,
}

impl Gathering {
    /// Whether a frame of this number is the next of this stack, and not the first of another.
    pub(super) fn continues(&self, index: u64) -> bool {
        self.last_index.is_none_or(|last| index > last)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last_index.is_none()
    }

    /// The number after that of the last frame.
    pub(super) fn next_index(&self) -> u64 {
        self.last_index.map_or(0, |last| last.saturating_add(1))
    }

    pub(super) fn push(&mut self, counted: Counted) {
        self.last_index = Some(counted.index);
        if counted.described.inlined {
            self.hold(counted);
        } else if counted.address.is_none() && counted.index > 0 && !self.frames.is_empty() {
            self.contain(counted.described.said);
        } else {
            self.place(counted);
        }
    }

    /// An inlined function waits for its container, whose address it shares.
    fn hold(&mut self, counted: Counted) {
        let container = counted.described.container.clone();
        let said = counted.described.said.clone();
        let pending = self.pending.get_or_insert_with(|| Pending {
            first: counted,
            container: None,
            inlined: Vec::new(),
        });
        pending.container = container.or(pending.container.take());
        pending.inlined.push(said);
    }

    /// gdb prints no address for a function into which the one before was inlined.
    fn contain(&mut self, mut container: Said) {
        if let Some(last) = self.frames.last_mut() {
            let mut inner = last.said.as_deref().cloned().unwrap_or_default();
            container.inlined = std::mem::take(&mut inner.inlined);
            container.inlined.push(inner);
            *last = last.clone().saying(container);
        }
    }

    fn place(&mut self, counted: Counted) {
        let Some(pending) = self.pending.take() else {
            self.add(&counted, counted.described.said.clone());
            return;
        };
        let mut said = counted.described.said;
        // lldb before 2016 shows where the inlined code starts; the machine was where the innermost is.
        if let (Some(outer), Some(inner), Some(offset)) =
            (counted.address, pending.first.address, said.offset)
        {
            said.offset = Some(offset.wrapping_add((inner - outer).0));
        }
        said.inlined = pending.inlined;
        self.add(&pending.first, said);
    }

    fn add(&mut self, counted: &Counted, said: Said) {
        let kind = self.kind(counted.index);
        let frame = match counted.address {
            Some(address) => Frame::new(address, kind).saying(said),
            None => Frame::unplaced(said, kind),
        };
        self.frames.push(Frame {
            frame_pointer: counted.frame_pointer,
            ..frame
        });
    }

    /// The innermost frame is where the machine was, and so is the one a trap or an interrupt came from.
    fn kind(&self, index: u64) -> FrameKind {
        let innermost = index == 0 && !self.all_return;
        let interrupted = self.frames.last().is_some_and(is_trap_handler);
        if innermost || interrupted {
            FrameKind::InstructionPointer
        } else {
            FrameKind::ReturnAddress
        }
    }

    /// The frames, innermost first.
    pub(super) fn finish(mut self) -> Vec<Frame> {
        if let Some(Pending {
            first,
            container,
            inlined,
        }) = self.pending.take()
        {
            let said = Said {
                image: first.described.said.image.clone(),
                symbol: container,
                inlined,
                ..Said::default()
            };
            self.add(&first, said);
        }
        self.frames
    }
}

/// Entries that save the interrupted state and call on
/// (xnu-11417.101.15: `osfmk/x86_64/idt64.s`, `osfmk/arm64/locore.s`).
const TRAP_HANDLERS: [&str; 10] = [
    "hndl_alltraps",
    "hndl_allintrs",
    "hndl_double_fault",
    "hndl_machine_check",
    "trap_from_kernel",
    "lo_alltraps",
    "fleh_synchronous",
    "fleh_irq",
    "fleh_fiq",
    "fleh_serror",
];

fn is_trap_handler(frame: &Frame) -> bool {
    let symbol = frame.said.as_ref().and_then(|said| said.symbol.as_deref());
    symbol.is_some_and(|symbol| TRAP_HANDLERS.contains(&symbol.trim_start_matches('_')))
}

/// Whether one stack shows the beginning of the other.
pub(super) fn is_beginning(short: &[Frame], long: &[Frame]) -> bool {
    let place = |frame: &Frame| match frame.at {
        At::Unknown => frame.said.clone().map(Err),
        at => Some(Ok(at)),
    };
    short.len() <= long.len() && short.iter().zip(long).all(|(a, b)| place(a) == place(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(lines: &[(u64, Option<u64>, &str)]) -> Vec<Frame> {
        let mut gathering = Gathering::default();
        for (index, address, text) in lines {
            gathering.push(Counted {
                index: *index,
                address: address.map(Address),
                frame_pointer: None,
                described: Described::read(text),
            });
        }
        gathering.finish()
    }

    fn said(frame: &Frame) -> &Said {
        frame.said.as_deref().unwrap()
    }

    #[test]
    fn inlined_frames_share_the_address_of_the_innermost() {
        let frames = gathered(&[
            (0, Some(0x1050), "zfs`spa_sync [inlined] list_next + 2"),
            (1, Some(0x1040), "zfs`spa_sync [inlined] list_head + 9"),
            (2, Some(0x1030), "zfs`spa_sync(spa=0x1) + 48 at spa.c:9"),
            (3, Some(0x2000), "zfs`txg_sync_thread + 4"),
        ]);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].at, At::Absolute(Address(0x1050)));
        assert_eq!(frames[0].kind, FrameKind::InstructionPointer);
        assert_eq!(frames[1].kind, FrameKind::ReturnAddress);
        assert_eq!(said(&frames[0]).symbol.as_deref(), Some("spa_sync"));
        assert_eq!(said(&frames[0]).offset, Some(0x50));
        let inlined: Vec<_> = said(&frames[0])
            .inlined
            .iter()
            .map(|it| it.symbol.as_deref().unwrap())
            .collect();
        assert_eq!(inlined, ["list_next", "list_head"]);
    }

    #[test]
    fn inlined_frames_without_their_container_are_kept() {
        let frames = gathered(&[(4, Some(0x1050), "zfs`spa_sync [inlined] list_next + 2")]);
        assert_eq!(said(&frames[0]).symbol.as_deref(), Some("spa_sync"));
        assert_eq!(said(&frames[0]).inlined.len(), 1);
        assert_eq!(frames[0].kind, FrameKind::ReturnAddress);
    }

    #[test]
    fn a_frame_of_gdb_without_an_address_contains_the_one_before() {
        let frames = gathered(&[
            (0, None, "Debugger (message=0x1)"),
            (1, Some(0x1000), "list_next (list=0x1)"),
            (2, None, "spa_sync (spa=0x1)"),
        ]);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].at, At::Unknown);
        assert_eq!(said(&frames[1]).symbol.as_deref(), Some("spa_sync"));
        assert_eq!(
            said(&frames[1]).inlined[0].symbol.as_deref(),
            Some("list_next")
        );
    }

    #[test]
    fn the_frame_that_was_interrupted_is_no_return_address() {
        let frames = gathered(&[
            (0, Some(0x1000), "kernel`kernel_trap + 1"),
            (1, Some(0x2000), "kernel`trap_from_kernel + 38"),
            (2, Some(0x3000), "zfs`zio_wait + 4"),
            (3, Some(0x4000), "zfs`spa_sync + 4"),
        ]);
        assert_eq!(frames[2].kind, FrameKind::InstructionPointer);
        assert_eq!(frames[3].kind, FrameKind::ReturnAddress);
    }
}
