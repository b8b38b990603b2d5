//! `cargo xtask bless`: rewrites the goldens of the samples, and the runs in the book, with what kstack prints now.

use std::path::Path;

use anyhow::Result;

use crate::tool::{run, tool};

/// Lets the tests that compare the goldens and the pages of the book write them.
pub(crate) fn rewrite(root: &Path) -> Result<()> {
    for (file, test) in [
        ("samples", "every_sample_prints"),
        ("book", "every_shown_run"),
    ] {
        let mut cargo = tool(env!("CARGO"));
        cargo.current_dir(root).env("KSTACK_BLESS", "1");
        run(cargo
            .args(["test", "--quiet", "--package", "kstack-cli"])
            .args(["--test", file, test]))?;
    }
    Ok(())
}
