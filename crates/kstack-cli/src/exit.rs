//! The exit codes, and which failure gets which.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed, or a file that was named could not be used; what could be named is printed. Also when a symbol file is cut short while it is read |
//! | 2 | wrong usage |
//! | 3 | the input is not recognised or not readable |
//! | 4 | done, but kernel frames are unresolved, under `--strict` |

use std::fmt;
use std::io;
use std::process::ExitCode;

use kstack::resolve::Trace;

/// How a run ended.
///
/// In the order in which one outweighs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// Kernel frames are unresolved, and that was to be an error.
    Unresolved,
    /// Something that was asked for could not be done.
    Failed,
    /// The input is not recognised or not readable.
    Input,
}

impl Exit {
    /// How a trace came out.
    pub(crate) fn of(trace: &Trace, strict: bool) -> Exit {
        if trace.unused.iter().any(|file| file.reason.is_mistake()) {
            Exit::Failed
        } else if strict && trace.has_unresolved_kernel_frames() {
            Exit::Unresolved
        } else {
            Exit::Done
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Input => 3,
            Exit::Unresolved => 4,
        })
    }
}

/// An input that cannot be read, as opposed to everything else that can fail.
#[derive(Debug)]
pub(crate) struct InputError(pub(crate) String);

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InputError {}

/// Prints an error and tells its exit code. A reader that went away is not an error.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    let is_broken_pipe = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe);
    if is_broken_pipe {
        return Exit::Done.into();
    }
    crate::output::complain(&format!("{error:#}"));
    match error.downcast_ref::<InputError>() {
        Some(_) => Exit::Input.into(),
        None => Exit::Failed.into(),
    }
}
