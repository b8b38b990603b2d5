//! Reads what the user named, and says what could not be read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use kstack::model::{Basis, Note, Report, Slide, SlideOf};
use kstack::parse::{FORMATS, Format, Limits, join, parse, parse_as};
use kstack::resolve::{Trace, UnusedFile};
use kstack::symbols::{CacheUse, Request, Role, SymbolSet, SymbolSource};

use crate::args::{InputArgs, ListingArgs, SymbolArgs};
use crate::exit::InputError;
use crate::stats::Stats;
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

/// A file to be read as it comes, or standard input for `-`.
pub(crate) fn stream(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    if path.is_dir() {
        let why = format!("{}: a folder; pass a text file in it", path.display());
        return Err(InputError(why).into());
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(InputError(format!("{}: {error}", path.display())).into()),
    }
}

/// The traces of a file, and the listings beside it that are to be joined with each.
///
/// What they name together tells which symbol files are wanted; those in turn can tell the slide
/// by which a listing joins.
pub(crate) struct Unjoined {
    reports: Vec<Report>,
    /// With the file each is from.
    listings: Vec<(PathBuf, Report)>,
}

/// Reads a report and the listings beside it.
pub(crate) fn read_all(path: &Path, args: &InputArgs) -> anyhow::Result<Unjoined> {
    let reports = read(path, args.input_format.as_deref())?;
    beside(reports, &args.listings)
}

/// Some reports with the slide and the listings that are given beside them.
pub(crate) fn beside(mut reports: Vec<Report>, args: &ListingArgs) -> anyhow::Result<Unjoined> {
    if let Some(slide) = args.kernel_slide {
        for report in &mut reports {
            state_slide(report, Slide(slide));
        }
    }
    let listings = listings(args)?;
    Ok(Unjoined { reports, listings })
}

/// Every trace of some files, the listings joined, and the symbol files that are named or fit.
///
/// What all of them name tells which symbol files are wanted, and those can tell the slide by
/// which a listing joins: so nothing is joined before everything is read.
pub(crate) fn traces<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    args: &InputArgs,
    symbols: &SymbolArgs,
    stats: &mut Stats,
) -> anyhow::Result<(Vec<Report>, SymbolSet)> {
    let (traces, symbols) = named_traces(paths, args, symbols, stats)?;
    let traces = traces.into_iter().map(|(_, report)| report);
    Ok((traces.collect(), symbols))
}

/// The same, each trace with what to call it: its file, and which of several in that file it is.
pub(crate) fn named_traces<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    args: &InputArgs,
    symbols: &SymbolArgs,
    stats: &mut Stats,
) -> anyhow::Result<(Vec<(String, Report)>, SymbolSet)> {
    let mut inputs = Vec::new();
    for path in paths {
        inputs.push((path, read_all(path, args)?));
    }
    stats.stage("read the reports");
    let options = symbols.options();
    let reports = inputs.iter().flat_map(|(_, input)| input.reports());
    let symbols = self::symbols(symbols, reports);
    stats.stage("open symbol files");
    let slide = |report: &_| kstack::kernel_slide(report, &symbols, &options);
    let mut traces = Vec::new();
    for (path, input) in inputs {
        let joined = input.join(slide);
        let of = joined.len();
        for (report, number) in joined.into_iter().zip(1..) {
            traces.push((name(path, number, of), report));
        }
    }
    Ok((traces, symbols))
}

fn name(path: &Path, number: usize, of: usize) -> String {
    let file = match path.file_name() {
        Some(name) if path != Path::new("-") => name.to_string_lossy().into_owned(),
        _ => "standard input".to_owned(),
    };
    match of {
        1 => file,
        _ => format!("{file}, trace {number}"),
    }
}

/// The images that the listings tell of, without a report.
pub(crate) fn listings_alone(args: &InputArgs) -> anyhow::Result<Unjoined> {
    let listings = listings(&args.listings)?;
    let mut images = Report::default();
    let mut filled = listings
        .iter()
        .filter(|(_, listing)| !listing.kernel.images.is_empty());
    if let Some((_, listing)) = filled.next().or(listings.last()) {
        images.kernel.basis = listing.kernel.basis;
    }
    Ok(Unjoined {
        reports: vec![images],
        listings,
    })
}

fn listings(args: &ListingArgs) -> anyhow::Result<Vec<(PathBuf, Report)>> {
    let mut listings = Vec::new();
    for path in &args.kextstat {
        let read = read(path, Some("kextstat"))?;
        listings.extend(read.into_iter().map(|listing| (path.clone(), listing)));
    }
    Ok(listings)
}

