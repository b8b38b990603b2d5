//! Whom a thread waits for, as a sampler says it behind the innermost frame:
//! `blocked by krwlock for writing owned by zpool [156] thread 0x4e2`,
//! `blocked by turnstile with priority 47 waiting for zpool [156] thread 0x4e2 after 2 hops`.
//!
//! The kernel's stackshots behind a spindump have this as records; here they are made again from
//! the words, of the kinds of wait whose words are known. Other words stay beside the frame only.

use kstack_model::{PortLabelId, Thread, Turnstile, WaitInfo, WaitType};

use crate::formats::numbers::{decimal, hex, leading_decimal};

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Blocked {
    /// A lock or an event with its owner.
    Wait(WaitInfo),
    /// The end of its priority inheritance.
    Turnstile(Turnstile),
}

/// What a thread waited for in every one of its samples; `None` where they differ or do not tell.
///
/// Waits make circles, and a circle of waits that were not all there at one time is none.
pub(super) fn all_the_time(thread: &Thread, samples: Option<u64>) -> Option<Blocked> {
    let waiter = thread.id?;
    let samples = samples.filter(|samples| *samples > 0)?;
    let (mut waited, mut blocked) = (0_u64, None);
    for stack in &thread.stacks {
        let innermost = stack.frames.first().and_then(|frame| frame.said.as_deref());
        let Some(remark) = innermost.and_then(|said| said.remark.as_deref()) else {
            continue;
        };
        let this = Blocked::read(remark, waiter)?;
        match blocked {
            Some(other) if this.owner() != Blocked::owner(other) => return None,
            _ => blocked = Some(this),
        }
        waited = waited.saturating_add(stack.samples);
    }
    blocked.filter(|_| waited == samples)
}

impl Blocked {
    /// Reads the words behind a frame.
    fn read(remark: &str, waiter: u64) -> Option<Blocked> {
        let words = remark.strip_prefix("blocked by ")?;
        let (rest, hops) = without_hops(words);
        let (what, owner) = what_and_owner(rest)?;
        if let Some(how) = what.strip_prefix("turnstile") {
            return Some(Blocked::Turnstile(turnstile(waiter, how, owner, hops)));
        }
        let (wait_type, by_process) = kind(what)?;
        let owner = match (by_process, owner) {
            (true, Owner { pid, .. }) => u64::from(pid),
            (false, Owner { thread, .. }) => thread?,
        };
        Some(Blocked::Wait(WaitInfo {
            waiter,
            wait_type,
            owner,
            context: 0,
            flags: 0,
            port_label: PortLabelId::None,
        }))
    }

    /// Who it is that has it, and in which sense; how urgent that is may change between samples.
    fn owner(self) -> (Option<WaitType>, u64) {
        match self {
            Blocked::Wait(wait) => (Some(wait.wait_type), wait.owner),
            Blocked::Turnstile(turnstile) => (None, turnstile.context),
        }
    }
}

/// The kind of wait that words stand for, and whether its owner is a process.
fn kind(what: &str) -> Option<(WaitType, bool)> {
    let first = what.split(" owned by").next().unwrap_or(what).trim();
    Some(match first {
        "kmutex" | "kernel mutex" => (WaitType::KERNEL_MUTEX, false),
        "krwlock for reading" => (WaitType::RW_LOCK_READ, false),
        "krwlock for writing" => (WaitType::RW_LOCK_WRITE, false),
        "krwlock for upgrading" => (WaitType::RW_LOCK_UPGRADE, false),
        "unfair lock" | "os_unfair_lock" => (WaitType::USER_LOCK, false),
        "pthread mutex" => (WaitType::PTHREAD_MUTEX, false),
        "wait4 on" => (WaitType::ON_PROCESS, true),
        _ => return None,
    })
}

