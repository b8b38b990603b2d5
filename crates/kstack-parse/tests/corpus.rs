//! Real artefacts from public places, read and counted.
//!
//! They are other people's and are not part of the project: the folder that
//! holds them is named by `KSTACK_CORPUS`. What is part of it are the counts,
//! one table per family, each made by reading the file.

#[path = "corpus/kextstat.rs"]
mod kextstat;
#[path = "corpus/panic.rs"]
mod panic;

use std::path::{Path, PathBuf};

use kstack_model::Report;
use kstack_parse::{Limits, parse};

/// What a person counts in one file.
struct Expected {
    /// Folder and file below the corpus.
    file: &'static str,
    /// One row per report in it, in the order of the reports.
    reports: &'static [Counts],
}

/// What a person counts in one report.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    format: &'static str,
    /// Frames of all stacks together.
    frames: usize,
    /// Images of the kernel's space.
    images: usize,
    /// Slides stated for the kernel.
    slides: usize,
    /// Threads of all processes together.
    threads: usize,
}

const fn counted(
    format: &'static str,
    frames: usize,
    images: usize,
    slides: usize,
    threads: usize,
) -> Counts {
    Counts {
        format,
        frames,
        images,
        slides,
        threads,
    }
}

const TABLES: &[&[Expected]] = &[kextstat::TABLE, panic::TABLE];

#[test]
fn every_file_gives_what_a_person_counts_in_it() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for expected in TABLES.iter().copied().flatten() {
        let reports = read(&corpus, expected.file);
        let found: Vec<Counts> = reports.iter().map(counts).collect();
        if found != expected.reports {
            wrong.push(format!("{}: found {found:#?}", expected.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The folder of real artefacts; `None`, with a word about it, where there is none.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("KSTACK_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: KSTACK_CORPUS does not name a folder of real artefacts");
    }
    folder
}

fn read(corpus: &Path, file: &str) -> Vec<Report> {
    let path = corpus.join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    parse(&bytes, &Limits::default()).unwrap_or_else(|why| panic!("{file}: {why}"))
}

fn counts(report: &Report) -> Counts {
    let threads = || report.processes.iter().flat_map(|process| &process.threads);
    let stacks = threads().flat_map(|thread| &thread.stacks);
    Counts {
        format: report.format,
        frames: stacks.map(|stack| stack.frames.len()).sum(),
        images: report.kernel.images.len(),
        slides: report.kernel.slides.len(),
        threads: threads().count(),
    }
}
