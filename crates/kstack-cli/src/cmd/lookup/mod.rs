//! `kstack lookup`: bare addresses of one symbol file, no report.

mod in_order;

use std::io::{self, BufRead, BufReader};

use anyhow::Context;
use clap::Args;
use kstack::model::{Address, Arch, FrameKind};
use kstack::render::RenderOptions;
use kstack::render::lookup::{self, Texts};
use kstack::symbols::{Request, Role, SymbolSet};
use kstack::{Lookups, ResolveOptions, Trace};

use super::images::TextOrJson;
use crate::args::{OutputArgs, Placed, number};
use crate::exit::Exit;
use crate::sources::SourceArgs;
use crate::stats::Stats;
use crate::{input, output, sources};

/// Bytes of standard input that are read at once.
const PIPED: usize = 256 << 10;
/// Addresses answered at once. More would be nearer to each other, but this is near enough.
const BATCH: usize = 0x1_0000;
/// Bytes of answers that are in memory together.
const MOST: usize = 32 << 20;

/// Name bare addresses of one symbol file.
///
/// Without @ADDRESS the addresses are those the file is linked at. They are looked up as given; return
/// addresses from a stack want --return-addresses, because the call before them may be the last instruction
/// of another function.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack lookup zfs.kext@0xffffff7f80f00000 0xffffff7f80f1a870 --return-addresses
  kstack lookup zfs.kext.dSYM 0x1a870 --format json
  grep -o '0xffffff7f[0-9a-f]*' notes.txt | kstack lookup zfs.kext@0xffffff7f80f00000")]
pub(crate) struct Lookup {
    /// The symbol file, as --kext takes it
    #[arg(value_name = "PATH[@ADDRESS]")]
    file: Placed,

    /// Addresses; read from standard input, one on each line, when there are none or one is -
    #[arg(value_name = "ADDR")]
    addresses: Vec<String>,

    /// The addresses are return addresses: look them up at the call before them
    #[arg(long)]
    return_addresses: bool,

    /// The slice to use of a fat file
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,

    /// Neither use nor keep answers of earlier runs (see `kstack cache`)
    #[arg(long)]
    no_cache: bool,

    /// What to print; json prints one line for each address
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Say on standard error how long each stage took, what it read, and the peak of memory
    #[arg(long)]
    stats: bool,
}

pub(crate) fn run(args: &Lookup) -> anyhow::Result<Exit> {
    let options = ResolveOptions {
        arch: args.arch,
        as_linked: true,
        ..ResolveOptions::default()
    };
    let mut stats = Stats::default();
    let mut symbols = SymbolSet::open(&[Request {
        role: Role::Kext,
        path: args.file.path.clone(),
        placed: args.file.place.clone(),
    }]);
    input::complain_about(&symbols);
    input::keep_answers(&mut symbols, args.no_cache);
    stats.stage("open symbol files");
    let mut lookups = Lookups::new(&symbols, &options);
    for file in lookups.unused() {
        anyhow::ensure!(!file.reason.is_mistake(), "{}: {}", file.path, file.why);
    }
    let typed = typed(args)?;
    let mut out = output::open(&args.output)?;
    let mut answer = |addresses: &[Address]| -> anyhow::Result<()> {
        let mut look_up = |addresses: &[Address], texts: &mut Texts| {
            let mut trace = lookups.batch(addresses, kind(args));
            sources::add(&args.source, &mut trace);
            Ok(write(args, &trace, texts)?)
        };
        in_order::answer(addresses, MOST, &mut look_up, &mut out)?;
        // Whoever waits for the answers before asking on gets them.
        Ok(out.flush()?)
    };
    if args.addresses.is_empty() || args.addresses.iter().any(|word| word == "-") {
        piped(&mut answer)?;
    }
    answer(&typed)?;
    input::complain_of_remarks(&symbols);
    for note in lookups.damage() {
        output::complain(&note.text);
    }
    stats.stage("name and write");
    input::complain_about_rewritten(&symbols);
    let cache = input::save_answers(&symbols);
    stats.stage("keep answers");
    if args.stats {
        stats.print(&symbols, &cache);
    }
    Ok(Exit::Done)
}

fn kind(args: &Lookup) -> FrameKind {
    match args.return_addresses {
        true => FrameKind::ReturnAddress,
        false => FrameKind::InstructionPointer,
    }
}

fn write(args: &Lookup, trace: &Trace, texts: &mut Texts) -> io::Result<()> {
    let options = RenderOptions {
        color: output::color(&args.output),
        raw_names: args.output.raw_names,
        ..RenderOptions::default()
    };
    match args.format {
        TextOrJson::Text => lookup::write_text(trace, &options, texts),
        TextOrJson::Json => lookup::write_json(trace, &options, texts),
    }
}

/// The addresses on the command line.
fn typed(args: &Lookup) -> anyhow::Result<Vec<Address>> {
    let words = args.addresses.iter().filter(|word| *word != "-");
    let numbers = words.map(|word| number(word).map(Address));
    numbers
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::msg)
}

/// Answers standard input as it comes, in batches of what has arrived.
fn piped(answer: &mut dyn FnMut(&[Address]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut input = BufReader::with_capacity(PIPED, io::stdin().lock());
    let mut batch = Vec::new();
    let mut line = String::new();
    for index in 1.. {
        line.clear();
        let length = input.read_line(&mut line);
        if length.context("reading standard input")? == 0 {
            break;
        }
        for word in line.split_whitespace() {
            let address = number(word)
                .map_err(|why| anyhow::anyhow!("standard input, line {index}: {why}"))?;
            batch.push(Address(address));
        }
        if input.buffer().is_empty() || batch.len() >= BATCH {
            answer(&batch)?;
            batch.clear();
        }
    }
    answer(&batch)
}
