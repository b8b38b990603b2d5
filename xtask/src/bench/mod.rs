//! `cargo xtask bench`: speed and memory of whole processes, beside those of other programs.

mod data;
mod growth;
mod lookups;
mod process;
mod programs;
pub(crate) mod source;
mod system;
mod text;
mod whole;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use crate::tool;

/// A table of docs/performance.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// Addresses of a kernel, beside other programs.
    Lookups,
    /// Reports, from bytes to the last line.
    Whole,
    /// How the time grows.
    Growth,
}

/// Builds kstack, makes the data, and prints one table or all.
pub(crate) fn run(
    root: &Path,
    only: Option<Table>,
    most: usize,
    own: Option<PathBuf>,
) -> Result<()> {
    let data = data::make(root)?;
    let kstack = match own {
        Some(kstack) => kstack,
        None => build(root)?,
    };
    let wanted = |table| only.is_none_or(|only| only == table);
    if wanted(Table::Lookups) {
        lookups::compare(root, &kstack, &data, most)?;
    }
    if wanted(Table::Whole) {
        whole::print(&kstack, &data)?;
    }
    if wanted(Table::Growth) {
        growth::print(&kstack, &data)?;
    }
    Ok(())
}

fn build(root: &Path) -> Result<PathBuf> {
    let mut cargo = tool::tool("cargo");
    cargo.args(["build", "--release", "--quiet", "--package", "kstack-cli"]);
    tool::run(cargo.current_dir(root))?;
    Ok(root.join("target/release/kstack"))
}

/// Makes the data, or what of it is missing.
pub(crate) fn make_data(root: &Path) -> Result<()> {
    let data = data::make(root)?;
    println!("{}", data.folder.display());
    for name in ["kernel", "kext00"] {
        let image = data.image(name)?;
        println!(
            "{}: code from {:#x}, {} KB",
            image.dsym.display(),
            image.start,
            image.size / 1000
        );
    }
    Ok(())
}
