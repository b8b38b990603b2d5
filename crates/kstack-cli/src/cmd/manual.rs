//! `kstack manual`: the manual pages, for those who package kstack.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;

/// Write the manual pages into a folder: `kstack.1`, and one for each command.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  kstack manual share/man/man1")]
pub(crate) struct Manual {
    /// The folder; made when it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: &Manual) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    let cannot = || format!("cannot write manual pages into {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    // `kstack help COMMAND` shows what the pages say; it needs none of its own.
    let commands = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(commands, folder).with_context(cannot)?;
    Ok(Exit::Done)
}
