//! `kstack lookup`: bare addresses of one symbol file, no report.

use std::io::{self, BufRead, Write};

use anyhow::Context;
use clap::Args;
use kstack::ResolveOptions;
use kstack::model::{Address, Arch, Frame, FrameKind, Process, Report, Side, Stack, Thread};
use kstack::render::{self, RenderOptions};
use kstack::symbols::{Request, Role, SymbolSet};

use super::images::TextOrJson;
use crate::args::{OutputArgs, Placed, number};
use crate::exit::Exit;
use crate::{input, output};

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

    /// What to print; json prints one line for each address
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: TextOrJson,

    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Lookup) -> anyhow::Result<Exit> {
    let options = ResolveOptions {
        arch: args.arch,
        as_linked: true,
        ..ResolveOptions::default()
    };
    let symbols = SymbolSet::open(&[Request {
        role: Role::Kext,
        path: args.file.path.clone(),
        placed: args.file.place.clone(),
    }]);
    input::complain_about(&symbols);
    let trace = kstack::resolve(report(args)?, &symbols, &options);
    for file in &trace.unused {
        anyhow::ensure!(!file.reason.is_mistake(), "{}: {}", file.path, file.why);
    }
    let render_options = RenderOptions {
        color: output::color(&args.output),
        raw_names: args.output.raw_names,
        ..RenderOptions::default()
    };
    let mut out = output::open(&args.output)?;
    let write = match args.format {
        TextOrJson::Text => render::lookup::write_text,
        TextOrJson::Json => render::lookup::write_json,
    };
    write(&trace, &render_options, &mut out)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// The addresses as one stack, so that they are resolved and shown as those of a report are.
fn report(args: &Lookup) -> anyhow::Result<Report> {
    let kind = match args.return_addresses {
        true => FrameKind::ReturnAddress,
        false => FrameKind::InstructionPointer,
    };
    let frames = addresses(args)?
        .into_iter()
        .map(|address| Frame::new(address, kind));
    let thread = Thread {
        stacks: vec![Stack::new(Side::Kernel, frames.collect())],
        ..Thread::default()
    };
    Ok(Report {
        processes: vec![Process {
            threads: vec![thread],
            ..Process::default()
        }],
        ..Report::default()
    })
}

fn addresses(args: &Lookup) -> anyhow::Result<Vec<Address>> {
    let mut addresses = Vec::new();
    let from_stdin = args.addresses.is_empty() || args.addresses.iter().any(|word| word == "-");
    if from_stdin {
        for (line, index) in io::stdin().lock().lines().zip(1..) {
            let line = line.context("reading standard input")?;
            for word in line.split_whitespace() {
                let address = number(word)
                    .map_err(|why| anyhow::anyhow!("standard input, line {index}: {why}"))?;
                addresses.push(Address(address));
            }
        }
    }
    for word in args.addresses.iter().filter(|word| *word != "-") {
        addresses.push(Address(number(word).map_err(anyhow::Error::msg)?));
    }
    Ok(addresses)
}
