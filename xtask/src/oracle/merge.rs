//! Three images with their segments apart, in one process: kstack's answers beside those of lldb.
//!
//! lldb is driven by the script that `kstack lldb` writes, so that is tried, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kstack::model::{
    Address, Frame, FrameKind, ImageKind, LoadedImage, Placement, Report, Side, Stack, Thread,
    ThreadState, Uuid,
};
use kstack::resolve::{Resolution, SpaceId};
use kstack::symbols::{Named, Request, Role, SymbolSet};
use kstack::{ResolveOptions, Trace};

use super::answer::{Answer, Function};
use super::draw;
use super::subjects::Subject;
use crate::macho::{LC_UUID, MachO, Segment};

/// Addresses of each image.
const EACH: usize = 800;
/// Where the first segment lies.
const LOWEST: u64 = 0xffff_ff7f_8000_0000;
/// From one segment to the next: no two of an image keep their distance.
const APART: u64 = 0x0123_4000;

/// What came of it.
#[derive(Debug)]
pub(super) struct Merged {
    /// Addresses with a function, and how many functions they had together.
    pub(super) named: usize,
    pub(super) functions: usize,
    /// Addresses at which neither knows a function.
    pub(super) unnamed: usize,
    /// Addresses whose outermost name lldb writes in another way, which is understood.
    pub(super) other_name: usize,
    /// In words.
    pub(super) different: Vec<String>,
}

/// Asks both. `None` where there is no lldb.
pub(super) fn compare(work: &Path, subjects: &[&Subject]) -> Result<Option<Merged>> {
    if Command::new("lldb-19").arg("--version").output().is_err() {
        return Ok(None);
    }
    let mut images = Vec::new();
    let mut requests = Vec::new();
    let mut addresses = Vec::new();
    let mut next = LOWEST;
    for (seed, subject) in (1..).zip(subjects) {
        let file = MachO::parse(fs::read(&subject.image)?)?;
        let (image, slides) = placed(&subject.name, &file, &mut next)?;
        for linked in draw(&subject.code, EACH, seed) {
            let slide = slides.iter().find(|(segment, _)| {
                (segment.address..segment.address + segment.size).contains(&linked)
            });
            let (_, slide) = slide.context("code in no segment")?;
            addresses.push(Address(linked.wrapping_add(*slide)));
        }
        images.push(image);
        for (role, path) in [(Role::Kext, &subject.image), (Role::Dsym, &subject.dwarf)] {
            requests.push(Request {
                role,
                path: path.clone(),
                placed: None,
            });
        }
    }
    let symbols = SymbolSet::open(&requests);
    let trace = kstack::resolve(
        report(images, &addresses),
        &symbols,
        &ResolveOptions::default(),
    );
    let theirs = lldb(work, &trace, &symbols, &addresses)?;
    judge(&trace, &addresses, &theirs).map(Some)
}

type Slides = Vec<(Segment, u64)>;

/// An image each of whose segments lies somewhere else, and by how much each is moved.
fn placed(name: &str, file: &MachO, next: &mut u64) -> Result<(LoadedImage, Slides)> {
    let uuid = file.command(LC_UUID).context("no UUID")?;
    let uuid = Uuid::from_slice(uuid.get(8..24).context("half a UUID")?)?;
    let mut image = LoadedImage {
        name: Some(name.to_owned()),
        uuid: Some(uuid),
        ..LoadedImage::new(ImageKind::Kext)
    };
    let mut slides = Vec::new();
    for segment in file.segments()? {
        if segment.size == 0 || segment.name == "__LINKEDIT" {
            continue;
        }
        image.placements.push(Placement::SegmentAt {
            segment: segment.name.clone(),
            address: Address(*next),
        });
        let slide = next.wrapping_sub(segment.address);
        *next += APART;
        slides.push((segment, slide));
    }
    Ok((image, slides))
}

