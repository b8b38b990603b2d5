//! `kstack flamegraph`: from a capture straight to a symbolicated picture.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use kstack::Trace;
use kstack::render::{RenderOptions, flamegraph};
use kstack::symbols::SymbolSet;

use crate::args::{InputArgs, OutputArgs, RedactArgs, SelectArgs, SymbolArgs};
use crate::exit::Exit;
use crate::input::Unjoined;
use crate::output::Redaction;
use crate::{input, one_trace, output};

/// Draw a capture as a flame graph.
///
/// Made for the output of `dtrace -o`, whose stacks are added up by their counts; every report with stacks will do.
/// Frames that dtrace could not name get their names from kexts at their load addresses.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack flamegraph out.stacks --kext zfs.kext@0xffffff7f80f00000 -o out.svg
  kstack flamegraph after.stacks --before before.stacks --kext zfs.kext@0xffffff7f80f00000 -o diff.svg")]
pub(crate) struct Flamegraph {
    /// The capture; - for standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,

    /// An earlier capture to compare with: what grew is drawn red, what shrank blue
    #[arg(long, value_name = "REPORT")]
    before: Option<PathBuf>,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    select: SelectArgs,

    #[command(flatten)]
    redact: RedactArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Flamegraph) -> anyhow::Result<Exit> {
    let mut inputs = vec![(
        args.report.as_path(),
        input::read_all(&args.report, &args.input)?,
    )];
    if let Some(path) = &args.before {
        inputs.push((path, input::read_all(path, &args.input)?));
    }
    let read = inputs.iter().flat_map(|(_, input)| input.reports());
    let symbols = input::symbols(&args.symbols, read);
    let mut traces = Vec::new();
    for (path, input) in inputs {
        traces.push(trace(args, path, input, &symbols)?);
    }
    let reports = traces.iter().map(|trace| &trace.report);
    let redaction = Redaction::of(&args.redact, reports);
    traces.iter_mut().for_each(|trace| redaction.redact(trace));
    let options = RenderOptions {
        raw_names: args.output.raw_names,
        selection: redaction.selection(&args.select),
        ..RenderOptions::default()
    };
    // The picture first: without one, no empty file is left behind.
    let mut picture = Vec::new();
    let exit = match traces.as_slice() {
        [after, before] => {
            flamegraph::draw_difference(before, after, &options, &mut picture)?;
            Exit::of(after, false)
        }
        [after, ..] => {
            flamegraph::draw(after, &options, &mut picture)?;
            Exit::of(after, false)
        }
        [] => Exit::Done,
    };
    let mut out = output::open(&args.output)?;
    out.write_all(&picture)?;
    out.flush()?;
    traces.iter().for_each(input::complain_of);
    input::finish(&symbols);
    Ok(exit)
}

fn trace(
    args: &Flamegraph,
    path: &Path,
    input: Unjoined,
    symbols: &SymbolSet,
) -> anyhow::Result<Trace> {
    let slide = |report: &_| kstack::kernel_slide(report, symbols, &args.symbols.options());
    let reports = one_trace::choose(input.join(slide), args.select.trace, false, path)?;
    let report = reports.into_iter().next();
    let report = report.with_context(|| format!("{}: no trace", path.display()))?;
    Ok(kstack::resolve(report, symbols, &args.symbols.options()))
}
