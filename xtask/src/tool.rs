//! Runs other programs and says what to install when one is missing.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What `cargo xtask samples` and `cargo xtask oracle` need beside Rust.
pub(crate) const INSTALL: &str = "apt-get install --no-install-recommends clang-19 lld-19 llvm-19";

/// A command line in the making.
pub(crate) fn tool(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Runs a command to its end; its output is ours.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().or_else(|why| missing(&name, why))?;
    if !status.success() {
        bail!("{} failed ({status}): {}", name, line_of(command));
    }
    Ok(())
}

/// Runs a command to its end quietly; what it printed is shown only when it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().or_else(|why| missing(&name, why))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed ({}): {}\n{said}",
            name,
            output.status,
            line_of(command)
        );
    }
    Ok(())
}

fn line_of(command: &Command) -> String {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    arguments.join(" ")
}

fn missing<T>(name: &str, why: std::io::Error) -> Result<T> {
    if why.kind() == ErrorKind::NotFound {
        bail!("{name} is not installed; on Debian: {INSTALL}");
    }
    Err(why).with_context(|| format!("while running {name}"))
}
