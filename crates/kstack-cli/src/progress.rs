//! What takes long, on a line of its own that goes away.

use std::io::{self, IsTerminal, Write};

/// Reports smaller than this are done before anyone wonders.
const HUGE: usize = 16 << 20;

/// A line on the terminal that tells what is being done.
#[derive(Debug)]
pub(crate) struct Progress {
    is_shown: bool,
}

impl Progress {
    /// Shows something only when standard error is a terminal and the work is for so many bytes.
    pub(crate) fn of(bytes: usize) -> Progress {
        Progress {
            is_shown: bytes >= HUGE && io::stderr().is_terminal(),
        }
    }

    /// What is being done now.
    pub(crate) fn step(&self, what: &str) {
        if self.is_shown {
            // There is nobody to tell when standard error is closed.
            let _ = write!(io::stderr().lock(), "\r\u{1b}[Kkstack: {what} …");
        }
    }

    /// Takes the line away, before the answer is written to the same terminal.
    pub(crate) fn clear(&self) {
        if self.is_shown {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
