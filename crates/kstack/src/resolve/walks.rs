//! Where calls lead in the code of one image: each target is followed once, within a budget.

use std::collections::btree_map::{BTreeMap, Entry};

use kstack_model::VmAddr;
use kstack_symbols::{Code, Reach};

/// What was followed of an image's code.
#[derive(Debug)]
pub(super) struct Walks {
    reached: BTreeMap<VmAddr, Reach>,
    walked: usize,
    most: usize,
}

impl Walks {
    /// Follows about `most` instructions in all: the walk that passes them is the last.
    pub(super) fn at_most(most: usize) -> Walks {
        Walks {
            reached: BTreeMap::new(),
            walked: 0,
            most,
        }
    }

    /// Where the code at `target` leads; `None` when too much was followed already.
    pub(super) fn reach(&mut self, code: &Code<'_>, target: VmAddr) -> Option<&Reach> {
        match self.reached.entry(target) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if self.walked > self.most => None,
            Entry::Vacant(new) => {
                let reach = new.insert(code.reach(target));
                self.walked += reach.instructions();
                Some(reach)
            }
        }
    }
}
