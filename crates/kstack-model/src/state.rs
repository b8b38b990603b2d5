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
    /// Running or ready to run.
    pub const RUN: ThreadState = ThreadState(0x4);
    /// The wait cannot be interrupted.
    pub const UNINT: ThreadState = ThreadState(0x8);
    /// The idle thread of a processor.
    pub const IDLE: ThreadState = ThreadState(0x80);

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
    pub fn in_words(self) -> &'static str {
        let wait = self.contains(Self::WAIT);
        let run = self.contains(Self::RUN);
        if self.contains(Self::IDLE) {
            "idle thread of a processor"
        } else if self.0 & 0x30 != 0 {
            "terminating"
        } else if wait && run {
            "about to block"
        } else if wait && self.0 & 0x2 != 0 {
            "suspended while blocked"
        } else if wait && self.contains(Self::UNINT) {
            "blocked, cannot be interrupted"
        } else if wait {
            "blocked"
        } else if self.0 & 0x2 != 0 {
            "suspended"
        } else if run {
            "running or ready to run"
        } else {
            "not waiting and not runnable"
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
    fn wait_and_run_together_is_not_blocked_yet() {
        assert_eq!(ThreadState(0x5).in_words(), "about to block");
    }
}