fn turnstile(waiter: u64, how: &str, owner: Owner, hops: u8) -> Turnstile {
    const THREAD: u64 = 0x8;
    const BLOCKED_ON_TASK: u64 = 0x10;
    let priority = how
        .trim_start()
        .strip_prefix("with priority ")
        .and_then(leading_decimal)
        .and_then(|(priority, _)| u8::try_from(priority).ok());
    let (context, flags) = match owner.thread {
        Some(thread) => (thread, THREAD),
        None => (owner.pid.into(), BLOCKED_ON_TASK),
    };
    Turnstile {
        waiter,
        context,
        priority: priority.unwrap_or_default(),
        hops,
        flags,
        port_label: PortLabelId::None,
    }
}

/// `… after 2 hops`; one hop where nothing is said.
fn without_hops(words: &str) -> (&str, u8) {
    let hops = |words| -> Option<(&str, u8)> {
        let (before, hops) = str::rsplit_once(words, " after ")?;
        let count = hops.strip_suffix(" hops").or(hops.strip_suffix(" hop"))?;
        Some((before, count.parse().ok()?))
    };
    hops(words).unwrap_or((words, 1))
}

#[derive(Clone, Copy)]
struct Owner {
    pid: u32,
    thread: Option<u64>,
}

/// Splits "`krwlock for writing owned by zpool [156] thread 0x4e2`" behind "owned by", "waiting for" or "on".
fn what_and_owner(words: &str) -> Option<(&str, Owner)> {
    // The name of a process may have any of these words and brackets in it; its pid stands last.
    let (before, behind) = words.rsplit_once(" [")?;
    let (pid, thread) = behind.split_once(']')?;
    let pid = u32::try_from(decimal(pid)?).ok()?;
    let thread = match thread.trim() {
        "" => None,
        thread => Some(hex(thread.strip_prefix("thread ")?)?),
    };
    let ends = [" owned by ", " waiting for ", "wait4 on "];
    let what = ends.iter().find_map(|end| {
        let at = before.find(end)? + end.trim_end().len();
        before.get(..at)
    })?;
    Some((what, Owner { pid, thread }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kstack_model::WaitsFor;

    fn whom(words: &str) -> Option<(Option<u8>, WaitsFor)> {
        Some(match Blocked::read(words, 1)? {
            Blocked::Wait(wait) => (Some(wait.wait_type.0), wait.waits_for()),
            Blocked::Turnstile(turnstile) => (None, turnstile.waits_for()),
        })
    }

    #[test]
    fn the_words_behind_a_frame_name_the_lock_and_its_owner() {
        assert_eq!(
            whom("blocked by krwlock for writing owned by zpool [156] thread 0x4e2"),
            Some((Some(8), WaitsFor::Thread(0x4e2)))
        );
        assert_eq!(
            whom("blocked by wait4 on pool helper [2] [546]"),
            Some((Some(0x11), WaitsFor::Process(546)))
        );
        assert_eq!(
            whom("blocked by turnstile waiting for pool [7]"),
            Some((None, WaitsFor::Process(7)))
        );
    }

    #[test]
    fn a_turnstile_tells_its_priority_and_how_many_it_is_from_the_end() {
        let words =
            "blocked by turnstile with priority 47 waiting for pool [9] thread 0x77 after 3 hops";
        let Some(Blocked::Turnstile(turnstile)) = Blocked::read(words, 1) else {
            panic!("not read");
        };
        assert_eq!(turnstile.waits_for(), WaitsFor::Thread(0x77));
        assert_eq!((turnstile.priority, turnstile.hops), (47, 3));
    }

    #[test]
    fn words_of_another_kind_name_nobody() {
        for words in [
            "running",
            "blocked by magic owned by pool [9] thread 0x77",
            "blocked by krwlock for writing owned by pool [9]",
            "blocked by krwlock for writing owned by pool [x] thread 0x77",
            "blocked by krwlock for writing owned by pool [9] thread seven",
            "blocked by ",
        ] {
            assert_eq!(whom(words), None, "{words}");
        }
    }
}
