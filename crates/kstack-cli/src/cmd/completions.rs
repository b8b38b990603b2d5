//! `kstack completions`: what makes a shell complete commands and options.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;

/// Print what makes a shell complete kstack's commands and options.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack completions bash > ~/.local/share/bash-completion/completions/kstack
  kstack completions zsh > \"${fpath[1]}/_kstack\"
  kstack completions fish > ~/.config/fish/completions/kstack.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &Completions) -> anyhow::Result<Exit> {
    // The generator panics where it cannot write, and standard output may be closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kstack", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
