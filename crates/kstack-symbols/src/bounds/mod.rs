//! How far the functions of a stripped file surely reach.
//!
//! Shipped kexts list neither their functions nor most of their names, so the
//! nearest symbol before an address is often that of another function. What
//! there is, is the code. A function reaches at least as far as control can be
//! followed from its start without a doubt ([`walk`]), and no farther than the
//! next place where another function may start:
//!
//! * the target of a direct call, or of a jump that leaves its function,
//! * code that other code takes the address of,
//! * code that relocated data points to: virtual tables, tables of operations,
//! * code that sets up a frame behind code that ends one,
//! * what unwind information and symbols name.
//!
//! Such a place may be wrong, and then some bytes of a function are not claimed
//! for it. Nothing is claimed that the code does not show.

mod arm64;
mod code;
mod pointers;
mod step;
#[cfg(test)]
mod tests;
mod unwind;
mod walk;
mod x86_64;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use kstack_model::Arch;

use code::Code;
use walk::{Walk, walk};

pub(crate) use arm64::address;
pub(crate) use pointers::{meanings, pointers};
pub(crate) use unwind::starts as unwind_starts;

/// Times that the code may be decoded before what is not known yet stays so.
const TIMES: u64 = 24;

/// Times that newly found starts lead to another round.
const ROUNDS: usize = 4;

/// What is known of a file's functions besides its code.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// Where symbols, unwind information and pointers say that functions may start.
    pub(crate) starts: Vec<u64>,
    /// Calls, and stubs, of functions in other images that never return.
    pub(crate) never_return: BTreeSet<u64>,
    /// Code that only leads to other images: a call of it says nothing of who is called.
    pub(crate) stubs: Vec<Range<u64>>,
}

/// How far functions surely reach.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    /// End by start.
    functions: BTreeMap<u64, u64>,
}

impl Bounds {
    /// Recovers them from the sections of instructions.
    pub(crate) fn recover(arch: Arch, sections: Vec<(u64, &[u8])>, hints: Hints) -> Bounds {
        let Some(code) = Code::new(arch, sections, hints.never_return, hints.stubs) else {
            return Bounds::default();
        };
        let mut starts: BTreeSet<u64> = code.starts().into_iter().collect();
        starts.extend(hints.starts.iter().filter(|start| code.contains(**start)));
        let mut bounds = Bounds::default();
        for _ in 0..ROUNDS {
            let mut recovery = Recovery::new(&code, &starts);
            recovery.run();
            let found = recovery.new_starts();
            bounds = recovery.bounds();
            if found.is_empty() {
                break;
            }
            starts.extend(found);
        }
        bounds
    }

    /// Whether the function that starts at `start` surely holds the address.
    pub(crate) fn confirm(&self, start: u64, at: u64) -> bool {
        let end = self.functions.get(&start).copied();
        end.is_some_and(|end| (start..end).contains(&at))
    }
}

/// One round over all places where functions may start.
struct Recovery<'a> {
    code: &'a Code<'a>,
    /// Ascending.
    starts: Vec<u64>,
    walks: Vec<Walk>,
    /// Functions that have to be walked again when this one turns out to return.
    waiting: BTreeMap<u64, Vec<usize>>,
}

impl<'a> Recovery<'a> {
    fn new(code: &'a Code<'a>, starts: &BTreeSet<u64>) -> Recovery<'a> {
        Recovery {
            code,
            starts: starts.iter().copied().collect(),
            walks: Vec::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Walks every function, and again those that waited for another to return.
    fn run(&mut self) {
        self.walks.resize_with(self.starts.len(), Walk::default);
        let mut budget = self.code.size().saturating_mul(TIMES);
        let mut open: VecDeque<usize> = (0..self.starts.len()).collect();
        while let Some(index) = open.pop_front() {
            let Some(&start) = self.starts.get(index) else {
                continue;
            };
            let walk = self.walk(index, start);
            let Some(left) = budget.checked_sub(walk.cost.saturating_add(16)) else {
                break;
            };
            budget = left;
            for callee in &walk.waits_for {
                self.waiting.entry(*callee).or_default().push(index);
            }
            let returns = walk.returns;
            let before = self.walks.get_mut(index).map(|old| {
                let before = old.returns;
                *old = walk;
                before
            });
            if returns && before == Some(false) {
                open.extend(self.waiting.remove(&start).unwrap_or_default());
            }
        }
    }

    fn walk(&self, index: usize, start: u64) -> Walk {
        let end = self.code.end_of_section(start).unwrap_or(start);
        let next = self.starts.get(index.saturating_add(1)).copied();
        let limit = next.map_or(end, |next| next.min(end));
        walk(self.code, start, limit, &|callee| self.returns(callee))
    }

    /// Whether a function is known to return; `None` where that cannot be told, as outside of the code.
    fn returns(&self, callee: u64) -> Option<bool> {
        if self.code.never_returns(callee) {
            return Some(false);
        }
        if !self.code.contains(callee) || self.code.is_stub(callee) {
            return None;
        }
        let index = self.starts.binary_search(&callee).ok();
        let walk = index.and_then(|index| self.walks.get(index));
        Some(walk.is_some_and(|walk| walk.returns))
    }

    /// Starts that the walks came across and that were not known.
    fn new_starts(&self) -> Vec<u64> {
        let starts = self.walks.iter().flat_map(|walk| &walk.starts);
        let new = starts.filter(|start| self.starts.binary_search(start).is_err());
        new.filter(|start| self.code.contains(**start))
            .copied()
            .collect()
    }

    fn bounds(&self) -> Bounds {
        let ends = self.walks.iter().map(|walk| walk.end);
        Bounds {
            functions: self.starts.iter().copied().zip(ends).collect(),
        }
    }
}
