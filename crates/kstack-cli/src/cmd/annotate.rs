//! `kstack annotate`: names added to any text.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use kstack::annotate::{AnnotateOptions, Annotator};
use kstack::model::{FrameKind, Note, Report};

use crate::args::{InputArgs, OutputArgs, SymbolArgs};
use crate::exit::Exit;
use crate::{input, output};

/// Add names to the addresses in any text.
///
/// Every address that lies in the code of a given kernel or kext, and IMAGE + OFFSET, gets what is there behind
/// it, in brackets; all else stays as it is, byte for byte. Lines are passed on as they come.
///
/// Addresses are looked up as given: a text does not tell which are return addresses. In a stack most are, and
/// want --return-addresses, because the call before them may be the last instruction of another function.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack annotate notes.txt --kernel mach_kernel --kext zfs.kext@0xffffff7f80f00000
  kstack annotate panic.log --report panic.log --kext zfs.kext --kext spl.kext --return-addresses
  tail -f /var/log/kernel.log | kstack annotate --kextstat kextstat.txt --kext zfs.kext
  pbpaste | kstack annotate --kextstat kextstat.txt --kext zfs.kext --format markdown | pbcopy")]
pub(crate) struct Annotate {
    /// The text; - for standard input
    #[arg(value_name = "TEXT", default_value = "-")]
    text: PathBuf,

    #[command(flatten)]
    symbols: SymbolArgs,

    /// A report of the same boot that tells what was loaded where: a stackshot, a panic log
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    input: InputArgs,

    /// The addresses are return addresses: look them up at the call before them
    #[arg(long)]
    return_addresses: bool,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: TextOrMarkdown,

    #[command(flatten)]
    output: OutputArgs,
}

/// The forms of an annotated text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TextOrMarkdown {
    /// The same text with names added
    Text,
    /// What was named and how often, the images, and the text folded below
    Markdown,
}

pub(crate) fn run(args: &Annotate) -> anyhow::Result<Exit> {
    let stdin = Path::new("-");
    anyhow::ensure!(
        args.text != stdin || args.report.as_deref() != Some(stdin),
        "text and report cannot both be read from standard input"
    );
    let input = match &args.report {
        Some(report) => input::read_all(report, &args.input)?,
        None => input::listings_alone(&args.input)?,
    };
    let symbols = input::symbols(&args.symbols, input.reports());
    let slide = |report: &_| kstack::kernel_slide(report, &symbols, &args.symbols.options());
    let images = images(args.report.as_deref(), input.join(slide));
    let options = AnnotateOptions {
        resolve: args.symbols.options(),
        kind: match args.return_addresses {
            true => FrameKind::ReturnAddress,
            false => FrameKind::InstructionPointer,
        },
        color: output::color(&args.output),
        raw_names: args.output.raw_names,
        command: Some(output::command_line()),
    };
    let mut annotator = Annotator::new(images, &symbols, options);
    let exit = complain_about(&annotator);
    let mut text = input::stream(&args.text)?;
    let mut out = output::open(&args.output)?;
    let text: &mut dyn Read = &mut text;
    match args.format {
        TextOrMarkdown::Text => {
            let done = annotator.copy(text, &mut out);
            for note in annotator.damage() {
                output::complain(&note.text);
            }
            done
        }
        TextOrMarkdown::Markdown => annotator.digest(text, &mut out),
    }
    .with_context(|| format!("annotating {}", args.text.display()))?;
    out.flush()?;
    input::complain_about_rewritten(&symbols);
    input::save_answers(&symbols);
    Ok(exit)
}

/// The images of the report, or those that the listings made: of the first that has any.
fn images(report: Option<&Path>, mut reports: Vec<Report>) -> Report {
    let count = reports.len();
    let lists_images = reports
        .iter()
        .position(|report| !report.kernel.images.is_empty());
    let mut images = reports.swap_remove(lists_images.unwrap_or(0));
    if let (Some(path), true) = (report, count > 1) {
        images.notes.push(Note::new(format!(
            "{} holds {count} traces; the images of the first that lists any are used",
            path.display()
        )));
    }
    images
}

/// Says what was given and does not serve: the text itself has no place for it.
fn complain_about(annotator: &Annotator<'_>) -> Exit {
    input::complain_of_unused(annotator.unused());
    input::complain_of_notes(annotator.notes());
    if annotator.knows_no_code() {
        output::complain(
            "no image has both a symbol file and a place, so the text stays as it is; pass --kernel PATH, \
             --kext PATH@ADDRESS, or --kext PATH with --kextstat FILE",
        );
    }
    let mut unused = annotator.unused().iter();
    match unused.any(|file| file.reason.is_mistake()) {
        true => Exit::Failed,
        false => Exit::Done,
    }
}
