//! `kstack diagnose`: who waits for whom, what is stuck, what is missing.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kstack::render::diagnosis::{self, Shown};
use kstack::render::{RenderOptions, TraceIndex};

use crate::args::{InputArgs, OutputArgs, RedactArgs, SymbolArgs};
use crate::exit::Exit;
use crate::output::{Counting, Redaction};
use crate::stats::Stats;
use crate::{input, output, progress};

/// Say who waits for whom, what is stuck, and what is missing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack diagnose stackshot.log --kext spl.kext --kext zfs.kext --kextstat kextstat.txt
  kstack diagnose hang.kcdata --symbols ~/builds --format markdown -o report.md
  kstack diagnose hang.kcdata --symbols ~/builds --format html -o hang.html
  kstack diagnose Kernel.panic --format json")]
pub(crate) struct Diagnose {
    /// The reports; - for standard input
    #[arg(value_name = "REPORT", required = true)]
    reports: Vec<PathBuf>,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    input: InputArgs,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// Show everything of each kind, however much there is
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    redact: RedactArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// What a diagnosis can be printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For an issue tracker
    Markdown,
    /// For the browser: the page of `kstack symbolicate`, which has the diagnosis in it
    Html,
    /// For programs
    Json,
}

pub(crate) fn run(args: &Diagnose) -> anyhow::Result<Exit> {
    let mut stats = Stats::default();
    let (reports, symbols) = input::traces(&args.reports, &args.input, &args.symbols, &mut stats)?;
    let of = reports.len();
    let redaction = Redaction::of(&args.redact, &reports);
    let shown = shown(args.all);
    let mut exit = Exit::Done;
    let mut out = Counting::new(output::open(&args.output)?);
    let mut naming = Some(progress::start("naming the frames"));
    for (report, index) in reports.into_iter().zip(1..) {
        if index > 1 && matches!(args.format, Format::Text | Format::Markdown) {
            writeln!(out)?;
        }
        let mut trace = kstack::resolve(report, &symbols, &args.symbols.options());
        redaction.redact(&mut trace);
        let options = RenderOptions {
            color: output::color(&args.output),
            columns: output::columns(&args.output),
            command: output::shown_command(&args.redact),
            raw_names: args.output.raw_names,
            trace_index: TraceIndex { index, of },
            written: out.written,
            ..RenderOptions::default()
        };
        let found = kstack::diagnose::diagnose(&trace);
        if output::is_seen(&args.output) {
            naming = None;
        }
        match args.format {
            Format::Text => diagnosis::write_text(&found, &options, shown, &mut out)?,
            Format::Markdown => diagnosis::write_markdown(&found, &options, shown, &mut out)?,
            Format::Html => diagnosis::write_html(&found, &options, shown, &mut out)?,
            Format::Json => diagnosis::write_json(&found, &options, &mut out)?,
        }
        exit = exit.max(Exit::of(&trace, false));
    }
    out.flush()?;
    drop(naming);
    input::finish(&symbols);
    Ok(exit)
}

pub(crate) fn shown(all: bool) -> Shown {
    if all { Shown::all() } else { Shown::default() }
}
