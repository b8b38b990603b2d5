//! The project's own chores.
#![expect(clippy::print_stdout, reason = "a chore tells what it did")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "the files made here are far smaller than 4 GiB"
)]

mod bless;
mod book;
mod browser;
mod ci;
mod evidence;
mod fuzz;
mod macho;
mod man;
mod oracle;
mod samples;
mod tool;

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Parser;

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Run what every change has to pass: format, lints, docs, tests, the book.
    Ci,
    /// Rewrite the goldens of the samples and the runs in the book with what kstack prints now.
    Bless,
    /// Build the book from docs/.
    Book,
    /// Use the pages that kstack writes in Chromium, and take screenshots (needs chromium).
    Browser,
    /// Write the manual pages to target/man/man1.
    Man,
    /// Rebuild the sample files from their sources (needs clang, lld and llvm 19).
    Samples,
    /// Compare kstack with llvm-symbolizer (needs clang, lld and llvm 19).
    Oracle,
    /// Measure how far the evidence of the code goes (needs clang, lld and llvm 19).
    Evidence {
        /// Reports for each image and number of frames.
        #[arg(long, default_value_t = 50)]
        draws: usize,
        /// Only so many of the images, the smallest first.
        #[arg(long, default_value_t = 24)]
        images: usize,
        /// Only the target of this name, such as arm64-split.
        #[arg(long)]
        target: Option<String>,
        /// Draw other reports: docs/evidence.md has those of 0, and nothing was tuned on them.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Also print each report that did not come out as it should.
        #[arg(long)]
        explain: bool,
    },
    /// Feed any bytes to every parser and loader (needs cargo-fuzz and a C++ compiler).
    Fuzz {
        /// How long each target runs.
        seconds: u64,
        /// A target: the name of a format, or parse, dump, join, annotate, zlog, zones, symbols, bundle,
        /// cache, trace;
        /// all when left out.
        target: Option<String>,
    },
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the workspace")?;
    match Chore::parse() {
        Chore::Ci => ci::check(root),
        Chore::Bless => bless::rewrite(root),
        Chore::Book => book::build(root),
        Chore::Browser => browser::check(root),
        Chore::Man => man::write(root),
        Chore::Samples => samples::build(root),
        Chore::Oracle => oracle::compare_all(root),
        Chore::Evidence {
            draws,
            images,
            target,
            seed,
            explain,
        } => {
            let sample = evidence::Sample {
                draws,
                seed,
                explain,
            };
            evidence::measure(root, sample, images, target.as_deref())
        }
        Chore::Fuzz { seconds, target } => fuzz::run_all(root, seconds, target.as_deref()),
    }
}
