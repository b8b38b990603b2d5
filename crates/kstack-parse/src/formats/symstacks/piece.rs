//! What one stretch of lines says, before runs are told apart and merged.

use kstack_model::{Address, Fact, Note, Said, Side, Thread};

/// More attributes than this nothing prints for one process or thread.
pub(super) const FACTS: usize = 64;

/// One process, or a part of it, with nothing foreign between its lines.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Where it begins.
    pub(super) line: u64,
    /// The build printed before it; it stands once, at the beginning of a run.
    pub(super) build: Option<String>,
    pub(super) pid: Option<i32>,
    pub(super) name: Option<String>,
    /// Whether the name stood before the PID.
    pub(super) is_named_first: bool,
    pub(super) facts: Vec<Fact>,
    pub(super) threads: Vec<ReadThread>,
    pub(super) notes: Vec<Note>,
}

/// A thread whose stacks are still as printed.
#[derive(Debug, Default)]
pub(super) struct ReadThread {
    /// Its attributes.
    pub(super) thread: Thread,
    pub(super) stacks: Vec<ReadStack>,
}

#[derive(Debug)]
pub(super) struct ReadStack {
    pub(super) side: Side,
    pub(super) frames: Vec<ReadFrame>,
}

#[derive(Debug)]
pub(super) struct ReadFrame {
    pub(super) line: u64,
    pub(super) address: Option<Address>,
    pub(super) said: Option<Box<Said>>,
}

impl ReadThread {
    /// Frames make a thread, and so do two attributes; one alone can be anybody's line.
    pub(super) fn is_evident(&self, has_pid: bool) -> bool {
        let said = &self.thread;
        let attributes = usize::from(has_pid)
            + usize::from(said.id.is_some())
            + usize::from(said.state.is_some())
            + usize::from(said.wait_event.is_some() || said.continuation.is_some());
        !self.stacks.is_empty() || attributes >= 2
    }
}
