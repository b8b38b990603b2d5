//! All threads of a report in one list, with the labels of their frames.

use foldhash::HashMap;
use kstack_model::{Process, Side, Stack, Thread, ThreadRole, ThreadState};

use super::label::{Label, LabelId, Labeller, Labels, Owner};
use super::processor::{Clock, ProcessorTime};
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
    /// Where it will continue, when it gave up its kernel stack: then that is all there is of it.
    pub continuation: Option<LabelId>,
    /// How many of the innermost kernel frames are the machinery of waiting or of panicking. Functions of
    /// the kernel that have no name count where they stand between two that do: stripped kernels name few.
    pub machinery: usize,
    /// How long it had a processor.
    pub processor_time: Option<ProcessorTime>,
    /// What it is doing, when that is known to be nothing.
    pub idle: Option<&'static str>,
}

impl<'a> Threads<'a> {
    pub(crate) fn of(trace: &'a Trace) -> (Threads<'a>, Labels) {
        Threads::with(trace, &[Side::Kernel, Side::User])
    }

    /// The threads with the labels of one side alone, where the other is not looked at.
    pub(crate) fn with(trace: &'a Trace, sides: &[Side]) -> (Threads<'a>, Labels) {
        let mut labeller = Labeller::new(trace);
        let mut threads = Threads::default();
        let clock = Clock::of(&trace.report);
        for (process_index, process) in trace.report.processes.iter().enumerate() {
            for thread in &process.threads {
                if let Some(id) = thread.id {
                    // Ids are unique; of two in a damaged report the first is taken.
                    threads.by_id.entry(id).or_insert(threads.all.len());
                }
                let mut labels = |side| -> Vec<LabelId> {
                    let stack = sides.contains(&side).then(|| heaviest(thread, side));
                    let frames = stack.flatten().map_or(&[][..], |stack| &stack.frames);
                    let frames = frames.iter();
                    frames
                        .map(|frame| labeller.label(process_index, side, frame))
                        .collect()
                };
                let (kernel, user) = (labels(Side::Kernel), labels(Side::User));
                let continuation = thread.continuation.filter(|_| kernel.is_empty());
                threads.all.push(ThreadEntry {
                    process_index,
                    process,
                    thread,
                    kernel,
                    user,
                    continuation: continuation.map(|address| labeller.continuation(address)),
                    machinery: 0,
                    processor_time: clock.time(thread),
                    idle: None,
                });
            }
        }
        let labels = labeller.finish();
        for thread in &mut threads.all {
            thread.machinery = machinery(&thread.kernel, &labels);
        }
        (threads, labels)
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
        let kernel = self.kernel.iter().chain(&self.continuation);
        kernel.filter_map(|id| labels.get(*id)).any(test)
    }

    /// Whether the kernel says that it is blocked. One that has announced its wait and not yet left the
    /// processor is not, and one that panicked was running, perhaps inside a function that takes a lock.
    #[must_use]
    pub fn is_blocked(&self) -> Option<bool> {
        if self.panicked() {
            return Some(false);
        }
        let state = self.thread.state?;
        Some(state.contains(ThreadState::WAIT) && !state.contains(ThreadState::RUN))
    }

    /// What the names of the innermost frames say it waits for.
    #[must_use]
    pub fn wait_by_name(&self, labels: &Labels) -> Option<WaitKind> {
        let continuation = self.continuation.and_then(|id| labels.get(id)?.role);
        match (self.outermost_wait(labels), continuation) {
            (Some((_, kind)), _) | (None, Some(Role::Wait(kind))) => Some(kind),
            _ => None,
        }
    }

    /// The kernel function in which it waits, when one is known: a function of the kernel that has no name
    /// may be any.
    #[must_use]
    pub(crate) fn waits_in(&self, labels: &Labels) -> Option<LabelId> {
        let (side, at) = self.waits_at(labels)?;
        let id = self.label(side, at).filter(|_| side == Side::Kernel)?;
        let label = labels.get(id)?;
        let is_told = label.name().is_some() || is_of_a_kext(label);
        (label.is_meaningful() && is_told).then_some(id)
    }

    /// The wait primitive that says best what is waited for: a condition variable sleeps in `msleep`, so it
    /// is the outermost one. With its place in the kernel stack.
    pub(crate) fn outermost_wait(&self, labels: &Labels) -> Option<(usize, WaitKind)> {
        let machinery = self.kernel.get(..self.machinery)?.iter().enumerate();
        let mut waits = machinery.filter_map(|(at, id)| match labels.get(*id)?.role {
            Some(Role::Wait(kind)) => Some((at, kind)),
            _ => None,
        });
        waits.next_back()
    }

    /// The frame at which it waits, as its side and its index in the [`heaviest`] stack: the first below the
    /// wait primitive, else the innermost one of all. Where a kext called a kernel of which nothing is named,
    /// it is the frame of the kext.
    #[must_use]
    pub fn waits_at(&self, labels: &Labels) -> Option<(Side, usize)> {
        let is_told = |label: &&Label| {
            label.is_meaningful() && (label.name().is_some() || is_of_a_kext(label))
        };
        let rest = self.kernel.iter().enumerate().skip(self.machinery);
        let mut candidates = rest.filter_map(|(at, id)| Some((at, labels.get(*id)?)));
        let first = candidates.clone().find(|(_, label)| label.is_meaningful());
        let at = match first {
            Some((_, label)) if !is_told(&label) => {
                candidates.find(|(_, label)| is_told(label)).or(first)
            }
            first => first,
        };
        match (at, self.user.is_empty(), self.kernel.is_empty()) {
            (Some((at, _)), ..) => Some((Side::Kernel, at)),
            (None, false, _) => Some((Side::User, 0)),
            (None, true, false) => Some((Side::Kernel, 0)),
            (None, true, true) => None,
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

/// How many of the innermost frames are machinery.
fn machinery(kernel: &[LabelId], labels: &Labels) -> usize {
    let mut count = 0;
    for (at, id) in kernel.iter().enumerate() {
        let Some(label) = labels.get(*id) else { break };
        match label.role {
            Some(Role::Switch | Role::Wait(_) | Role::Panic) => count = at + 1,
            None if label.name().is_none() && may_be_kernel(label) => {}
            Some(Role::Entry) | None => break,
        }
    }
    count
}

fn is_of_a_kext(label: &Label) -> bool {
    matches!(label.owner, Owner::Kext | Owner::AppleKext)
}

/// Where no kernel was given its frames lie nowhere.
fn may_be_kernel(label: &Label) -> bool {
    matches!(label.owner, Owner::Kernel | Owner::Unknown)
}

/// "zpool (PID 156)".
pub(crate) fn process_in_words(process: &Process) -> String {
    let name = process.name.as_deref().unwrap_or("process without a name");
    match process.pid {
        // A task on its way out is recorded by the negated pid it had; -1 is a task without a process.
        Some(pid @ ..-1) => format!("{name} (PID {}, on its way out)", pid.unsigned_abs()),
        Some(pid) => format!("{name} (PID {pid})"),
        None => name.to_owned(),
    }
}
