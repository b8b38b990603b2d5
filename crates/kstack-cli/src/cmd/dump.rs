//! `kstack dump`: everything in a kcdata file, tag by tag.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use kstack::parse::{Limits, dump};
use kstack::render;

use crate::args::OutputArgs;
use crate::exit::{Exit, InputError};
use crate::{input, output};

/// Print everything in a kcdata file as JSON, tag by tag, nothing interpreted away.
///
/// Stackshots, corpses, exit reasons and every other kcdata buffer, compressed or not. Names and shapes are those
/// of Apple's own decoder.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  kstack dump stackshot.kcdata | jq .kcdata_stackshot.task_snapshots"
)]
pub(crate) struct Dump {
    /// The file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Dump) -> anyhow::Result<Exit> {
    let bytes = input::bytes(&args.file)?;
    let dumped = dump(&bytes, &Limits::default())
        .map_err(|error| InputError(format!("{}: {error}", args.file.display())))?;
    let mut out = output::open(&args.output)?;
    render::dump::write_json(&dumped, &mut out)?;
    out.flush()?;
    Ok(Exit::Done)
}
