//! What well-known functions are in a stack: `tables/roles.txt`, read.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a well-known function does in a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The scheduler's own way off the processor.
    Switch,
    /// It waits for something of this kind.
    Wait(WaitKind),
    /// The way into the kernel or into a thread.
    Entry,
    /// The machinery that reports a panic or a trap.
    Panic,
}

/// What a wait primitive waits for, as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitKind {
    /// A mutex.
    Mutex,
    /// A read-write lock.
    RwLock,
    /// A sleep that another thread ends.
    Sleep,
    /// A condition variable.
    CondVar,
    /// A Mach message.
    Message,
    /// A semaphore.
    Semaphore,
    /// An event of a kqueue, of `select` or of `poll`.
    Event,
    /// Time to pass.
    Timer,
    /// A child process.
    Process,
}

impl WaitKind {
    /// What is waited for, for a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            WaitKind::Mutex => "a mutex",
            WaitKind::RwLock => "a read-write lock",
            WaitKind::Sleep => "a wake-up",
            WaitKind::CondVar => "a condition variable",
            WaitKind::Message => "a message",
            WaitKind::Semaphore => "a semaphore",
            WaitKind::Event => "an event",
            WaitKind::Timer => "time to pass",
            WaitKind::Process => "a child process",
        }
    }
}

/// The role of a function in a kernel stack; `None` for one that is itself of interest.
///
/// ```
/// use kstack::diagnose::{Role, WaitKind, role};
/// assert_eq!(role("_lck_mtx_lock"), Some(Role::Wait(WaitKind::Mutex)));
/// assert_eq!(role("arc_read"), None);
/// ```
#[must_use]
pub fn role(function: &str) -> Option<Role> {
    let name = bare(function);
    if let Some(role) = TABLE.exact.get(name) {
        return Some(*role);
    }
    // Prefixes of one another do not occur, so the nearest one before the name is the only candidate.
    let (prefix, role) = TABLE.prefixes.range(..=name).next_back()?;
    name.starts_with(prefix).then_some(*role)
}

/// A name without leading underscores, parameters, and what compilers append to parts of a function.
pub(crate) fn bare(function: &str) -> &str {
    let name = function.trim_start_matches('_');
    let name = match name.find('(') {
        // The name of a call operator is `operator()`, and `(anonymous namespace)` may come first.
        Some(at) if at > 0 && !name.get(..at).unwrap_or_default().ends_with("operator") => {
            name.get(..at).unwrap_or(name)
        }
        _ => name,
    };
    let parts = [".cold", ".llvm.", ".isra.", ".constprop.", ".part."];
    let end = parts.iter().filter_map(|part| name.find(part)).min();
    match end.and_then(|end| name.get(..end)) {
        Some(whole) if !whole.is_empty() => whole,
        _ if name.is_empty() => function,
        _ => name,
    }
}

/// Whether a name of a table stands for a function.
pub(crate) fn stands_for(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// The lines of a table that are not blank and not comments.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = table.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("tables/roles.txt")));

#[derive(Debug, Default)]
struct Table {
    exact: BTreeMap<&'static str, Role>,
    prefixes: BTreeMap<&'static str, Role>,
}

impl Table {
    fn read(text: &'static str) -> Table {
        let mut table = Table::default();
        for row in rows(text) {
            let Some((word, name)) = row.split_once(' ') else {
                continue;
            };
            let (Some(role), name) = (word_role(word), name.trim()) else {
                continue;
            };
            match name.strip_suffix('*') {
                Some(prefix) => table.prefixes.insert(prefix, role),
                None => table.exact.insert(name, role),
            };
        }
        table
    }
}

fn word_role(word: &str) -> Option<Role> {
    Some(match word {
        "switch" => Role::Switch,
        "entry" => Role::Entry,
        "panic" => Role::Panic,
        "mutex" => Role::Wait(WaitKind::Mutex),
        "rwlock" => Role::Wait(WaitKind::RwLock),
        "sleep" => Role::Wait(WaitKind::Sleep),
        "condvar" => Role::Wait(WaitKind::CondVar),
        "message" => Role::Wait(WaitKind::Message),
        "semaphore" => Role::Wait(WaitKind::Semaphore),
        "event" => Role::Wait(WaitKind::Event),
        "timer" => Role::Wait(WaitKind::Timer),
        "process" => Role::Wait(WaitKind::Process),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_understood_and_said_once() {
        let text = include_str!("tables/roles.txt");
        let mut names = std::collections::BTreeSet::new();
        for row in rows(text) {
            let (word, name) = row.split_once(' ').unwrap();
            assert!(word_role(word).is_some(), "{row}");
            assert!(names.insert(name.trim()), "{row} is there twice");
        }
    }

    #[test]
    fn no_prefix_hides_another() {
        let prefixes: Vec<&str> = TABLE.prefixes.keys().copied().collect();
        for pair in prefixes.windows(2) {
            assert!(!pair[1].starts_with(pair[0]), "{pair:?}");
        }
    }

    #[test]
    fn underscores_parameters_and_parts_do_not_change_a_name() {
        assert_eq!(bare("__lck_mtx_lock"), "lck_mtx_lock");
        assert_eq!(bare("IOWorkLoop::threadMain()"), "IOWorkLoop::threadMain");
        assert_eq!(bare("arc_read.cold.1"), "arc_read");
        assert_eq!(bare("Foo::operator()(int)"), "Foo::operator()(int)");
        assert_eq!(bare("(anonymous namespace)::f"), "(anonymous namespace)::f");
        assert_eq!(bare("___"), "___");
    }
}
