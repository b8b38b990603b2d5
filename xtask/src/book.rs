//! `cargo xtask book`: the pages of `docs/` as a book, in `target/book`.

use std::path::Path;

use anyhow::Result;

use crate::tool::{run, tool};

/// Builds the book. The first time takes two minutes, for the program that makes it.
pub(crate) fn build(root: &Path) -> Result<()> {
    let mut cargo = tool(env!("CARGO"));
    cargo.current_dir(root);
    run(cargo
        .args(["run", "--quiet", "--locked"])
        .args(["--manifest-path", "book/Cargo.toml"])
        .args(["--target-dir", "target/book-tool"]))?;
    println!("the book is in target/book/index.html");
    Ok(())
}
