//! Reads what the user named, and says what could not be read.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use kstack::model::{Note, Report};
use kstack::parse::{FORMATS, Format, Limits, join, parse, parse_as};
use kstack::symbols::{Request, Role, SymbolSet};

use crate::args::{InputArgs, SymbolArgs};
use crate::exit::InputError;
use crate::{output, places, progress};

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("reading standard input")?;
        return Ok(bytes);
    }
    if path.is_dir() {
        let why = format!("{}: a folder; pass the report file in it", path.display());
        return Err(InputError(why).into());
    }
    fs::read(path).map_err(|error| InputError(format!("{}: {error}", path.display())).into())
}

/// Every trace in a file, with the listings joined to it.
pub(crate) fn reports(path: &Path, args: &InputArgs) -> anyhow::Result<Vec<Report>> {
    let mut reports = read(path, args.input_format.as_deref())?;
    for listing_path in &args.kextstat {
        for listing in read(listing_path, Some("kextstat"))? {
            for report in &mut reports {
                if let Err(mismatch) = join(report, &listing) {
                    let why = format!("{} is not used: {mismatch}", listing_path.display());
                    report.notes.push(Note::new(why));
                }
            }
        }
    }
    Ok(reports)
}

fn read(path: &Path, format: Option<&str>) -> anyhow::Result<Vec<Report>> {
    let bytes = bytes(path)?;
    let limits = Limits::default();
    let reports = match format {
        Some(name) => parse_as(named(name)?, &bytes, &limits),
        None => parse(&bytes, &limits),
    };
    reports.map_err(|error| {
        let mut why = format!("{}: {error}", path.display());
        if error.is_unrecognised() {
            why.push_str("\nkstack reads:");
            for format in FORMATS {
                why.push_str(&format!("\n  {:18} {}", format.name, format.about));
            }
            why.push_str("\nIf it is one of these, say which with --input-format.");
        }
        InputError(why).into()
    })
}

fn named(name: &str) -> anyhow::Result<&'static Format> {
    let format = FORMATS.iter().find(|format| format.name == name);
    format.with_context(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        format!("--input-format \"{name}\" is none of {}", names.join(", "))
    })
}

/// Every symbol file named. Those that cannot be used are among its errors.
///
/// The index and the usual places of a Mac fill what the named files leave.
pub(crate) fn symbols<'a>(
    args: &SymbolArgs,
    reports: impl IntoIterator<Item = &'a Report>,
) -> SymbolSet {
    let placed = |role, files: &[crate::args::Placed]| {
        let requests = files.iter().map(move |file| Request {
            role,
            path: file.path.clone(),
            placed: file.place.clone(),
        });
        requests.collect::<Vec<_>>()
    };
    let bare = |role, paths: &[std::path::PathBuf]| {
        let requests = paths.iter().map(move |path| Request {
            role,
            path: path.clone(),
            placed: None,
        });
        requests.collect::<Vec<_>>()
    };
    let mut requests = placed(Role::Kernel, &args.kernel);
    requests.extend(placed(Role::Kext, &args.kext));
    requests.extend(bare(Role::Dsym, &args.dsym));
    requests.extend(bare(Role::Found, &args.symbols));
    if !args.no_search {
        requests.extend(bare(Role::Found, &places::indexed(reports)));
        requests.extend(bare(Role::Found, &places::usual()));
    }
    let reading = progress::start("reading symbol files");
    let symbols = SymbolSet::open(&requests);
    drop(reading);
    symbols
}

/// Says which symbol files could not be used, beside the answer that has them too.
pub(crate) fn complain_about(symbols: &SymbolSet) {
    for error in symbols.errors() {
        output::complain(&error.to_string());
    }
}
