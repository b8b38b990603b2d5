//! `kstack show`: the report as read, no symbols.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use kstack::render::{RenderOptions, Renderer, TraceIndex};
use kstack::symbols::SymbolSet;

use crate::args::{InputArgs, OutputArgs, RedactArgs, SelectArgs};
use crate::exit::Exit;
use crate::output::{Counting, Redaction};
use crate::{input, one_trace, output};

/// Show a report as read, without symbols.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack show stackshot.log
  kstack show stackshot.log --process zpool --format json")]
pub(crate) struct Show {
    /// The report; - for standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    select: SelectArgs,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output::renderers())]
    format: &'static Renderer,

    #[command(flatten)]
    redact: RedactArgs,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Show) -> anyhow::Result<Exit> {
    let reports = input::read_all(&args.report, &args.input)?.join(|_| None);
    // Of all of them: one may name what another tells of.
    let redaction = Redaction::of(&args.redact, &reports);
    let several = args.format.holds_several;
    let reports = one_trace::choose(reports, args.select.trace, several, &args.report)?;
    let parts = reports.len();
    let mut out = Counting::new(output::open_for(args.format, &args.output)?);
    for (index, report) in reports.into_iter().enumerate() {
        let mut trace = kstack::resolve(report, &SymbolSet::default(), &Default::default());
        redaction.redact(&mut trace);
        let options = RenderOptions {
            color: output::color(&args.output),
            columns: output::columns(&args.output),
            command: output::shown_command(&args.redact),
            as_read: true,
            selection: redaction.selection(&args.select),
            trace_index: TraceIndex {
                index: index + 1,
                of: parts,
            },
            written: out.written,
            ..RenderOptions::default()
        };
        (args.format.write)(&trace, &options, &mut out)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}
