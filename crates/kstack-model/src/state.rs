//! Thread state bits in words.

use std::fmt;

/// The state bits of a thread (`state` of the snapshot records).
///
/// Bits and names are those of xnu's `osfmk/kern/thread.h`; the meaning of a
/// bit never changed between 10.5 and macOS 15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadState(pub u32);

const NAMES: [(u32, &str); 9] = [
    (0x1, "TH_WAIT"),
    (0x2, "TH_SUSP"),
    (0x4, "TH_RUN"),
    (0x8, "TH_UNINT"),
    (0x10, "TH_TERMINATE"),
    (0x20, "TH_TERMINATE2"),
    (0x40, "TH_WAIT_REPORT"),
    (0x80, "TH_IDLE"),
    (0x100, "TH_WAKING"),
];

impl ThreadState {
    /// Waiting for an event.
    pub const WAIT: ThreadState = ThreadState(0x1);
    /// Stopped, or asked to stop.
    pub const SUSP: ThreadState = ThreadState(0x2);
    /// Running or ready to run.
    pub const RUN: ThreadState = ThreadState(0x4);
    /// The wait cannot be interrupted.
    pub const UNINT: ThreadState = ThreadState(0x8);
    /// The idle thread of a processor.
    pub const IDLE: ThreadState = ThreadState(0x80);
    /// Taken off its wait, and not yet runnable.
    pub const WAKING: ThreadState = ThreadState(0x100);

    /// Halted at its end, or on the queue of those that are.
    const TERMINATING: u32 = 0x10 | 0x20;

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn contains(self, other: ThreadState) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the set bits in ascending order; bits without a name as one hexadecimal number.
    pub fn names(self) -> impl Iterator<Item = String> {
        let unnamed = NAMES.iter().fold(self.0, |rest, (bit, _)| rest & !bit);
        NAMES
            .iter()
            .filter(move |(bit, _)| self.0 & bit != 0)
            .map(|(_, name)| (*name).to_owned())
            .chain((unnamed != 0).then(|| format!("{unnamed:#x}")))
    }

    /// What the bits mean together, for a person: "blocked, cannot be interrupted".
    #[must_use]
    pub fn in_words(self) -> String {
        if self.contains(Self::IDLE) {
            return "idle thread of a processor".to_owned();
        }
        let (wait, run) = (self.contains(Self::WAIT), self.contains(Self::RUN));
        let mut words = Vec::new();
        match (wait, run) {
            // It has announced its wait and has not left the processor yet.
            (true, true) => words.push("about to block"),
            (true, false) => words.push("blocked"),
            (false, true) => words.push("running or ready to run"),
            (false, false) if self.contains(Self::WAKING) => words.push("being woken"),
            (false, false) => {}
        }
        if wait && self.contains(Self::UNINT) {
            words.push("cannot be interrupted");
        }
        if self.contains(Self::SUSP) {
            // A thread that runs is stopped as soon as it may be.
            words.push(if run { "asked to stop" } else { "suspended" });
        }
        if self.0 & Self::TERMINATING != 0 {
            words.push("terminating");
        }
        match words.is_empty() {
            true => "not waiting and not runnable".to_owned(),
            false => words.join(", "),
        }
    }
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)?;
        for (index, name) in self.names().enumerate() {
            write!(f, "{}{name}", if index == 0 { " == " } else { " | " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uninterruptible_wait_reads_as_such() {
        assert_eq!(ThreadState(0x9).to_string(), "0x9 == TH_WAIT | TH_UNINT");
        assert_eq!(
            ThreadState(0x9).in_words(),
            "blocked, cannot be interrupted"
        );
    }

    #[test]
    fn a_bit_without_a_name_is_shown_as_a_number() {
        assert_eq!(
            ThreadState(0x8001).to_string(),
            "0x8001 == TH_WAIT | 0x8000"
        );
    }

    #[test]
    fn one_bit_does_not_hide_another() {
        let words = |bits: u32| ThreadState(bits).in_words();
        assert_eq!(words(0x5), "about to block");
        assert_eq!(words(0xb), "blocked, cannot be interrupted, suspended");
        assert_eq!(words(0x19), "blocked, cannot be interrupted, terminating");
        assert_eq!(words(0x6), "running or ready to run, asked to stop");
        assert_eq!(words(0x2), "suspended");
        assert_eq!(words(0x10), "terminating");
        assert_eq!(words(0x100), "being woken");
        assert_eq!(words(0x84), "idle thread of a processor");
        assert_eq!(words(0), "not waiting and not runnable");
    }
}
