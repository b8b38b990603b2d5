//! The program `kstack`: names the kernel and any number of kexts in one trace.

mod args;
mod cmd;
mod cut_short;
mod exit;
mod input;
mod one_trace;
mod output;
mod pager;
mod places;
mod progress;
mod sources;
mod stats;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

/// Takes memory from the system in large pages: a report of a megabyte is read and named in three quarters of the time.
/// The allocator of the static builds (musl) is many times slower.
#[cfg(target_os = "linux")]
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cut_short::watch();
    let done = match &cli.command {
        Command::Symbolicate(args) => cmd::symbolicate::run(args),
        Command::Diagnose(args) => cmd::diagnose::run(args),
        Command::Diff(args) => cmd::diff::run(args),
        Command::Flamegraph(args) => cmd::flamegraph::run(args),
        Command::Zones(args) => cmd::zones::run(args),
        Command::Leaks(args) => cmd::leaks::run(args),
        Command::Show(args) => cmd::show::run(args),
        Command::Images(args) => cmd::images::run(args),
        Command::Dump(args) => cmd::dump::run(args),
        Command::Place(args) => cmd::place::run(args),
        Command::Lookup(args) => cmd::lookup::run(args),
        Command::Link(args) => cmd::link::run(args),
        Command::Lldb(args) => cmd::lldb::run(args),
        Command::Cache(args) => cmd::cache::run(args),
        Command::Index(args) => cmd::index::run(args),
        Command::Annotate(args) => cmd::annotate::run(args),
        Command::Formats(args) => cmd::formats::run(args),
        Command::Completions(args) => cmd::completions::run(args),
        Command::Manual(args) => cmd::manual::run(args),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => exit::failed(&error),
    }
}
