//! `kstack zones`: which zones are large, which grow, which are suspected of a leak.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use kstack::render::{RenderOptions, memory};

use crate::args::OutputArgs;
use crate::cmd::diagnose::shown;
use crate::cmd::images::TextOrJson;
use crate::exit::{Exit, InputError};
use crate::{input, output};

/// Sort the kernel's zones by what they hold, and by how they grew between tables.
///
/// Reads the tables of zprint(1) and of the debugger macros of that name.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack zones zprint.txt
  kstack zones monday.txt tuesday.txt wednesday.txt")]
pub(crate) struct Zones {
    /// Tables of one machine, oldest first; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,

    /// Show every zone
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Zones) -> anyhow::Result<Exit> {
    let mut tables = Vec::new();
    for file in &args.files {
        let read = kstack::parse::zones::read(&input::bytes(file)?);
        let read = read.map_err(|why| InputError(format!("{}: {why}", file.display())))?;
        for note in &read.notes {
            output::complain(&format!("{}: {note}", file.display()));
        }
        tables.push(read.zones);
    }
    let histories = kstack::zones::histories(&tables);
    let options = RenderOptions {
        color: output::color(&args.output),
        ..RenderOptions::default()
    };
    let mut out = output::open(&args.output)?;
    match args.format {
        TextOrJson::Text => memory::write_zones(&histories, &options, shown(args.all), &mut out)?,
        TextOrJson::Json => memory::write_zones_json(&histories, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::Done)
}
