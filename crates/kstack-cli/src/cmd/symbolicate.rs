//! `kstack symbolicate`: report + symbol files → one annotated trace.

use std::io::Write;
use std::mem;
use std::path::PathBuf;

use clap::Args;
use kstack::render::{RenderOptions, Renderer, TraceIndex};

use crate::args::{InputArgs, OutputArgs, RedactArgs, SelectArgs, SymbolArgs};
use crate::exit::Exit;
use crate::output::{Counting, Redaction};
use crate::sources::SourceArgs;
use crate::stats::Stats;
use crate::{input, one_trace, output, progress, sources};

/// Name every frame of a report.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack symbolicate stackshot.log --kext spl.kext --kext zfs.kext --kextstat kextstat.txt
  kstack symbolicate stackshot.log --kernel mach_kernel --kext zfs.kext@0xffffff7f80f00000
  kstack symbolicate stackshot.log --symbols ~/builds --process zpool --format markdown -o report.md
  kstack symbolicate panic.log --kext zfs.kext --source ~/zfs --remap-path /Users/builder/zfs=
  pbpaste | kstack symbolicate - --kext zfs.kext --only-kexts")]
pub(crate) struct Symbolicate {
    /// The report; - for standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    select: SelectArgs,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output::renderers())]
    format: &'static Renderer,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    redact: RedactArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Fail with exit code 4 when a kernel frame stays without a name
    #[arg(long)]
    strict: bool,

    /// Say on standard error how long each stage took, what it read, and the peak of memory
    #[arg(long)]
    stats: bool,
}

pub(crate) fn run(args: &Symbolicate) -> anyhow::Result<Exit> {
    let mut stats = Stats::default();
    let (reports, symbols) = input::traces([&args.report], &args.input, &args.symbols, &mut stats)?;
    // Of all of them: one may name what another tells of.
    let redaction = Redaction::of(&args.redact, &reports);
    let several = args.format.holds_several;
    let reports = one_trace::choose(reports, args.select.trace, several, &args.report)?;
    let parts = reports.len();
    let mut exit = Exit::Done;
    let mut out = Counting::new(output::open_for(args.format, &args.output)?);
    let mut naming = Some(progress::start("naming the frames"));
    for (index, report) in reports.into_iter().enumerate() {
        let mut trace = kstack::resolve(report, &symbols, &args.symbols.options());
        sources::add(&args.source, &mut trace);
        redaction.redact(&mut trace);
        let options = RenderOptions {
            color: output::color(&args.output),
            columns: output::columns(&args.output),
            command: output::shown_command(&args.redact),
            raw_names: args.output.raw_names,
            selection: redaction.selection(&args.select),
            trace_index: TraceIndex {
                index: index + 1,
                of: parts,
            },
            written: out.written,
            ..RenderOptions::default()
        };
        stats.stage("name the frames");
        if output::is_seen(&args.output) {
            naming = None;
        }
        (args.format.write)(&trace, &options, &mut out)?;
        stats.stage("write the answer");
        if !args.format.has_notes {
            input::complain_of(&trace);
        } else if output::is_to_file(&args.output) {
            // The exit code is not zero, and the reason stands in the file alone.
            let mistakes = trace.unused.iter().filter(|file| file.reason.is_mistake());
            input::complain_of_unused(mistakes);
        }
        exit = exit.max(Exit::of(&trace, args.strict));
        if index + 1 == parts {
            // The process ends, and taking a whole system's trace apart takes a tenth of a run.
            mem::forget(trace);
        }
    }
    out.flush()?;
    drop(naming);
    let cache = input::finish(&symbols);
    stats.stage("keep answers");
    if args.stats {
        stats.print(&symbols, &cache);
    }
    mem::forget(symbols);
    Ok(exit)
}
