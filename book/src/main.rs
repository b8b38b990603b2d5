//! Builds the book: `docs/` as pages, into `target/book`.

use std::path::Path;

use anyhow::{Context as _, Result};
use mdbook_driver::MDBook;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = root.parent().context("the book lies in the repository")?.join("docs");
    let book = MDBook::load(&docs)
        .map_err(|why| why.context(format!("cannot read {}", docs.join("SUMMARY.md").display())))?;
    book.build()
}
