//! The project's own chores.
#![expect(clippy::print_stdout, reason = "a chore tells what it did")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "the files made here are far smaller than 4 GiB"
)]

mod evidence;
mod tool;

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Parser;

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
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
    },
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the workspace")?;
    match Chore::parse() {
        Chore::Evidence {
            draws,
            images,
            target,
        } => evidence::measure(root, draws, images, target.as_deref()),
    }
}