/// A running thread, so that addresses drawn by lot are not held against the images.
fn report(images: Vec<LoadedImage>, addresses: &[Address]) -> Report {
    const TH_RUN: u32 = 4;
    let frames = addresses
        .iter()
        .map(|at| Frame::new(*at, FrameKind::InstructionPointer));
    let thread = Thread {
        state: Some(ThreadState(TH_RUN)),
        ..Thread::with_stack(Stack::new(Side::Kernel, frames.collect()))
    };
    let mut report = Report::of_threads(vec![thread]);
    report.kernel.images = images;
    report
}

fn lldb(
    work: &Path,
    trace: &Trace,
    symbols: &SymbolSet,
    addresses: &[Address],
) -> Result<BTreeMap<u64, Answer>> {
    let mut script = Vec::new();
    kstack::debugger::write_lldb(trace, symbols, &mut script)?;
    for address in addresses {
        script.extend(format!("image lookup -v -a {address}\n").bytes());
    }
    let path = work.join("merge.lldb");
    fs::write(&path, script)?;
    let mut lldb = Command::new("lldb-19");
    let output = lldb
        .args(["--no-lldbinit", "--batch", "--source"])
        .arg(&path)
        .output()?;
    ensure!(output.status.success(), "lldb failed ({})", output.status);
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = printed.lines().find(|line| line.starts_with("error:"));
    ensure!(errors.is_none(), "lldb did not take the script: {errors:?}");
    let mut answers = BTreeMap::new();
    for piece in printed.split("(lldb) image lookup -v -a ").skip(1) {
        let (address, answer) = piece.split_once('\n').context("no answer")?;
        let address = u64::from_str_radix(address.trim().trim_start_matches("0x"), 16)?;
        answers.insert(address, of_lldb(answer));
    }
    Ok(answers)
}

/// Reads what `image lookup -v` prints of one address: names from the function and its blocks, outermost first; places
/// from the summary, innermost first.
fn of_lldb(printed: &str) -> Answer {
    let mut names = Vec::new();
    let mut places = Vec::new();
    let mut is_summary = false;
    for line in printed.lines() {
        let trimmed = line.trim_start();
        if let Some(first) = trimmed.strip_prefix("Summary: ") {
            is_summary = true;
            places.push(place(first));
        } else if trimmed.starts_with("Module:") {
            is_summary = false;
        } else if is_summary {
            places.push(place(trimmed));
        } else if trimmed.starts_with("Function:") || trimmed.starts_with("id = {") {
            names.extend(name(trimmed));
        }
    }
    let functions = names.into_iter().rev().zip(places);
    functions
        .map(|(name, (file, line))| Function {
            name,
            file,
            line,
            column: 0,
        })
        .collect()
}

/// The name of a function or block as the file has it; `None` for a block that is no function.
fn name(line: &str) -> Option<String> {
    let mangled = line.split_once("mangled = ").map(|(_, rest)| {
        let rest = rest.trim_start_matches('"');
        rest.split(['"', ',']).next().unwrap_or_default()
    });
    let plain = || line.split_once("name = \"")?.1.split('"').next();
    mangled.or_else(plain).map(str::to_owned)
}

/// File and line behind the last ` at `; none is no file and line 0.
fn place(line: &str) -> (String, u64) {
    let Some((_, place)) = line.rsplit_once(" at ") else {
        return (String::new(), 0);
    };
    let mut parts = place.split(':');
    let file = parts.next().unwrap_or_default().to_owned();
    let line = parts.next().and_then(|line| line.parse().ok());
    (file, line.unwrap_or(0))
}

fn judge(trace: &Trace, addresses: &[Address], theirs: &BTreeMap<u64, Answer>) -> Result<Merged> {
    let mut merged = Merged {
        named: 0,
        functions: 0,
        unnamed: 0,
        other_name: 0,
        different: Vec::new(),
    };
    for address in addresses {
        let frame = Frame::new(*address, FrameKind::InstructionPointer);
        let ours = match trace.resolution(SpaceId::Kernel, &frame) {
            Resolution::Named { named, .. } => of_kstack(named),
            _ => Answer::new(),
        };
        let theirs = theirs
            .get(&address.0)
            .with_context(|| format!("lldb says nothing of {address}"))?;
        if has_other_name(&ours, theirs) {
            merged.other_name += 1;
        } else if ours != *theirs {
            merged
                .different
                .push(format!("{address}\n  kstack {ours:?}\n  lldb   {theirs:?}"));
        } else if ours.is_empty() {
            merged.unnamed += 1;
        } else {
            merged.named += 1;
            merged.functions += ours.len();
        }
    }
    Ok(merged)
}

