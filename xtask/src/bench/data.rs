//! The data of the benches: one image of kernel size, and small ones beside it.
//!
//! A hundred and twenty files are compiled; the others are these once more with names of the same length exchanged
//! in the object file, which linker and dsymutil take for what it is: other functions of other files.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;

use super::source;
use crate::macho::MachO;
use crate::tool::{run_quietly, tool};

/// Files that are compiled.
const FILES: usize = 120;
/// How often each goes into the kernel.
const COPIES: usize = 10;
/// Small images, and compiled files in each.
pub(crate) const KEXTS: usize = 20;
const FILES_IN_KEXT: usize = 6;

/// Long enough for header and load commands.
const HEAD: u64 = 1 << 16;

/// Where everything lies.
#[derive(Debug)]
pub(crate) struct Data {
    /// `target/bench-data`.
    pub(crate) folder: PathBuf,
}

/// What is known of an image.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// `….dSYM`, for kstack.
    pub(crate) dsym: PathBuf,
    /// The file in it, for everybody else.
    pub(crate) dwarf: PathBuf,
    /// Where its header is linked.
    pub(crate) base: u64,
    /// Where its code begins, as linked.
    pub(crate) start: u64,
    /// How long it is.
    pub(crate) size: u64,
}

/// Makes what is not there yet.
pub(crate) fn make(root: &Path) -> Result<Data> {
    let folder = root.join("target/bench-data");
    let objects = folder.join("objects");
    fs::create_dir_all(&objects)?;
    let data = Data { folder };
    let compiled: Vec<PathBuf> = (0..FILES)
        .into_par_iter()
        .map(|file| compile(&objects, file))
        .collect::<Result<_>>()?;
    for (number, files) in compiled.chunks(FILES_IN_KEXT).enumerate() {
        link(&data.path(&format!("kext{number:02}")), files)?;
    }
    for doubling in DOUBLINGS {
        link(
            &data.path(&format!("part{doubling}")),
            &compiled[..FILES / doubling],
        )?;
    }
    if !data.path("kernel.dSYM").exists() {
        let copies = copies(&objects, &compiled)?;
        link(&data.path("kernel"), &copies)?;
        for copy in copies {
            fs::remove_file(copy)?;
        }
    }
    Ok(data)
}

/// What part of the compiled files goes into the images whose sizes double.
pub(crate) const DOUBLINGS: [usize; 4] = [8, 4, 2, 1];

impl Data {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What lies where in an image.
    pub(crate) fn image(&self, name: &str) -> Result<Image> {
        // What we hold in memory counts for each program that we start, until it is the larger.
        let mut head = Vec::new();
        let linked = fs::File::open(self.path(name))?;
        linked.take(HEAD).read_to_end(&mut head)?;
        let segments = MachO::parse(head)?.segments()?;
        let base = segments.first().map_or(0, |segment| segment.address);
        let mut sections = segments.iter().flat_map(|segment| &segment.sections);
        let text = sections
            .find(|section| section.name == "__text")
            .context("no __text")?;
        let dsym = self.path(&format!("{name}.dSYM"));
        Ok(Image {
            dwarf: dsym.join("Contents/Resources/DWARF").join(name),
            dsym,
            base,
            start: text.address,
            size: text.size,
        })
    }
}

fn compile(folder: &Path, file: usize) -> Result<PathBuf> {
    let (text, object) = (
        folder.join(format!("{}file{file:03}.c", source::prefix(0))),
        folder.join(format!("{file:03}.o")),
    );
    if object.exists() {
        return Ok(object);
    }
    fs::write(&text, source::text(file))?;
    let mut clang = tool("clang-19");
    clang
        .args(["-target", "x86_64-apple-macos10.9", "-mkernel", "-O2"])
        .args(["-g", "-gdwarf-4", "-ffreestanding", "-nostdlibinc", "-c"]);
    run_quietly(clang.arg(&text).arg("-o").arg(&object))?;
    Ok(object)
}

/// The object files of the kernel.
fn copies(folder: &Path, compiled: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let from = source::prefix(0);
    let mut copies = Vec::new();
    for copy in 0..COPIES {
        let to = source::prefix(copy);
        ensure!(from.len() == to.len(), "names of one length");
        for (number, object) in compiled.iter().enumerate() {
            let path = folder.join(format!("copy{copy}-{number:03}.o"));
            let mut bytes = fs::read(object)?;
            exchange(&mut bytes, from.as_bytes(), to.as_bytes());
            fs::write(&path, bytes)?;
            copies.push(path);
        }
    }
    Ok(copies)
}

/// Exchanges each `from` by `to`, which is as long.
fn exchange(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let mut at = 0;
    while at + from.len() <= bytes.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..][..to.len()].copy_from_slice(to);
            at += from.len();
        } else {
            at += 1;
        }
    }
}

fn link(image: &Path, objects: &[PathBuf]) -> Result<()> {
    let dsym = image.with_extension("dSYM");
    if dsym.exists() {
        return Ok(());
    }
    let mut ld = tool("ld64.lld-19");
    ld.args(["-arch", "x86_64", "-bundle", "-no_fixup_chains"])
        .args(["-platform_version", "macos", "10.9", "10.9"])
        .args(["-undefined", "dynamic_lookup"]);
    run_quietly(ld.args(objects).arg("-o").arg(image))?;
    // An interrupted run must not leave half of one under its name.
    let unfinished = image.with_extension("unfinished");
    run_quietly(tool("dsymutil-19").arg(image).arg("-o").arg(&unfinished))?;
    Ok(fs::rename(&unfinished, &dsym)?)
}
