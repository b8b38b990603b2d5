//! A thread container → a thread with its stacks.

use std::num::NonZeroU64;

use kstack_model::{
    Address, Arch, At, Fact, Frame, FrameKind, Note, Position, Side, Stack, StackEnd, Thread,
    ThreadState,
};

use super::facts::{self, Naming, Unknown};
use super::item::{Elements, Item, until_nul};
use super::layout::{Scalar, Type};
use super::tree::{Node, children};
use crate::Limits;

const THREAD_SNAPSHOT: u32 = 0x906;
const THREAD_NAME: u32 = 0x909;
const THREAD_DISPATCH_QUEUE_LABEL: u32 = 0x928;

/// What reading threads needs to know and what it learns, over the whole stackshot.
#[derive(Debug)]
pub(crate) struct Threads<'l> {
    pub(crate) arch: Option<Arch>,
    pub(crate) limits: &'l Limits,
    pub(crate) frames_left: usize,
    pub(crate) unknown: Unknown,
    pub(crate) notes: Vec<Note>,
    /// Threads that were executing in an exclave.
    pub(crate) in_exclaves: usize,
    /// Facts of the thread that is being read, so that each list is made once and no larger than it is.
    pub(crate) facts: Vec<Fact>,
}

/// The stacks of a thread while its items are read.
#[derive(Default)]
struct Stacks {
    kernel: Vec<Frame>,
    user: Vec<Frame>,
    user_async: Vec<Frame>,
    /// Not all frames were taken.
    cut: bool,
}

impl Threads<'_> {
    /// Reads the items of a thread container. Their order means nothing.
    pub(crate) fn thread(&mut self, id: u64, nodes: &[Node<'_>]) -> Thread {
        const EXCLAVES_THREADINFO: u32 = 0x948;
        let mut thread = Thread {
            id: Some(id),
            ..Thread::default()
        };
        let mut flags = 0;
        let mut stacks = Stacks::default();
        for (item, inside) in children(nodes) {
            match item.tag {
                THREAD_SNAPSHOT => {
                    if let Some(elements) = item.elements() {
                        flags = snapshot(&mut thread, &mut self.facts, elements);
                    }
                }
                THREAD_NAME => thread.name = text(&item),
                THREAD_DISPATCH_QUEUE_LABEL => thread.queue = text(&item),
                _ if self.frames(&mut stacks, &item) => {}
                _ => {
                    self.in_exclaves += usize::from(item.tag == EXCLAVES_THREADINFO);
                    facts::add(
                        &mut self.facts,
                        &item,
                        inside,
                        Naming::Field,
                        &mut self.unknown,
                    );
                }
            }
        }
        thread.stacks = stacks.finish(flags);
        thread.facts = self.facts.drain(..).collect();
        thread
    }

    /// Reads one element of a list of threads that did not run since the capture that a delta refers to.
    pub(crate) fn unchanged(of: &'static Type<'static>, data: &[u8]) -> Option<Thread> {
        let id = of.first(data)?.bits();
        let mut thread = Thread {
            id: Some(id),
            ..Thread::default()
        };
        let mut facts = Vec::new();
        fields(&mut thread, &mut facts, of, data);
        facts.shrink_to_fit();
        thread.facts = facts;
        Some(thread)
    }

    /// Takes frames if the item has some.
    fn frames(&mut self, stacks: &mut Stacks, item: &Item<'_>) -> bool {
        let Some(elements) = item.elements() else {
            return false;
        };
        let (side, width) = match elements.tag {
            0x90a | 0x913 => (Side::Kernel, 4),
            0x90b | 0x914 => (Side::Kernel, 8),
            0x90c | 0x915 => (Side::User, 4),
            0x90d | 0x916 => (Side::User, 8),
            0x933 => (Side::UserAsync, 8),
            _ => return false,
        };
        if elements.size() < width && elements.len() > 0 {
            self.unknown.count_damaged_array();
            return true;
        }
        let frames = match side {
            Side::Kernel => &mut stacks.kernel,
            Side::User => &mut stacks.user,
            Side::UserAsync => &mut stacks.user_async,
        };
        let wanted = elements.len();
        if wanted > self.frames_left && !stacks.cut {
            stacks.cut = true;
            let text = format!(
                "frames are left out beyond the limit of {}",
                self.limits.frames
            );
            self.notes
                .push(Note::at(Position::Byte(item.offset as u64), text));
        }
        let taken = wanted.min(self.frames_left);
        self.frames_left -= taken;
        // Nearly always one item has them all; of many small ones each must not cost a new block.
        if frames.is_empty() {
            frames.reserve_exact(taken);
        }
        for data in elements.take(taken) {
            let kind = kind(side, frames.len(), self.arch);
            frames.extend(frame(data, width, kind));
        }
        true
    }
}

