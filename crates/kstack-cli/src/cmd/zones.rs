//! `kstack zones`: which zones are large, which grow, which are suspected of a leak.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kstack::render::{RenderOptions, memory};
use kstack::zones::{Order, histories};

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
  kstack zones zprint.txt --sort size
  kstack zones monday.txt tuesday.txt wednesday.txt")]
pub(crate) struct Zones {
    /// Tables of one machine, oldest first; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,

    /// What to sort by, the greatest first; growth where there are several tables, else what is in use
    #[arg(long, value_name = "COLUMN")]
    sort: Option<Sort>,

    /// Show every zone
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// What zones can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Bytes in use
    InUse,
    /// Bytes taken, free elements included
    Size,
    /// Bytes in use more than in the first table
    Growth,
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
    let order = match args.sort {
        None => Order::of(tables.len()),
        Some(Sort::InUse) => Order::InUse,
        Some(Sort::Size) => Order::Size,
        Some(Sort::Growth) => Order::Growth,
    };
    let histories = histories(&tables, order);
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
