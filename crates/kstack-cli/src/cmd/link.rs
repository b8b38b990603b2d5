//! `kstack link`: a kext at its load address, as `kextutil -s` made it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use kstack::model::{Address, Arch};
use kstack::symbols::{Request, Role, StatedPlace, SymbolSet, SymbolSource, link};

use crate::args::number;
use crate::exit::Exit;
use crate::{input, output};

/// Link a kext at its load address, for debuggers and other symbolizers.
///
/// Writes BUNDLE-IDENTIFIER.sym, the kext with segments and symbols moved, and, where a dSYM is found,
/// BUNDLE-IDENTIFIER.sym.dSYM with every address in it moved.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  kstack link zfs.kext --at 0xffffff7f80f00000 -o syms
  kstack link zfs.kext --dsym build/zfs.kext.dSYM --at 0xffffff7f80f00000
  kstack link zfs.kext --at __TEXT=0xfffffe0007200000 --at __TEXT_EXEC=0xfffffe0008400000")]
pub(crate) struct Link {
    /// The kext: bundle or executable
    #[arg(value_name = "KEXT")]
    kext: PathBuf,

    /// Where its Mach-O header was loaded; or where one segment was, for each segment that was laid out apart
    #[arg(long, value_name = "[SEGMENT=]ADDRESS", required = true, value_parser = place)]
    at: Vec<StatedPlace>,

    /// Its dSYM; one beside the kext is found by itself
    #[arg(long, value_name = "PATH")]
    dsym: Vec<PathBuf>,

    /// The slice to use of a fat file
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,

    /// The folder to write into; it is made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    #[arg(visible_alias = "directory", visible_short_alias = 'd')]
    output: PathBuf,
}

fn place(text: &str) -> Result<StatedPlace, String> {
    let (segment, address) = match text.split_once('=') {
        Some((segment, address)) => (Some(segment.to_owned()), address),
        None => (None, text),
    };
    Ok(StatedPlace {
        segment,
        address: Address(number(address)?),
    })
}

pub(crate) fn run(args: &Link) -> anyhow::Result<Exit> {
    let request = |role, path: &PathBuf| Request {
        role,
        path: path.clone(),
        placed: None,
    };
    let mut requests = vec![request(Role::Kext, &args.kext)];
    requests.extend(args.dsym.iter().map(|dsym| request(Role::Dsym, dsym)));
    let symbols = SymbolSet::open(&requests);
    input::complain_about(&symbols);
    let source = choose(args, &symbols)?;
    let linked = link(source, &args.at).map_err(|why| anyhow::anyhow!("{why}"))?;
    if !linked.left.is_empty() {
        output::complain(&format!(
            "{} stay where they are linked; place them with --at SEGMENT=ADDRESS",
            linked.left.join(", ")
        ));
    }
    let name = &source.identity().name;
    let file = format!("{name}.sym");
    let bundle = args.output.join(format!("{file}.dSYM"));
    let mut out = io::stdout().lock();
    if let Some(binary) = &linked.binary {
        let path = args.output.join(&file);
        write(&path, binary)?;
        writeln!(out, "{}", path.display())?;
    }
    if let Some(dsym) = &linked.dsym {
        write(&bundle.join("Contents/Resources/DWARF").join(&file), dsym)?;
        writeln!(out, "{}", bundle.display())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The one image that is meant.
fn choose<'a>(args: &Link, symbols: &'a SymbolSet) -> anyhow::Result<&'a SymbolSource> {
    let sources = symbols.files().iter().flat_map(|file| &file.slices);
    let fitting: Vec<&SymbolSource> = sources
        .filter(|source| args.arch.is_none_or(|arch| source.identity().arch == arch))
        .collect();
    match fitting.as_slice() {
        [one] => Ok(*one),
        [] => bail!("{}: no image to link", args.kext.display()),
        [..] => {
            let archs: Vec<String> = fitting
                .iter()
                .map(|source| format!("{} {}", source.identity().name, source.identity().arch))
                .collect();
            bail!(
                "{}: several images, pass --arch to choose: {}",
                args.kext.display(),
                archs.join(", ")
            )
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}