/// The frame in an element: an address, with or without a frame pointer behind it.
fn frame(data: &[u8], width: usize, kind: FrameKind) -> Option<Frame> {
    let word = |at: usize| data.get(at..at + width).map(super::layout::little_endian);
    let mut frame = Frame::new(Address(word(0)?), kind);
    frame.frame_pointer = word(width).and_then(NonZeroU64::new);
    Some(frame)
}

/// What the frame at `index` is.
///
/// The kernel stack of a thread that does not run begins with what was saved
/// when it left the CPU: on ARM the link register, on Intel the instruction
/// pointer (xnu-11417.101.15, `machine_trace_thread64`). A user stack begins
/// with the program counter. A kernel of unknown architecture is taken for an
/// Intel one, because looking a return address up where it is goes wrong only
/// after a call that never returns.
fn kind(side: Side, index: usize, arch: Option<Arch>) -> FrameKind {
    let begins_with_return = match side {
        Side::User => false,
        Side::UserAsync => true,
        Side::Kernel => matches!(arch, Some(Arch::Arm64 | Arch::Arm64e | Arch::Arm)),
    };
    if index > 0 || begins_with_return {
        FrameKind::ReturnAddress
    } else {
        FrameKind::InstructionPointer
    }
}

impl Stacks {
    fn finish(self, flags: u64) -> Vec<Stack> {
        /// Some backtrace was cut; 8019 and later say which with the other three.
        const TRUNCATED: u64 = 0x80;
        const CUT_KERNEL: u64 = 0x4000;
        const CUT_USER: u64 = 0x8000;
        const CUT_ASYNC: u64 = 0x1_0000;
        let sides = [
            (Side::Kernel, self.kernel, CUT_KERNEL),
            (Side::User, self.user, CUT_USER),
            (Side::UserAsync, self.user_async, CUT_ASYNC),
        ];
        let mut stacks = Vec::with_capacity(
            sides
                .iter()
                .filter(|(_, frames, _)| !frames.is_empty())
                .count(),
        );
        for (side, mut frames, flag) in sides {
            let is_at_end = side != Side::Kernel && pop_end(&mut frames);
            if frames.is_empty() {
                continue;
            }
            let mut stack = Stack::new(side, frames);
            if self.cut || flags & flag != 0 {
                stack.end = StackEnd::Truncated;
            } else if is_at_end {
                stack.end = StackEnd::Complete;
            }
            stacks.push(stack);
        }
        // Only with a single stack is it clear which one an old kernel means.
        if let [only] = stacks.as_mut_slice()
            && flags & TRUNCATED != 0
        {
            only.end = StackEnd::Truncated;
        }
        stacks
    }
}

/// Takes off the return address of zero at which a walk through user memory ends.
///
/// It is no place in any code. A zero in a kernel stack is something else: an
/// address that the kernel would not tell.
fn pop_end(frames: &mut Vec<Frame>) -> bool {
    let is_end = |frame: &mut Frame| frame.at == At::Absolute(Address(0));
    frames.pop_if(is_end).is_some()
}

/// Takes the thread's record, whatever its version; returns its flags.
fn snapshot(thread: &mut Thread, facts: &mut Vec<Fact>, elements: Elements<'_>) -> u64 {
    let Some(of) = elements.known() else { return 0 };
    elements.fold(0, |_, data| fields(thread, facts, of, data))
}

/// Gives each field its place in the model, or makes it a fact. Returns the flags.
fn fields(
    thread: &mut Thread,
    facts: &mut Vec<Fact>,
    of: &'static Type<'static>,
    data: &[u8],
) -> u64 {
    let mut flags = 0;
    for field in of.fields {
        let Some(scalar) = field.read(data) else {
            break;
        };
        let bits = scalar.bits();
        match field.name {
            "ths_thread_id" | "tds_thread_id" => thread.id = Some(bits),
            "ths_wait_event" => thread.wait_event = address(bits),
            "ths_continuation" => thread.continuation = address(bits),
            "ths_state" | "tds_state" => thread.state = u32::try_from(bits).ok().map(ThreadState),
            _ => {
                if matches!(field.name, "ths_ss_flags" | "tds_ss_flags") {
                    flags = bits;
                }
                facts::add_field(facts, field, scalar, Naming::Field);
            }
        }
    }
    flags
}

fn address(bits: u64) -> Option<Address> {
    (bits != 0).then_some(Address(bits))
}

/// The text of an item; `None` if it is empty.
pub(crate) fn text(item: &Item<'_>) -> Option<String> {
    let text = Scalar::Text(until_nul(item.data())).text();
    (!text.is_empty()).then_some(text)
}
