//! Kernel stacks as evidence: which return addresses stand next to which.

use std::collections::HashSet;

use kstack_model::{At, Frame, FrameKind, Report, Side, Stack, Thread, ThreadState};

/// One kernel stack that can speak for or against a placement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chain {
    /// Innermost first.
    pub(super) links: Vec<Link>,
}

/// One frame of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) at: At,
    pub(super) kind: FrameKind,
    /// Whether the frame before it in the chain is the one it called: not so for the first, nor
    /// where the frame pointers jump.
    pub(super) follows: bool,
    /// Whether its thread waits. Then it called what it waits in, or a fault of memory did: a thread
    /// that is interrupted otherwise stays ready to run.
    pub(super) waits: bool,
}

/// The distinct kernel stacks of a report, but for those of running threads.
///
/// The kernel does not stop a running thread to read its stack: what it reads
/// is where the thread last blocked, or was overwritten since.
pub(super) fn chains(report: &Report) -> Vec<Chain> {
    let mut seen = HashSet::new();
    let mut chains = Vec::new();
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    for thread in threads.filter(|thread| !is_running(thread)) {
        let stacks = thread.stacks.iter();
        for stack in stacks.filter(|stack| stack.side == Side::Kernel) {
            let chain = chain(stack, waits(thread));
            if !chain.links.is_empty() && seen.insert(chain.clone()) {
                chains.push(chain);
            }
        }
    }
    chains
}

fn is_running(thread: &Thread) -> bool {
    let is = |state: ThreadState, bit| state.contains(bit);
    thread
        .state
        .is_some_and(|state| is(state, ThreadState::RUN) && !is(state, ThreadState::WAIT))
}

fn waits(thread: &Thread) -> bool {
    let is = |state: ThreadState, bit| state.contains(bit);
    thread
        .state
        .is_some_and(|state| is(state, ThreadState::WAIT) && !is(state, ThreadState::RUN))
}

fn chain(stack: &Stack, waits: bool) -> Chain {
    let mut links = Vec::with_capacity(stack.frames.len());
    let mut before: Option<&Frame> = None;
    for frame in &stack.frames {
        links.push(Link {
            at: frame.at,
            kind: frame.kind,
            follows: before.is_some_and(|before| !jumps(before, frame)),
            waits,
        });
        before = Some(frame);
    }
    Chain { links }
}

/// Whether the frame pointers say that the outer frame is on another stack: they grow outwards.
fn jumps(inner: &Frame, outer: &Frame) -> bool {
    let (inner, outer) = (inner.frame_pointer, outer.frame_pointer);
    inner
        .zip(outer)
        .is_some_and(|(inner, outer)| outer <= inner)
}
