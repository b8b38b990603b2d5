//! `cargo xtask ci`: what every change has to pass.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::book;
use crate::browser;
use crate::tool::{run, tool};

/// The command that the README gives for the tests. The goldens of the samples are among them.
const TEST: [&str; 2] = ["test", "--workspace"];

/// Runs everything, cheapest first, and stops at the first failure.
pub(crate) fn check(root: &Path) -> Result<()> {
    let cargo = || {
        let mut cargo = tool(env!("CARGO"));
        cargo.current_dir(root);
        cargo
    };
    let readme = fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    let promised = format!("cargo {}", TEST.join(" "));
    ensure!(
        readme.contains(&promised),
        "README.md does not give `{promised}`, the command run here"
    );

    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    run(cargo()
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings"))?;
    run(cargo().args(TEST))?;
    book::build(root)?;
    browser::check_if_possible(root)
}
