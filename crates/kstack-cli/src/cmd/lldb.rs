//! `kstack lldb`: a script that loads the images of a report into a debugger.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use kstack::debugger;

use crate::args::{InputArgs, OutputArgs, SymbolArgs};
use crate::exit::Exit;
use crate::stats::Stats;
use crate::{input, output};

/// Print a script that loads the images of a report into lldb or gdb.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack lldb stackshot.log --kernel mach_kernel --kext zfs.kext --kextstat kextstat.txt > images.lldb
  kstack lldb stackshot.log --kext zfs.kext@0xffffff7f80f00000 --gdb -o images.gdb")]
pub(crate) struct Lldb {
    /// The report; - for standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    input: InputArgs,

    /// Commands for gdb instead
    #[arg(long)]
    gdb: bool,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Lldb) -> anyhow::Result<Exit> {
    let (reports, symbols) = input::traces(
        [&args.report],
        &args.input,
        &args.symbols,
        &mut Stats::default(),
    )?;
    let write = match args.gdb {
        true => debugger::write_gdb,
        false => debugger::write_lldb,
    };
    // A file with several traces has one boot's images in all of them: the first will do.
    let Some(report) = reports.into_iter().next() else {
        anyhow::bail!("{}: no trace in it", args.report.display());
    };
    let trace = kstack::resolve(report, &symbols, &args.symbols.options());
    input::complain_of_unused(&trace.unused);
    let mut out = output::open(&args.output)?;
    write(&trace, &symbols, &mut out)?;
    out.flush()?;
    input::finish(&symbols);
    Ok(Exit::of(&trace, false))
}
