//! Who waits for whom, what is stuck, and which stacks are worth a look.
//!
//! Everything is worked out from a finished [`Trace`]: nothing is looked up.
//! What the kernel recorded ([`Waits`], [`Deadlock`], [`Chains`]) and what is
//! concluded from stacks ([`SharedWait`]) are kept apart, and the second says so.
//! All of it takes time linear in the frames of the report, but for sorting.
//!
//! Two tables of plain text tell which functions wait and which stacks are
//! idle: `tables/roles.txt` and `tables/idle.txt`.

mod chains;
pub mod compare;
mod components;
mod deadlocks;
pub(crate) mod facts;
mod fingerprint;
mod groups;
mod idle;
mod label;
mod origin;
mod processor;
mod recorded;
mod roles;
mod services;
mod shared;
mod threads;
mod waits;
mod words;

#[cfg(test)]
mod tests;

pub use chains::{Chains, Root};
pub use deadlocks::Deadlock;
pub use fingerprint::{Fingerprint, FingerprintOf};
pub use groups::{Group, IdleGroup, Rank};
pub use label::{Function, Label, LabelId, Labels, Owner, short};
pub(crate) use label::{Labeller, plain};
pub(crate) use origin::is_no_mac;
pub use origin::where_from;
pub use processor::ProcessorTime;
pub(crate) use recorded::{RecordedWaits, kind_of_wait};
pub use roles::{Role, WaitKind, role};
pub use shared::{SharedBy, SharedWait};
pub(crate) use threads::process_in_words;
pub use threads::{ThreadEntry, ThreadIndex, Threads, heaviest};
pub use waits::{Node, Strength, Via, WaitEdge, Waits};

use kstack_model::{Side, ThreadRole, WaitInfo};

use crate::missing::Missing;
use crate::resolve::Trace;

/// What a trace says about a hang or a panic.
#[derive(Debug)]
pub struct Diagnosis<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// What its frames are called.
    pub labels: Labels,
    /// Its threads.
    pub threads: Threads<'a>,
    /// What the kernel recorded of their waits.
    pub waits: Waits,
    /// The same by process, in words.
    recorded: Vec<RecordedWaits<'a>>,
    /// Threads that wait in a circle.
    pub deadlocks: Vec<Deadlock>,
    /// Whom the others wait for.
    pub chains: Chains,
    /// Things that several threads wait for and nobody is known to hold.
    pub shared: Vec<SharedWait>,
    /// Busy threads by their stacks.
    pub groups: Vec<Group>,
    /// Threads with nothing to do, by what they do.
    pub idle: Vec<IdleGroup>,
    /// What went wrong, in sentences: the panic and the processor's fault.
    pub faults: Vec<String>,
    /// A hash of the functions it is about.
    pub fingerprint: Option<Fingerprint>,
    /// Symbol files that would name more.
    pub missing: Missing,
}

/// Works out what a trace says.
///
/// ```
/// let trace = kstack::resolve(Default::default(), &Default::default(), &Default::default());
/// let diagnosis = kstack::diagnose::diagnose(&trace);
/// assert!(diagnosis.deadlocks.is_empty());
/// assert_eq!(diagnosis.fingerprint, None);
/// ```
#[must_use]
pub fn diagnose(trace: &Trace) -> Diagnosis<'_> {
    let (mut threads, labels) = Threads::of(trace);
    let waits = Waits::of(&trace.report, &threads);
    let deadlocks = deadlocks::deadlocks(&threads, &waits);
    let chains = Chains::of(&threads, &waits);
    mark_idle(&mut threads, &labels, &waits);
    Diagnosis {
        shared: shared::shared(&threads, &labels, &waits),
        groups: groups::groups(&threads, &labels),
        idle: groups::idle_groups(&threads),
        faults: faults(trace),
        fingerprint: fingerprint::of(&threads, &labels),
        missing: Missing::of(trace),
        recorded: trace
            .report
            .processes
            .iter()
            .map(|process| RecordedWaits::of(trace, process))
            .collect(),
        trace,
        labels,
        threads,
        waits,
        deadlocks,
        chains,
    }
}

/// The fingerprint alone, for a head that shows nothing else of a diagnosis.
#[must_use]
pub fn fingerprint(trace: &Trace) -> Option<Fingerprint> {
    let (mut threads, labels) = Threads::with(trace, &[Side::Kernel]);
    let waits = Waits::of(&trace.report, &threads);
    mark_idle(&mut threads, &labels, &waits);
    fingerprint::of(&threads, &labels)
}

/// A thread that waits for somebody or for an answer, or that somebody waits for, is not idle, whatever its stack.
fn mark_idle(threads: &mut Threads<'_>, labels: &Labels, waits: &Waits) {
    let mut is_part = vec![false; threads.all.len()];
    for edge in &waits.edges {
        let owner = match edge.to {
            Node::Thread(owner) => Some(owner),
            _ => None,
        };
        for thread in std::iter::once(edge.from).chain(owner) {
            if let Some(mark) = is_part.get_mut(thread) {
                *mark = true;
            }
        }
    }
    for ((thread, is_part), info) in threads.all.iter_mut().zip(is_part).zip(&waits.info) {
        let wants_an_answer = info.as_ref().is_some_and(WaitInfo::is_for_a_reply);
        thread.idle = if is_part || wants_an_answer {
            None
        } else {
            let by_record = info.as_ref().and_then(idle::by_record);
            by_record.or_else(|| idle::idle(thread, labels))
        };
    }
}

/// What the report says went wrong: of the thread that panicked, else of the report.
fn faults(trace: &Trace) -> Vec<String> {
    let report = &trace.report;
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    let panicked = threads.filter(|thread| thread.role == ThreadRole::Panicked);
    let of_threads = panicked.map(|thread| &thread.facts);
    let mut faults: Vec<String> = Vec::new();
    for facts in std::iter::once(&report.facts).chain(of_threads) {
        for name in ["panic", "fault"] {
            if let Some(text) = facts::text(facts, name)
                && !faults.iter().any(|known| known == text)
            {
                faults.push(text.to_owned());
            }
        }
    }
    faults
}
