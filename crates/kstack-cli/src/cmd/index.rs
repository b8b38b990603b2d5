//! `kstack index`: remember which file has which UUID.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kstack::symbols::Index;

use crate::args::OutputArgs;
use crate::exit::Exit;
use crate::{output, places, progress};

/// Remember which files in a folder have which UUID, for later runs.
///
/// The index is in the user's folder for caches. It only proposes files: each is opened and its UUID read
/// before it is used. Index a folder again when its files have changed.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  kstack index ~/builds /Library/Developer/KDKs")]
pub(crate) struct IndexArgs {
    /// Folders with kexts, kernels and dSYMs
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &IndexArgs) -> anyhow::Result<Exit> {
    let file = places::index().context("there is no home folder to keep an index in")?;
    let mut out = output::open(&args.output)?;
    for folder in &args.folders {
        let reading = progress::start(&format!("reading {}", folder.display()));
        let indexed = Index::update(&file, folder);
        drop(reading);
        let indexed = indexed.map_err(|why| anyhow::anyhow!("{why}"))?;
        for remark in &indexed.remarks {
            output::complain(remark);
        }
        writeln!(out, "{}: {} files indexed", folder.display(), indexed.files)?;
    }
    writeln!(out, "{}", file.display())?;
    out.flush()?;
    Ok(Exit::Done)
}
