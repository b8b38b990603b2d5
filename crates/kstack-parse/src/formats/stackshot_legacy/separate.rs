//! Where one trace ends and the next begins: nothing but repetition marks it.

use std::collections::BTreeSet;

use super::item::{Item, Task};

/// Tells traces in one file apart, fed every record in order.
#[derive(Debug, Default)]
pub(super) struct Separator {
    has_records: bool,
    /// Pid and unique id of the tasks of this trace.
    tasks: BTreeSet<(i32, Option<u64>)>,
    /// Pid and object of the first thread, where there are no task records.
    first_thread: Option<(Option<i32>, Option<u64>)>,
}

impl Separator {
    /// Whether this record begins another trace than the records before it.
    pub(super) fn starts_another(&mut self, item: &Item<'_>) -> bool {
        let starts = self.has_records && self.is_repetition(item);
        if starts {
            *self = Separator::default();
        }
        self.has_records = true;
        match item {
            Item::Memory(_) => {}
            Item::Task(task) => self.tasks.extend(identity(task)),
            Item::Thread(thread) => {
                self.first_thread.get_or_insert_with(|| {
                    (
                        thread.record.signed("pid"),
                        thread.record.number("thread_id"),
                    )
                });
            }
        }
        starts
    }

    fn is_repetition(&self, item: &Item<'_>) -> bool {
        match item {
            Item::Memory(_) => true,
            Item::Task(task) => identity(task).is_some_and(|id| self.tasks.contains(&id)),
            Item::Thread(thread) => {
                let pid = thread.record.signed("pid");
                let id = thread.record.number("thread_id");
                pid.is_some() && self.first_thread == Some((pid, id))
            }
        }
    }
}

/// What one trace cannot contain twice.
///
/// Terminated tasks come last and may share their pid with a living one, and
/// tasks that lost their process all have pid −1: these mark nothing.
fn identity(task: &Task<'_>) -> Option<(i32, Option<u64>)> {
    let pid = task.record.signed("pid").filter(|&pid| pid >= 0)?;
    (!task.is_terminated()).then(|| (pid, task.record.number("uniqueid")))
}
