//! `kstack formats`: the tables of what kstack reads and writes.

use std::io::Write;

use clap::Args;
use kstack::parse::FORMATS;
use kstack::render::RENDERERS;

use crate::args::OutputArgs;
use crate::exit::Exit;
use crate::output;

/// List what kstack reads and writes.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  kstack formats")]
pub(crate) struct Formats {
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Formats) -> anyhow::Result<Exit> {
    let mut out = output::open(&args.output)?;
    writeln!(out, "Reads (--input-format):")?;
    for format in FORMATS {
        writeln!(out, "  {:18} {}", format.name, format.about)?;
    }
    writeln!(out, "\nWrites (--format):")?;
    for renderer in RENDERERS {
        writeln!(out, "  {:18} {}", renderer.name, renderer.about)?;
    }
    writeln!(out, "\nSymbol files (--kext, --kernel, --dsym, --symbols):")?;
    for (what, about) in SYMBOL_FILES {
        writeln!(out, "  {what:18} {about}")?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

const SYMBOL_FILES: &[(&str, &str)] = &[
    (
        ".kext",
        "kext bundle, versioned or flat; its dSYM beside it is found by itself",
    ),
    ("Mach-O", "kext executable or kernel, thin or fat"),
    (".dSYM", "dSYM bundle, or the DWARF file in it"),
    (
        ".sym",
        "kext linked at its load address by kextutil -s or kstack link",
    ),
    (
        "KDK",
        "Kernel Debug Kit, with --kernel: its kernel is chosen by UUID",
    ),
    (
        "collection",
        "kernel collection, prelinked kernel, compressed or in an IM4P",
    ),
];
