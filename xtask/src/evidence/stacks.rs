//! Stacks as they could be, drawn from the true graph of calls.

use std::collections::BTreeSet;

use kstack_model::{
    Address, Arch, Basis, Frame, FrameKind, Process, Report, Side, Stack, Thread, ThreadState,
};

use super::graph::{Callee, Graph};
use super::random::Random;

/// A report with frames of one image.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) report: Report,
    /// The distinct return addresses in the image, as linked.
    pub(super) linked: BTreeSet<u64>,
}

/// How the frames of an image are spread over stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// All in one stack, one after the other.
    OneStack,
    /// In as many stacks as comes.
    Any,
    /// Each alone in a stack: none calls another.
    Apart,
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Distinct frames in the image.
    pub(super) frames: usize,
    /// Whether they follow one another in one stack, or each is alone in a stack of its own.
    pub(super) spread: Spread,
    /// Where it lies: placed minus linked.
    pub(super) slide: u64,
    pub(super) arch: Arch,
}

/// A report with so many frames of the image, in one stack or several.
pub(super) fn draw(graph: &Graph, wanted: Wanted, random: &mut Random) -> Drawn {
    let mut linked = BTreeSet::new();
    let mut threads = Vec::new();
    while linked.len() < wanted.frames {
        let left = wanted.frames - linked.len();
        let most = match wanted.spread {
            Spread::OneStack => left,
            Spread::Any => 1 + random.below(left),
            Spread::Apart => 1,
        };
        let mut frames = walk(graph, most, random);
        // The kernel may have called any of them: what is outside is cut off.
        frames.truncate(most);
        let new: BTreeSet<u64> = frames.iter().copied().collect();
        let is_short = wanted.spread == Spread::OneStack && new.len() < left;
        if is_short || new.is_subset(&linked) {
            continue;
        }
        linked.extend(frames.iter().copied());
        threads.push(thread(&frames, wanted, random));
    }
    // A thread without the image, and a running one whose stack is stale.
    threads.push(thread(&[], wanted, random));
    let stale: Vec<u64> = (0..3).map(|_| random.next() % 0x4_0000).collect();
    let mut running = thread(&stale, wanted, random);
    running.state = Some(ThreadState::RUN);
    threads.push(running);
    let process = Process {
        pid: Some(0),
        threads,
        ..Process::default()
    };
    let mut report = Report {
        format: "drawn",
        processes: vec![process],
        ..Report::default()
    };
    report.machine.arch = Some(wanted.arch);
    report.kernel.basis = Basis::Unslid;
    Drawn { report, linked }
}

/// Return addresses of one stack in the image, innermost first. The innermost call leaves the image.
fn walk(graph: &Graph, most: usize, random: &mut Random) -> Vec<u64> {
    let mut outermost_first: Vec<u64> = Vec::new();
    let mut function = random.below(graph.functions.len());
    for _ in 0..40 {
        // A jump in place of a call leaves no frame.
        let tails = &graph.functions[function].tails;
        if random.percent(30)
            && let Some(tail) = random.pick(tails)
        {
            function = *tail;
            continue;
        }
        let Some(call) = random.pick(&graph.functions[function].calls).copied() else {
            // A function that calls nothing does not block.
            return Vec::new();
        };
        if graph.functions[function].is_bare {
            // The walk by frame pointers does not see who called it.
            outermost_first.pop();
        }
        outermost_first.push(call.after);
        match call.to {
            Callee::Outside => return innermost_first(outermost_first),
            Callee::Function(callee) => function = callee,
            Callee::Pointer if outermost_first.len() >= most || graph.pointed.is_empty() => {
                return innermost_first(outermost_first);
            }
            Callee::Pointer => {
                function = random.pick(&graph.pointed).copied().unwrap_or_default();
            }
            Callee::Address(_) => return Vec::new(),
        }
    }
    Vec::new()
}

fn innermost_first(mut frames: Vec<u64>) -> Vec<u64> {
    frames.reverse();
    frames
}

fn thread(linked: &[u64], wanted: Wanted, random: &mut Random) -> Thread {
    let kernel = match wanted.arch {
        Arch::X86_64 => 0xffff_ff80_0020_0000,
        _ => 0xffff_fe00_0720_0000,
    };
    let mut kernel_frame = |kind| {
        let offset = random.next() % 0x60_0000;
        Frame::new(Address(kernel + offset / 4 * 4), kind)
    };
    let first = match wanted.arch {
        Arch::X86_64 => FrameKind::InstructionPointer,
        _ => FrameKind::ReturnAddress,
    };
    let mut frames = vec![kernel_frame(first)];
    frames.extend((0..3).map(|_| kernel_frame(FrameKind::ReturnAddress)));
    frames.extend(linked.iter().map(|at| {
        let at = Address(at.wrapping_add(wanted.slide));
        Frame::new(at, FrameKind::ReturnAddress)
    }));
    frames.extend((0..3).map(|_| kernel_frame(FrameKind::ReturnAddress)));
    Thread {
        state: Some(ThreadState::WAIT),
        stacks: vec![Stack::new(Side::Kernel, frames)],
        ..Thread::default()
    }
}
