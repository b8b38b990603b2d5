//! What can be typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use kstack::model::{Address, Arch};
use kstack::parse::FORMATS;
use kstack::symbols::StatedPlace;
use kstack::{ResolveOptions, Selection};

use crate::cmd;

/// Names the kernel and any number of kexts in one annotated trace.
#[derive(Debug, Parser)]
#[command(
    name = "kstack",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done; 1 failed, or a named file could not be used; 2 wrong usage; \
                  3 input not recognised or not readable; 4 unresolved kernel frames under --strict.\n\n\
                  Example:\n  kstack symbolicate stackshot.log --kext spl.kext --kext zfs.kext --kextstat kextstat.txt"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name every frame of a report
    Symbolicate(cmd::symbolicate::Symbolicate),
    /// Say who waits for whom, what is stuck, and what is missing
    Diagnose(cmd::diagnose::Diagnose),
    /// Say what moved between reports of one machine
    Diff(cmd::diff::Diff),
    /// Draw a capture as a flame graph
    Flamegraph(cmd::flamegraph::Flamegraph),
    /// Sort the kernel's zones by what they hold and how they grew
    Zones(cmd::zones::Zones),
    /// Name and count the records of a zone log
    Leaks(cmd::leaks::Leaks),
    /// Show a report as read, without symbols
    Show(cmd::show::Show),
    /// Show what was loaded where, and which symbol files match or why not
    Images(cmd::images::Images),
    /// Print everything in a kcdata file as JSON
    Dump(cmd::dump::Dump),
    /// Show where the stacks allow symbol files to lie that nothing places
    Place(cmd::place::Place),
    /// Name bare addresses of one symbol file
    Lookup(cmd::lookup::Lookup),
    /// Link a kext at its load address, for debuggers and other symbolizers
    Link(cmd::link::Link),
    /// Print a script that loads the images of a report into lldb or gdb
    Lldb(cmd::lldb::Lldb),
    /// Remember which files in a folder have which UUID, for later runs
    Index(cmd::index::IndexArgs),
    /// Show or clear the answers that are kept between runs
    Cache(cmd::cache::CacheArgs),
    /// Add names to the addresses in any text
    Annotate(cmd::annotate::Annotate),
    /// List what kstack reads and writes
    Formats(cmd::formats::Formats),
    /// Print what makes a shell complete kstack's commands and options
    Completions(cmd::completions::Completions),
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Manual(cmd::manual::Manual),
}

/// The names of what is read, for the completions of shells.
fn format_names() -> PossibleValuesParser {
    let names = FORMATS
        .iter()
        .map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(names)
}

/// The report to read.
#[derive(Args, Debug)]
pub(crate) struct InputArgs {
    /// Read every input as this format instead of recognising it (see `kstack formats`)
    #[arg(long, value_name = "NAME", value_parser = format_names(), hide_possible_values = true)]
    pub(crate) input_format: Option<String>,

    #[command(flatten)]
    pub(crate) listings: ListingArgs,
}

/// What tells where images lay, beside the report.
#[derive(Args, Debug)]
pub(crate) struct ListingArgs {
    /// A kextstat or `kmutil showloaded` listing of the same boot; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) kextstat: Vec<PathBuf>,

    /// The kernel's slide, where the report does not state it
    #[arg(long, value_name = "SLIDE", value_parser = number)]
    pub(crate) kernel_slide: Option<u64>,
}

/// The symbol files to use.
#[derive(Args, Debug)]
pub(crate) struct SymbolArgs {
    /// A kext: .kext bundle, its executable, its .dSYM, or a .sym file; repeatable
    ///
    /// ADDRESS is its load address (where its Mach-O header was placed) in the basis of the report: slid or
    /// unslid as the report's own addresses are. SEGMENT=ADDRESS places one segment, for kexts whose segments
    /// were laid out apart.
    #[arg(long, value_name = "PATH[@ADDRESS]")]
    pub(crate) kext: Vec<Placed>,

    /// The kernel, likewise: a kernel file, its dSYM, a kernel collection, or a Kernel Debug Kit
    #[arg(long, value_name = "PATH[@ADDRESS]")]
    pub(crate) kernel: Vec<Placed>,

    /// A dSYM for one of the others; one beside the kext or kernel is found by itself; repeatable
    #[arg(long, value_name = "PATH")]
    pub(crate) dsym: Vec<PathBuf>,

    /// A folder to search for kexts and dSYMs that fit the report; repeatable
    #[arg(long, value_name = "DIR")]
    pub(crate) symbols: Vec<PathBuf>,

    /// Use only the files given here: neither the index nor the usual places of a Mac
    #[arg(long)]
    pub(crate) no_search: bool,

    /// The slice to use of fat files, such as arm64e
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<Arch>,

    /// Neither use nor keep answers of earlier runs (see `kstack cache`)
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Use a file although its UUID is not the report's; every name from it is marked
    #[arg(long)]
    pub(crate) allow_mismatch: bool,
}