impl Unjoined {
    /// All that was read: reports and listings.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        let listings = self.listings.iter().map(|(_, listing)| listing);
        self.reports.iter().chain(listings)
    }

    /// The traces with the listings joined to them.
    ///
    /// A listing can want the kernel's slide, and where nothing states it, `slide` is asked for the
    /// one that the code of the kernel shows.
    pub(crate) fn join(self, slide: impl Fn(&Report) -> Option<Slide>) -> Vec<Report> {
        let mut reports = self.reports;
        for (path, listing) in &self.listings {
            for report in &mut reports {
                let Err(mismatch) = join(report, listing) else {
                    continue;
                };
                if let Some(slide) = slide(report) {
                    report.kernel.slides.push((SlideOf::Kernel, slide));
                    report.notes.push(Note::new(format!(
                        "the kernel's slide {slide} is not stated but inferred: the only one at which the code of the kernel fits the stacks"
                    )));
                    if join(report, listing).is_ok() {
                        continue;
                    }
                }
                let why = format!("{} is not used: {mismatch}", path.display());
                report.notes.push(Note::new(why));
            }
        }
        reports
    }
}

/// Takes the slide that the user gives. What the report states itself stays behind it.
fn state_slide(report: &mut Report, given: Slide) {
    let kernel = &mut report.kernel;
    let mut stated = kernel
        .slides
        .iter()
        .filter(|(of, _)| *of == SlideOf::Kernel);
    let other = stated
        .find(|(_, slide)| *slide != given)
        .map(|(_, slide)| *slide);
    kernel.slides.insert(0, (SlideOf::Kernel, given));
    if let Some(other) = other {
        report.notes.push(Note::new(format!(
            "the kernel's slide {given} is given by hand; the report states {other}"
        )));
    }
    if kernel.basis == Basis::Unknown {
        kernel.basis = Basis::Slid;
        report.notes.push(Note::new(
            "the report does not tell whether its addresses have the kernel's slide; they are taken to have the given one",
        ));
    }
}

fn read(path: &Path, format: Option<&str>) -> anyhow::Result<Vec<Report>> {
    let bytes = bytes(path)?;
    let _reading = progress::start(&format!("reading {}", path.display()));
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
    let bare = |role, paths: &[PathBuf]| {
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
    let mut symbols = SymbolSet::open(&requests);
    drop(reading);
    keep_answers(&mut symbols, args.no_cache);
    symbols
}

/// Lets the symbol files use and keep answers between runs.
pub(crate) fn keep_answers(symbols: &mut SymbolSet, no_cache: bool) {
    if let Some(cache) = places::cache().filter(|_| !no_cache) {
        symbols.keep_in(cache);
    }
}

/// Says what was wrong with symbol files, and keeps the answers of the others: when all is printed.
pub(crate) fn finish(symbols: &SymbolSet) -> CacheUse {
    complain_about(symbols);
    save_answers(symbols)
}

/// Keeps the answers of this run, or says why not.
pub(crate) fn save_answers(symbols: &SymbolSet) -> CacheUse {
    let done = symbols.save_answers();
    for remark in &done.remarks {
        output::complain(remark);
    }
    done
}

/// Says which of the named symbol files changed under the answers, where no trace has a note of it.
pub(crate) fn complain_about_rewritten(symbols: &SymbolSet) {
    let named = symbols.files().iter();
    let named = named.filter(|file| file.role != Role::Found);
    let changed = named.flat_map(|file| &file.slices);
    let changed: BTreeSet<String> = changed.flat_map(SymbolSource::rewritten).collect();
    for path in changed {
        output::complain(&format!(
            "{path}: changed while it was read, so names from it may be wrong; run again when it is written"
        ));
    }
}

/// Says what a reader should know about the files, where no trace has their remarks: missing object files, an empty dSYM.
pub(crate) fn complain_of_remarks(symbols: &SymbolSet) {
    let slices = symbols.files().iter().flat_map(|file| &file.slices);
    for remark in slices.flat_map(SymbolSource::remarks) {
        output::complain(remark);
    }
}

/// Says which named files speak for no image, where the output has no place for it.
pub(crate) fn complain_of_unused<'a>(files: impl IntoIterator<Item = &'a UnusedFile>) {
    for file in files {
        output::complain(&format!("{}: {}", file.path, file.why));
    }
}

/// Says what a picture has no place for: notes of the trace, and files that speak for no image in it.
pub(crate) fn complain_of(trace: &Trace) {
    complain_of_unused(&trace.unused);
    complain_of_notes(trace.report.notes.iter().chain(&trace.notes));
}

/// Says the first notes, and how many more there are.
pub(crate) fn complain_of_notes<'a>(notes: impl Iterator<Item = &'a Note>) {
    const MOST: usize = 20;
    let mut more = 0;
    for (position, note) in notes.enumerate() {
        match position {
            0..MOST => output::complain(&note.to_string()),
            _ => more += 1,
        }
    }
    if more > 0 {
        output::complain(&format!("{more} more notes; kstack images has them all"));
    }
}

/// Says which symbol files could not be used, beside the answer that has them too.
pub(crate) fn complain_about(symbols: &SymbolSet) {
    for error in symbols.errors() {
        output::complain(&error.to_string());
    }
}
