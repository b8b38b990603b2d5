//! A process with some of its threads, open under a heading or folded.

use std::fmt;
use std::io::{self, Write};

use super::write_fence;
use crate::render::document::ProcessBlock;
use crate::render::escape::{CodeElement, CodeSpan};
use crate::render::stacks::{PLAIN, write_process_head};
use crate::render::words::Count;

/// Whether a process is to be seen at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Open,
    Folded,
}

/// A process with the texts of those of its threads that are shown.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) process: &'a ProcessBlock<'a>,
    /// In the order of the report; `None` for a thread there is no room for.
    pub(super) threads: Vec<Option<Vec<u8>>>,
}

impl<'a> Block<'a> {
    /// One that shows no thread yet.
    pub(super) fn new(process: &'a ProcessBlock<'a>) -> Block<'a> {
        Block {
            process,
            threads: vec![None; process.threads.len()],
        }
    }

    pub(super) fn shown(&self) -> usize {
        self.threads.iter().flatten().count()
    }

    pub(super) fn write(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        match look {
            Look::Open => {
                writeln!(out, "\n### {}\n", Heading(self.process))?;
                self.write_fenced(out)
            }
            Look::Folded => {
                writeln!(out, "\n<details>\n<summary>{}</summary>\n", Summary(self))?;
                self.write_fenced(out)?;
                writeln!(out, "\n</details>")
            }
        }
    }

    fn write_fenced(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = Vec::new();
        write_process_head(self.process, PLAIN, &mut lines)?;
        for (index, thread) in self.threads.iter().flatten().enumerate() {
            if index > 0 {
                lines.push(b'\n');
            }
            lines.extend(thread);
        }
        write_fence("text", &lines, out)
    }
}

struct Heading<'a>(&'a ProcessBlock<'a>);

impl fmt::Display for Heading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let process = self.0.process;
        match &process.name {
            Some(name) => write!(f, "{}", CodeSpan(name))?,
            None => write!(f, "process without a name")?,
        }
        match process.pid {
            Some(pid) => write!(f, " (PID {pid})"),
            None => Ok(()),
        }
    }
}

/// Who it is, and how many threads are below.
struct Summary<'a>(&'a Block<'a>);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let process = self.0.process.process;
        match &process.name {
            Some(name) => write!(f, "{}", CodeElement(name))?,
            None => write!(f, "process without a name")?,
        }
        if let Some(pid) = process.pid {
            write!(f, " (PID {pid})")?;
        }
        let (shown, all) = (self.0.shown(), self.0.threads.len());
        match shown == all {
            true => write!(f, ": {}", Count(all, "thread")),
            false => write!(f, ": {shown} of {}", Count(all, "thread")),
        }
    }
}
