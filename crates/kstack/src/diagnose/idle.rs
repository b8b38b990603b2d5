//! Threads that have nothing to do: `tables/idle.txt`, read.

use std::collections::HashMap;
use std::sync::LazyLock;

use kstack_model::{ThreadState, WaitInfo, WaitType};

use super::facts;
use super::label::Labels;
use super::roles::{Role, rows, stands_for};
use super::threads::ThreadEntry;

/// What the thread is doing, when that is known to be nothing.
///
/// The kernel's own mark comes first, then the shape of the kernel stack.
pub(crate) fn idle(thread: &ThreadEntry<'_>, labels: &Labels) -> Option<&'static str> {
    if thread.panicked() {
        return None;
    }
    let state = thread.thread.state.unwrap_or_default();
    if state.contains(ThreadState::IDLE) {
        return Some("idle thread of a processor");
    }
    if facts::is_idle_worker(thread.thread) {
        return Some("worker without work");
    }
    // The inner parts of a wait differ between systems; the primitive that was called does not.
    let start = thread
        .outermost_wait(labels)
        .map_or(thread.machinery, |(at, _)| at);
    let mut names = Vec::new();
    for id in thread.kernel.iter().skip(start).chain(&thread.continuation) {
        let label = labels.get(*id)?;
        if matches!(label.role, Some(Role::Switch | Role::Entry)) {
            continue;
        }
        // A frame without a name fits no pattern; it may be anything.
        names.push(label.name().unwrap_or_default());
        if names.len() > LONGEST {
            break;
        }
    }
    let first = *names.first()?;
    let candidates = PATTERNS.by_first.get(first);
    let exact = candidates.into_iter().flatten();
    let mut patterns = exact.chain(&PATTERNS.by_prefix);
    let pattern = patterns.find(|pattern| pattern.fits(&names))?;
    Some(pattern.what)
}

/// What the kernel's own record of a wait says: nobody waits for an answer on a set of ports, and a
/// parked worker has no work.
pub(crate) fn by_record(info: &WaitInfo) -> Option<&'static str> {
    const PORT_SET_RECEIVE: WaitType = WaitType(0x3);
    const PARKED_WORK_QUEUE: WaitType = WaitType(0xf);
    const PARKED_BOUND_WORK_QUEUE: WaitType = WaitType(0x15);
    match info.wait_type {
        PORT_SET_RECEIVE => Some("wait for messages on a set of ports"),
        PARKED_WORK_QUEUE | PARKED_BOUND_WORK_QUEUE => Some("worker without work"),
        _ => None,
    }
}

/// Names of a stack that are compared at most.
const LONGEST: usize = 8;

#[derive(Debug)]
struct Pattern {
    what: &'static str,
    names: Vec<&'static str>,
    may_go_on: bool,
}

impl Pattern {
    fn read(row: &'static str) -> Option<Pattern> {
        let (what, stack) = row.split_once('|')?;
        let mut names: Vec<&str> = stack.split('<').map(str::trim).collect();
        let may_go_on = names.last() == Some(&"...");
        if may_go_on {
            names.pop();
        }
        Some(Pattern {
            what: what.trim(),
            names,
            may_go_on,
        })
    }

    fn fits(&self, stack: &[&str]) -> bool {
        let length_fits = match self.may_go_on {
            true => stack.len() >= self.names.len(),
            false => stack.len() == self.names.len(),
        };
        let mut pairs = self.names.iter().zip(stack);
        length_fits && pairs.all(|(pattern, name)| stands_for(pattern, name))
    }
}

/// The patterns by their innermost function, so that a thread meets few of them.
#[derive(Debug, Default)]
struct Patterns {
    by_first: HashMap<&'static str, Vec<Pattern>>,
    by_prefix: Vec<Pattern>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let mut patterns = Patterns::default();
    for pattern in rows(include_str!("tables/idle.txt")).filter_map(Pattern::read) {
        match pattern.names.first() {
            Some(first) if !first.ends_with('*') => {
                patterns.by_first.entry(first).or_default().push(pattern);
            }
            Some(_) => patterns.by_prefix.push(pattern),
            None => {}
        }
    }
    patterns
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_pattern_that_a_stack_can_fit() {
        for row in rows(include_str!("tables/idle.txt")) {
            let pattern = Pattern::read(row).unwrap_or_else(|| panic!("{row}"));
            assert!(!pattern.what.is_empty(), "{row}");
            assert!(pattern.names.len() < LONGEST, "{row}");
            assert!(pattern.names.iter().all(|name| !name.is_empty()), "{row}");
            let roles = pattern.names.iter().map(|name| super::super::role(name));
            let passed_over = [Some(Role::Switch), Some(Role::Entry)];
            for role in roles {
                assert!(
                    !passed_over.contains(&role),
                    "{row} names a frame that is passed over"
                );
            }
        }
    }

    #[test]
    fn a_pattern_without_dots_ends_where_the_stack_does() {
        let whole = Pattern::read("x | a < b*").unwrap();
        assert!(whole.fits(&["a", "bc"]));
        assert!(!whole.fits(&["a", "bc", "d"]));
        let open = Pattern::read("x | a < ...").unwrap();
        assert!(open.fits(&["a", "bc", "d"]));
        assert!(!open.fits(&["b"]));
    }
}
