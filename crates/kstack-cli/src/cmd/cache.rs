//! `kstack cache`: what is kept between runs.

use std::io::Write;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::args::OutputArgs;
use crate::exit::Exit;
use crate::{output, places};

/// Show or clear the answers that are kept between runs.
///
/// Answers of symbol files are kept in the user's folder for caches, or where `KSTACK_CACHE_DIR` says; when it
/// is empty, nothing is kept. They serve only while the files are unchanged, and can be removed at any time.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  kstack cache clear")]
pub(crate) struct CacheArgs {
    /// What to do
    #[arg(value_name = "WHAT", default_value = "show")]
    what: What,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// List what is kept
    Show,
    /// Remove it
    Clear,
}

pub(crate) fn run(args: &CacheArgs) -> anyhow::Result<Exit> {
    let cache = places::cache()
        .context("nothing is kept: $KSTACK_CACHE_DIR is empty, or there is no folder for caches")?;
    let folder = cache.folder().display();
    let mut out = output::open(&args.output)?;
    match args.what {
        What::Show => {
            let entries = cache
                .entries()
                .with_context(|| format!("cannot read {folder}"))?;
            let size: u64 = entries.iter().map(|entry| entry.size).sum();
            for entry in &entries {
                let files = entry.files.join(", ");
                match entry.answers {
                    Some(answers) => writeln!(
                        out,
                        "{:>12} bytes {answers:>8} answers  {}",
                        entry.size,
                        files.escape_debug()
                    )?,
                    None => writeln!(
                        out,
                        "{:>12} bytes, not of this version: {}",
                        entry.size,
                        entry.path.display()
                    )?,
                }
            }
            writeln!(out, "{folder}: entries {}, bytes {size}", entries.len())?;
        }
        What::Clear => {
            let removed = cache
                .clear()
                .with_context(|| format!("cannot clear {folder}"))?;
            writeln!(out, "{folder}: entries removed {removed}")?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}
