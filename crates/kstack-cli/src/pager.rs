//! A program that shows the answer page by page.

use std::env;
use std::io::{self, StdoutLock, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::output;

/// The answer to a person at a terminal. The pager starts with the first byte: what fails before that
/// leaves the screen alone, and what is shown while the answer is worked out has it for itself.
#[derive(Debug, Default)]
pub(crate) struct Paged(Option<To>);

#[derive(Debug)]
enum To {
    Pager(Pager),
    Stdout(StdoutLock<'static>),
}

impl Paged {
    fn to(&mut self) -> &mut dyn Write {
        let to = self.0.get_or_insert_with(|| match Pager::start() {
            Some(pager) => To::Pager(pager),
            None => To::Stdout(io::stdout().lock()),
        });
        match to {
            To::Pager(pager) => pager,
            To::Stdout(stdout) => stdout,
        }
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Some(_) => self.to().flush(),
            None => Ok(()),
        }
    }
}

/// A running pager. Dropping it closes its input and waits until its user leaves it.
#[derive(Debug)]
struct Pager {
    child: Child,
    input: Option<ChildStdin>,
}

impl Pager {
    /// Starts the pager of the user; `None` when there is none to start: the answer is then printed as it is.
    fn start() -> Option<Pager> {
        let program = env::var("KSTACK_PAGER").or_else(|_| env::var("PAGER"));
        let program = program.ok().or_else(less)?;
        // Both are how people say that they want none.
        if program.trim().is_empty() || program.trim() == "cat" {
            return None;
        }
        let mut command = shell(&program);
        // Quit when all fits, show colours, leave the screen as it is.
        if env::var_os("LESS").is_none() {
            command.env("LESS", "FRX");
        }
        if env::var_os("LV").is_none() {
            command.env("LV", "-c");
        }
        // Both get the key that interrupts, and pagers go on. Were this program gone, pager and shell would
        // read one keyboard. The pager does not inherit it; where it cannot be had, it ends as before.
        let _ = ctrlc::set_handler(|| {});
        let mut child = match command.stdin(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(why) => {
                output::complain(&format!("the pager {program} cannot be started: {why}"));
                return None;
            }
        };
        let input = child.stdin.take();
        Some(Pager { child, input })
    }
}

/// The pager that most systems have. A shell starts well without it, so it is looked for.
fn less() -> Option<String> {
    let folders = env::var_os("PATH")?;
    let mut folders = env::split_paths(&folders);
    let is_there = folders.any(|folder| folder.join("less").is_file());
    is_there.then(|| "less".to_owned())
}

/// The variable may hold options, so a shell reads it. One word needs none, and is seen not to start.
fn shell(program: &str) -> Command {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if cfg!(windows) || program.chars().all(is_word) {
        return Command::new(program);
    }
    let mut command = Command::new("sh");
    command.args(["-c", program]);
    command
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) => input.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        drop(self.input.take());
        // Nothing can be done about a pager that is gone. That of a shell: there was none.
        let status = self.child.wait();
        if status.is_ok_and(|status| matches!(status.code(), Some(126 | 127))) {
            output::complain(
                "the pager could not be started; --no-pager prints the answer without",
            );
        }
    }
}