/// Whether nothing differs but the outermost name, and that in one of two ways.
///
/// A function with an assembler label has in DWARF the symbol table's spelling; lldb keeps its underscore, kstack and
/// llvm-symbolizer do not. Of a C++ function with C linkage DWARF has no mangled name; lldb writes its scope and parameters.
fn has_other_name(ours: &Answer, theirs: &Answer) -> bool {
    let mut theirs = theirs.clone();
    let Some((own, outermost)) = ours.last().zip(theirs.last_mut()) else {
        return false;
    };
    let other = &outermost.name;
    let is_label = other.strip_prefix('_') == Some(&own.name);
    let without_parameters = other.split('(').next().unwrap_or_default();
    let scope = without_parameters.strip_suffix(&own.name);
    let is_scoped = other.contains('(') && scope.is_some_and(|scope| scope.ends_with("::"));
    outermost.name.clone_from(&own.name);
    (is_label || is_scoped) && *ours == theirs
}

/// Our answer as lldb puts it: the name of a file without its folder.
fn of_kstack(named: &Named) -> Answer {
    let last = named.frames.len().saturating_sub(1);
    let functions = named.frames.iter().enumerate().map(|(index, frame)| {
        let own = frame.raw.as_ref().or(frame.function.as_ref());
        let name = match index == last {
            true => Some(&named.raw),
            false => own,
        };
        let file = frame.file.as_deref().unwrap_or_default();
        // The line of another instruction: this one has none, and lldb says so.
        let line = frame.line.filter(|_| !frame.nearby);
        Function {
            name: name.map_or(String::new(), ToString::to_string),
            file: file.rsplit('/').next().unwrap_or_default().to_owned(),
            line: line.map_or(0, u64::from),
            column: 0,
        }
    });
    functions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_blocks_and_places_from_the_summary() {
        let printed = r#"
      Address: q[0x03a5] (q.__TEXT.__text + 21)
      Summary: q`outer(int) + 21 [inlined] inner(int) + 2 at queue.cpp:32:3
               q`outer(int) + 6 at queue.cpp
       Module: file = "q", arch = "x86_64"
     Function: id = {0x0000083b}, name = "outer(int)", mangled = "_Z5outeri", range = [0x390-0x3e9)
       Blocks: id = {0x0000083b}, range = [0x390-0x3e9)
               id = {0x000008c9}, range = [0x396-0x3e7), name = "inner", decl = queue.cpp:30, mangled = _Z5inneri
               id = {0x000008f2}, range = [0x396-0x3e7)
       Symbol: id = {0x09}, range = [0x390-0x3f0), name="outer(int)", mangled="_Z5outeri"
"#;
        let function = |name: &str, line| Function {
            name: name.to_owned(),
            file: "queue.cpp".to_owned(),
            line,
            column: 0,
        };
        let expected = [function("_Z5inneri", 32), function("_Z5outeri", 0)];
        assert_eq!(of_lldb(printed), expected);
    }

    #[test]
    fn only_a_name_that_lldb_is_known_to_write_otherwise_is_explained() {
        let answer = |name: &str, line| {
            vec![Function {
                name: name.to_owned(),
                line,
                ..Function::default()
            }]
        };
        let ours = answer("sum", 3);
        assert!(has_other_name(&ours, &answer("_sum", 3)));
        assert!(has_other_name(&ours, &answer("::sum(int)", 3)));
        assert!(!has_other_name(&ours, &answer("::total_sum(int)", 3)));
        assert!(!has_other_name(&ours, &answer("total", 3)));
        assert!(!has_other_name(&ours, &answer("_sum", 4)));
    }
}
