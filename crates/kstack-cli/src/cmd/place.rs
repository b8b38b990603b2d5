//! `kstack place`: where the stacks allow files to lie whose load address is not known.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use kstack::render::{self, RenderOptions, TraceIndex};

use super::images::TextOrJson;
use crate::args::{InputArgs, OutputArgs, RedactArgs, SymbolArgs};
use crate::exit::Exit;
use crate::output::Redaction;
use crate::stats::Stats;
use crate::{input, output};

/// Show where the stacks of a report allow symbol files to lie.
///
/// For each file without a load address the places are listed at which the return addresses of the report
/// follow calls; the evidence is counted in bits. docs/evidence.md says how.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack place stackshot.log --kext spl.kext --kext zfs.kext
  kstack place panic.txt --kernel kernel.development --format json")]
pub(crate) struct Place {
    /// The report; - for standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,

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

pub(crate) fn run(args: &Place) -> anyhow::Result<Exit> {
    let (reports, symbols) = input::traces(
        [&args.report],
        &args.input,
        &args.symbols,
        &mut Stats::default(),
    )?;
    let write = match args.format {
        TextOrJson::Text => render::place::write_text,
        TextOrJson::Json => render::place::write_json,
    };
    let parts = reports.len();
    let redaction = Redaction::of(&args.redact, &reports);
    let mut exit = Exit::Done;
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
        exit = exit.max(Exit::of(&trace, false));
    }
    out.flush()?;
    input::finish(&symbols);
    Ok(exit)
}
