//! `cargo xtask man`: the manual pages, from what the program can be told.

use std::path::Path;

use anyhow::Result;

use crate::tool::{run, tool};

/// Writes `kstack.1` and a page for each command to `target/man/man1`.
pub(crate) fn write(root: &Path) -> Result<()> {
    let folder = root.join("target/man/man1");
    let mut cargo = tool(env!("CARGO"));
    cargo.current_dir(root);
    run(cargo
        .args(["run", "--quiet", "--package", "kstack-cli", "--", "manual"])
        .arg(&folder))?;
    println!(
        "manual pages in {}; read one with: man {}",
        folder.display(),
        folder.join("kstack.1").display()
    );
    Ok(())
}
