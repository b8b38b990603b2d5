//! All threads of a report in one list, with the labels of their frames.

use std::collections::HashMap;

use kstack_model::{Process, Side, Stack, Thread, ThreadRole, ThreadState};

use super::facts;
use super::label::{Label, LabelId, Labeller, Labels};
use super::roles::{Role, WaitKind};
use crate::resolve::Trace;

/// Which thread; an index into [`Threads::all`].
pub type ThreadIndex = usize;

/// The threads of a report, in its order.
#[derive(Debug, Default)]
pub struct Threads<'a> {
    /// One entry for each.
    pub all: Vec<ThreadEntry<'a>>,
    by_id: HashMap<u64, ThreadIndex>,
}

/// One thread with what its frames are called.
#[derive(Debug)]
pub struct ThreadEntry<'a> {
    /// Index of its process in the report.
    pub process_index: usize,
    /// Its process.
    pub process: &'a Process,
    /// The thread.
    pub thread: &'a Thread,
    /// Labels of its kernel stack, innermost first; of the one seen most often, where there are several.
    pub kernel: Vec<LabelId>,
    /// Labels of its user stack, likewise.
    pub user: Vec<LabelId>,
    /// What it is doing, when that is known to be nothing.
    pub idle: Option<&'static str>,
}

impl<'a> Threads<'a> {
    pub(crate) fn of(trace: &'a Trace) -> (Threads<'a>, Labels) {
        let mut labeller = Labeller::new(trace);
        let mut threads = Threads::default();
        for (process_index, process) in trace.report.processes.iter().enumerate() {
            for thread in &process.threads {
                if let Some(id) = thread.id {
                    // Ids are unique; of two in a damaged report the first is taken.
                    threads.by_id.entry(id).or_insert(threads.all.len());
                }
                let mut labels = |side| -> Vec<LabelId> {
                    let frames = heaviest(thread, side).map_or(&[][..], |stack| &stack.frames);
                    let frames = frames.iter();
                    frames
                        .map(|frame| labeller.label(process_index, side, frame))
                        .collect()
                };
                threads.all.push(ThreadEntry {
                    process_index,
                    process,
                    thread,
                    kernel: labels(Side::Kernel),
                    user: labels(Side::User),
                    idle: None,
                });
            }
        }
        (threads, labeller.finish())
    }

    /// The thread with this index.
    #[must_use]
    pub fn get(&self, index: ThreadIndex) -> Option<&ThreadEntry<'a>> {
        self.all.get(index)
    }

    /// The thread with this id.
    #[must_use]
    pub fn with_id(&self, id: u64) -> Option<ThreadIndex> {
        self.by_id.get(&id).copied()
    }
}

/// The stack of a side that stands for the thread: in sampled reports the one seen most often.
#[must_use]
pub fn heaviest(thread: &Thread, side: Side) -> Option<&Stack> {
    let stacks = thread.stacks.iter().filter(|stack| stack.side == side);
    // The last of equals is what max_by_key takes; the first is what a reader sees first.
    stacks.rev().max_by_key(|stack| stack.samples)
}

impl ThreadEntry<'_> {
    /// Whether it is why the report was written.
    #[must_use]
    pub fn panicked(&self) -> bool {
        self.thread.role == ThreadRole::Panicked
    }

    /// Whether a kernel frame fits.
    pub(crate) fn is_in(&self, labels: &Labels, test: impl Fn(&Label) -> bool) -> bool {
        let mut kernel = self.kernel.iter().filter_map(|id| labels.get(*id));
        kernel.any(test)
    }

    /// Whether the kernel says that it is blocked. One that has announced its wait and not yet left the
    /// processor is not.
    #[must_use]
    pub fn is_blocked(&self) -> Option<bool> {
        let state = self.thread.state?;
        Some(state.contains(ThreadState::WAIT) && !state.contains(ThreadState::RUN))
    }

    /// What the names of the innermost frames say it waits for, and the frame that asked for it: the first
    /// that is neither the scheduler nor a wait.
    #[must_use]
    pub fn wait_by_name(&self, labels: &Labels) -> Option<(WaitKind, Option<LabelId>)> {
        let mut kind = None;
        for id in &self.kernel {
            match labels.get(*id)?.role {
                Some(Role::Switch) => {}
                // The outermost primitive of the run says it best: a condition variable sleeps in `msleep`.
                Some(Role::Wait(wait)) => kind = Some(wait),
                _ => return kind.map(|kind| (kind, Some(*id))),
            }
        }
        kind.map(|kind| (kind, None))
    }

    /// The frame at which it waits, as its side and its index in the [`heaviest`] stack: the first below the
    /// wait primitive, else the innermost one of all.
    #[must_use]
    pub fn waits_at(&self, labels: &Labels) -> Option<(Side, usize)> {
        let meaningful = |id: &LabelId| labels.get(*id).is_some_and(Label::is_meaningful);
        if let Some(index) = self.kernel.iter().position(meaningful) {
            return Some((Side::Kernel, index));
        }
        match (self.user.is_empty(), self.kernel.is_empty()) {
            (false, _) => Some((Side::User, 0)),
            (true, false) => Some((Side::Kernel, 0)),
            (true, true) => None,
        }
    }

    /// The label of a frame of the [`heaviest`] stack.
    #[must_use]
    pub fn label(&self, side: Side, index: usize) -> Option<LabelId> {
        let stack = match side {
            Side::Kernel => &self.kernel,
            Side::User => &self.user,
            Side::UserAsync => return None,
        };
        stack.get(index).copied()
    }

    /// Time on a processor, in the unit of the format.
    #[must_use]
    pub fn cpu_time(&self) -> Option<u64> {
        facts::cpu_time(self.thread)
    }

    /// "thread 0x4e2 of zpool (PID 156)".
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = match self.thread.id {
            Some(id) => format!("thread {id:#x}"),
            None => "thread without an id".to_owned(),
        };
        words.push_str(" of ");
        words.push_str(&process_in_words(self.process));
        words
    }
}

/// "zpool (PID 156)".
pub(crate) fn process_in_words(process: &Process) -> String {
    let name = process.name.as_deref().unwrap_or("process without a name");
    match process.pid {
        Some(pid) => format!("{name} (PID {pid})"),
        None => name.to_owned(),
    }
}
