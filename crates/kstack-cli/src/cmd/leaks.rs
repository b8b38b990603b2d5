//! `kstack leaks`: who allocated what a zone log holds.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kstack::leaks::Leaks as Counted;
use kstack::parse::{Limits, zlog};
use kstack::render::{RENDERERS, RenderOptions, memory};

use crate::args::{ListingArgs, OutputArgs, RedactArgs, SymbolArgs};
use crate::cmd::diagnose::shown;
use crate::exit::{Exit, InputError};
use crate::output::Redaction;
use crate::{input, output};

/// Name and count the records of a zone log, by stack and by function.
///
/// Reads what the debugger macros findoldest and zstack print.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack leaks zstack.txt --kext spl.kext@0xffffff7f80e4a000 --kext zfs.kext@0xffffff7f80e80000
  kstack leaks zstack.txt --kext spl.kext --kext zfs.kext --kextstat kextstat.txt --kernel-slide 0x8a00000
  kstack leaks zstack.txt --symbols ~/builds --format flamegraph -o leak.svg")]
pub(crate) struct Leaks {
    /// The records; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    listings: ListingArgs,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// Show every function and every stack
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    redact: RedactArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// What the records of a zone log can be printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// One line for each stack with its records
    Folded,
    /// A picture for the browser
    Flamegraph,
}

pub(crate) fn run(args: &Leaks) -> anyhow::Result<Exit> {
    let read = zlog::read(&input::bytes(&args.file)?, &Limits::default());
    let report = read.map_err(|why| InputError(format!("{}: {why}", args.file.display())))?;
    let unjoined = input::beside(vec![report], &args.listings)?;
    let symbols = input::symbols(&args.symbols, unjoined.reports());
    let resolving = args.symbols.options();
    let joined = unjoined.join(|report| kstack::kernel_slide(report, &symbols, &resolving));
    let report = joined.into_iter().next().unwrap_or_default();
    let redaction = Redaction::of(&args.redact, [&report]);
    let mut trace = kstack::resolve(report, &symbols, &resolving);
    redaction.redact(&mut trace);
    let options = RenderOptions {
        color: output::color(&args.output),
        raw_names: args.output.raw_names,
        ..RenderOptions::default()
    };
    let mut out = output::open(&args.output)?;
    let as_trace = |name: &str| RENDERERS.iter().find(|renderer| renderer.name == name);
    let renderer = match args.format {
        Format::Text => {
            memory::write_leaks(
                &trace,
                &Counted::of(&trace),
                &options,
                shown(args.all),
                &mut out,
            )?;
            None
        }
        Format::Json => {
            memory::write_leaks_json(&trace, &Counted::of(&trace), &mut out)?;
            None
        }
        Format::Folded => as_trace("folded"),
        Format::Flamegraph => as_trace("flamegraph"),
    };
    if let Some(renderer) = renderer {
        (renderer.write)(&trace, &options, &mut out)?;
        input::complain_of(&trace);
    }
    out.flush()?;
    input::finish(&symbols);
    Ok(Exit::of(&trace, false))
}
