//! `kstack diff`: what moved between reports of one machine.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kstack::diagnose::compare::compare;
use kstack::diagnose::diagnose;
use kstack::render::diagnosis;
use kstack::render::{RenderOptions, TraceIndex};

use crate::args::{InputArgs, OutputArgs, RedactArgs, SymbolArgs};
use crate::cmd::diagnose::shown;
use crate::exit::Exit;
use crate::output::{Counting, Redaction};
use crate::stats::Stats;
use crate::{input, output};

/// Say what moved between reports of one machine, and what did not.
///
/// Several traces of one file count as several reports. Each is compared with the one before it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack diff first.log second.log --kext zfs.kext --kextstat kextstat.txt
  kstack diff monday.panic tuesday.panic --symbols ~/builds")]
pub(crate) struct Diff {
    /// The reports, oldest first; - for standard input
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

/// What a comparison can be printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For an issue tracker
    Markdown,
    /// For programs
    Json,
}

pub(crate) fn run(args: &Diff) -> anyhow::Result<Exit> {
    let (reports, symbols) = input::named_traces(
        &args.reports,
        &args.input,
        &args.symbols,
        &mut Stats::default(),
    )?;
    let (names, reports): (Vec<String>, Vec<_>) = reports.into_iter().unzip();
    for (number, pair) in (1..).zip(reports.windows(2)) {
        if let [before, after] = pair
            && before == after
        {
            let next = number + 1;
            output::complain(&format!(
                "reports {number} and {next} are equal in everything: one report given twice shows no movement"
            ));
        }
    }
    let resolved = reports
        .into_iter()
        .map(|report| kstack::resolve(report, &symbols, &args.symbols.options()));
    let mut traces: Vec<_> = resolved.collect();
    let reports = traces.iter().map(|trace| &trace.report);
    let redaction = Redaction::of(&args.redact, reports);
    traces.iter_mut().for_each(|trace| redaction.redact(trace));
    let found: Vec<_> = traces.iter().map(diagnose).collect();
    found
        .get(1)
        .context("there is one trace only; pass a second report to compare it with")?;
    let options = RenderOptions {
        color: output::color(&args.output),
        columns: output::columns(&args.output),
        raw_names: args.output.raw_names,
        ..RenderOptions::default()
    };
    let of = found.len() - 1;
    let shown = shown(args.all);
    let mut out = Counting::new(output::open(&args.output)?);
    for (number, pair) in found.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        if number > 0 && args.format != Format::Json {
            writeln!(out)?;
        }
        let mut changed = compare(before, after);
        // A file can be called by its owner.
        if let Some([before, after]) = names.get(number..number + 2)
            && !args.redact.redact
        {
            changed.names = Some((before.clone(), after.clone()));
        }
        let options = RenderOptions {
            trace_index: TraceIndex {
                index: number + 1,
                of,
            },
            written: out.written,
            ..options.clone()
        };
        match args.format {
            Format::Text => {
                diagnosis::write_comparison_text(
                    before, after, &changed, &options, shown, &mut out,
                )?;
            }
            Format::Markdown => {
                diagnosis::write_comparison_markdown(
                    before, after, &changed, &options, shown, &mut out,
                )?;
            }
            Format::Json => {
                diagnosis::write_comparison_json(before, after, &changed, &options, &mut out)?;
            }
        }
    }
    out.flush()?;
    input::finish(&symbols);
    let exits = traces.iter().map(|trace| Exit::of(trace, false));
    Ok(exits.max().unwrap_or(Exit::Done))
}
