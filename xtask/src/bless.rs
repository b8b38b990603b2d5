//! `cargo xtask bless`: rewrites the goldens of the samples with what kstack prints now.

use std::path::Path;

use anyhow::Result;

use crate::tool::{run, tool};

/// Lets the test that compares the goldens write them.
pub(crate) fn rewrite(root: &Path) -> Result<()> {
    let mut cargo = tool(env!("CARGO"));
    cargo.current_dir(root).env("KSTACK_BLESS", "1");
    run(cargo
        .args([
            "test",
            "--quiet",
            "--package",
            "kstack-cli",
            "--test",
            "samples",
        ])
        .arg("every_sample_prints"))
}