impl SymbolArgs {
    pub(crate) fn options(&self) -> ResolveOptions {
        ResolveOptions {
            allow_mismatch: self.allow_mismatch,
            arch: self.arch,
            ..ResolveOptions::default()
        }
    }
}

/// Which part of the report to show.
#[derive(Args, Debug)]
pub(crate) struct SelectArgs {
    /// Only processes of this name; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) process: Vec<String>,

    /// Only the process with this id; repeatable
    #[arg(long, value_name = "PID", allow_negative_numbers = true)]
    pub(crate) pid: Vec<i32>,

    /// Only the thread with this id, decimal or 0x hexadecimal; repeatable
    #[arg(long, value_name = "ID", value_parser = number)]
    pub(crate) thread: Vec<u64>,

    /// Only threads with a frame in a kext
    #[arg(long)]
    pub(crate) only_kexts: bool,

    /// Only this trace of a report that holds several, counted from 1
    #[arg(long, value_name = "N")]
    pub(crate) trace: Option<usize>,
}

impl SelectArgs {
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            processes: self.process.clone(),
            pids: self.pid.clone(),
            threads: self.thread.clone(),
            only_kexts: self.only_kexts,
        }
    }
}

/// Where and how to print.
#[derive(Args, Debug)]
pub(crate) struct OutputArgs {
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Colour; `NO_COLOR` in the environment turns `auto` into `never`
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,

    /// Show C++ and Rust names as the symbol file has them
    #[arg(long)]
    pub(crate) raw_names: bool,

    /// Show the answer page by page, with `$KSTACK_PAGER`, `$PAGER` or less
    #[arg(long, value_name = "WHEN", default_value = "auto", num_args = 0..=1, default_missing_value = "always")]
    pub(crate) pager: When,

    /// Print the answer without a pager
    #[arg(long, conflicts_with = "pager")]
    pub(crate) no_pager: bool,
}

/// What is left out of a report that goes to strangers.
#[derive(Args, Debug)]
pub(crate) struct RedactArgs {
    /// Replace names of processes, paths, user names and boot arguments by placeholders
    #[arg(long)]
    pub(crate) redact: bool,
}

/// When to use colour, or a pager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `PATH`, `PATH@ADDRESS` or `PATH@SEGMENT=ADDRESS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) path: PathBuf,
    pub(crate) place: Option<StatedPlace>,
}

impl FromStr for Placed {
    type Err = String;
    fn from_str(text: &str) -> Result<Placed, String> {
        let whole = || Placed {
            path: PathBuf::from(text),
            place: None,
        };
        let Some((path, place)) = text.rsplit_once('@') else {
            return Ok(whole());
        };
        let (segment, address) = match place.split_once('=') {
            Some((segment, address)) => (Some(segment.to_owned()), address),
            None => (None, place),
        };
        match number(address) {
            Ok(address) if !path.is_empty() => Ok(Placed {
                path: PathBuf::from(path),
                place: Some(StatedPlace {
                    segment,
                    address: Address(address),
                }),
            }),
            // An @ can be part of a file's name.
            _ if PathBuf::from(text).exists() => Ok(whole()),
            Ok(_) => Err("there is no path before the @".to_owned()),
            Err(why) => Err(format!(
                "{why} after the @; write PATH@0xffffff7f80e50000 or PATH@__TEXT_EXEC=0x…"
            )),
        }
    }
}

/// A number as people write addresses: `0x` and hexadecimal digits (also grouped by `_`), or decimal.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace(['_', '`'], "");
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let parsed = match hexadecimal {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
        // Tools print kernel addresses without 0x; a letter tells them from decimals.
        None if digits.contains(|c: char| c.is_ascii_alphabetic()) => {
            u64::from_str_radix(&digits, 16)
        }
        None => digits.parse(),
    };
    parsed.map_err(|_| format!("\"{}\" is not an address", text.escape_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_follows_the_last_at_sign() {
        let placed: Placed = "/Volumes/a@b/zfs.kext@0xffffff7f80f00000".parse().unwrap();
        assert_eq!(placed.path, PathBuf::from("/Volumes/a@b/zfs.kext"));
        let place = placed.place.unwrap();
        assert_eq!(place.address, Address(0xffff_ff7f_80f0_0000));
        assert_eq!(place.segment, None);
    }

    #[test]
    fn one_segment_can_be_placed() {
        let placed: Placed = "zfs@__TEXT_EXEC=0xfffffe004f224000".parse().unwrap();
        assert_eq!(
            placed.place.unwrap().segment.as_deref(),
            Some("__TEXT_EXEC")
        );
    }

    #[test]
    fn an_odd_address_is_refused_with_the_way_to_write_it() {
        let why = "zfs.kext@0xzz".parse::<Placed>().unwrap_err();
        assert!(
            why.starts_with("\"0xzz\" is not an address after the @; write"),
            "{why}"
        );
    }

    #[test]
    fn hexadecimal_digits_need_no_prefix() {
        assert_eq!(number("ffffff8000200000"), Ok(0xffff_ff80_0020_0000));
        assert_eq!(number("1250"), Ok(1250));
        assert!(number("").is_err());
        assert!(number("0x").is_err());
    }
}
