//! Threads that wait for the same thing, where nobody is known to hold it.

use std::collections::BTreeMap;

use kstack_model::{Address, WaitType, WaitsFor};

use super::label::{LabelId, Labels};
use super::roles::WaitKind;
use super::threads::{ThreadIndex, Threads};
use super::waits::Waits;

/// Threads that wait for one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedWait {
    /// What says that they do.
    pub by: SharedBy,
    /// The threads, in the order of the report.
    pub threads: Vec<ThreadIndex>,
}

/// What says that threads wait for one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedBy {
    /// The kernel: one object, which has no owner or whose owner it did not know.
    Object {
        /// The kind of object.
        wait_type: WaitType,
        /// Its address, obscured when it is the kernel's.
        context: u64,
        /// Whose address it is; `None` for the kernel's.
        process: Option<usize>,
    },
    /// An inference: they have the same wait event.
    Event(Address),
    /// An inference: the same function waits in the same way.
    Function(WaitKind, LabelId),
}

impl SharedBy {
    /// Whether it is concluded from stacks and events, not recorded.
    #[must_use]
    pub fn is_inferred(self) -> bool {
        !matches!(self, SharedBy::Object { .. })
    }
}

/// What at least two busy threads wait for; the thing most wait for first.
///
/// Where the wait of a thread is recorded, the record tells. Where it is not, as in older reports and
/// for a thread that sleeps until it is woken, equal wait events and equal functions below the wait
/// primitive are all there is.
pub(crate) fn shared(threads: &Threads<'_>, labels: &Labels, waits: &Waits) -> Vec<SharedWait> {
    let mut groups: BTreeMap<SharedBy, Vec<ThreadIndex>> = BTreeMap::new();
    for (index, thread) in threads.all.iter().enumerate() {
        if thread.idle.is_some() {
            continue;
        }
        let mut put = |by| groups.entry(by).or_default().push(index);
        if waits.has_record(index) {
            if let Some(by) = object(waits, thread.process_index, index) {
                put(by);
            }
            continue;
        }
        // A report without states has no blocked threads; then the stack alone must tell.
        if thread.is_blocked() == Some(false) {
            continue;
        }
        if let Some(event) = thread.thread.wait_event {
            put(SharedBy::Event(event));
        }
        if let Some((kind, function)) = thread.wait_by_name(labels).zip(thread.waits_in(labels)) {
            put(SharedBy::Function(kind, function));
        }
    }
    let mut groups: Vec<SharedWait> = groups
        .into_iter()
        .filter(|(_, threads)| threads.len() > 1)
        .map(|(by, threads)| SharedWait { by, threads })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.threads.len()));
    groups
}

/// The object a thread waits for, when a record names the object and no owner.
fn object(waits: &Waits, process: usize, thread: ThreadIndex) -> Option<SharedBy> {
    let info = waits.info.get(thread).copied().flatten()?;
    let has_no_owner = matches!(
        info.waits_for(),
        WaitsFor::Unknown
            | WaitsFor::SpinningMutex
            | WaitsFor::PortLocked
            | WaitsFor::PortInTransit
    );
    if !has_no_owner || info.context == 0 || !waits.from(thread).is_empty() {
        return None;
    }
    Some(SharedBy::Object {
        wait_type: info.wait_type,
        context: info.context,
        process: info.wait_type.is_of_user_space().then_some(process),
    })
}
