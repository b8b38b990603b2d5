//! `kstack images`: what was loaded where, and which given files match or why not.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kstack::render::{self, RenderOptions, TraceIndex};

use crate::args::{InputArgs, OutputArgs, RedactArgs, SymbolArgs};
use crate::exit::Exit;
use crate::output::Redaction;
use crate::stats::Stats;
use crate::{input, output};

/// Show what was loaded where, and which symbol files match or why not.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack images kextstat.txt
  kstack images stackshot.log --kextstat kextstat.txt --kext spl.kext --kext zfs.kext
  kstack images stackshot.log --symbols ~/builds --format json")]
pub(crate) struct Images {
    /// Reports or listings; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    input: InputArgs,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,

    #[command(flatten)]
    redact: RedactArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// The formats of answers that are not a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For a person
    Text,
    /// For programs, described in docs/json.md
    Json,
}

pub(crate) fn run(args: &Images) -> anyhow::Result<Exit> {
    let write = match args.format {
        TextOrJson::Text => render::images::write_text,
        TextOrJson::Json => render::images::write_json,
    };
    let (reports, symbols) = input::traces(
        &args.files,
        &args.input,
        &args.symbols,
        &mut Stats::default(),
    )?;
    let parts = reports.len();
    let redaction = Redaction::of(&args.redact, &reports);
    let mut out = output::open(&args.output)?;
    for (index, report) in reports.into_iter().enumerate() {
        let mut trace = kstack::resolve(report, &symbols, &args.symbols.options());
        redaction.redact(&mut trace);
        let options = RenderOptions {
            color: output::color(&args.output),
            columns: output::columns(&args.output),
            trace_index: TraceIndex {
                index: index + 1,
                of: parts,
            },
            ..RenderOptions::default()
        };
        write(&trace, &options, &mut out)?;
    }
    out.flush()?;
    input::finish(&symbols);
    // That a file does not match is an answer here; that it cannot be read is not.
    Ok(match symbols.errors() {
        [] => Exit::Done,
        _ => Exit::Failed,
    })
}
