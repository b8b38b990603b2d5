//! How much a thread matters to a reader, after its diagnosis.

use std::collections::HashMap;
use std::ptr;

use kstack_model::Thread;

use crate::diagnose::{Diagnosis, Rank, ThreadIndex};

/// Why a thread matters; the first matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// Its group matters for this.
    Busy(Rank),
    /// The report has no stack.
    WithoutStack,
    /// It has nothing to do.
    Idle,
}

impl Part {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Part::Busy(rank) => rank.in_words(),
            Part::WithoutStack => "without a stack",
            Part::Idle => "with nothing to do",
        }
    }
}

/// Where a thread stands: why it matters, and the position of its group in the diagnosis.
pub(crate) type Standing = (Part, usize);

/// Where each thread of a diagnosis stands.
#[derive(Debug)]
pub(crate) struct Standings {
    all: Vec<Standing>,
    indexes: HashMap<*const Thread, ThreadIndex>,
}

impl Standings {
    pub(crate) fn of(diagnosis: &Diagnosis<'_>) -> Standings {
        let threads = &diagnosis.threads.all;
        let mut all: Vec<Standing> = threads
            .iter()
            .map(|entry| match entry.idle {
                None => (Part::WithoutStack, 0),
                Some(what) => {
                    let mut kinds = diagnosis.idle.iter();
                    let kind = kinds.position(|group| group.what == what);
                    (Part::Idle, kind.unwrap_or_default())
                }
            })
            .collect();
        for (position, group) in diagnosis.groups.iter().enumerate() {
            for thread in group.threads() {
                if let Some(place) = all.get_mut(thread) {
                    *place = (Part::Busy(group.rank), position);
                }
            }
        }
        let threads = threads.iter().zip(0..);
        let indexes = threads.map(|(entry, index)| (ptr::from_ref(entry.thread), index));
        Standings {
            all,
            indexes: indexes.collect(),
        }
    }

    /// Which entry of the diagnosis a thread is.
    pub(crate) fn index(&self, thread: &Thread) -> Option<ThreadIndex> {
        self.indexes.get(&ptr::from_ref(thread)).copied()
    }

    /// Where an entry of the diagnosis stands.
    pub(crate) fn at(&self, index: ThreadIndex) -> Standing {
        self.all.get(index).copied().unwrap_or((Part::Idle, 0))
    }
}
