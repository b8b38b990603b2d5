//! The project's own chores.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the files made here are far smaller than 4 GiB"
)]

mod macho;
mod samples;
mod tool;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is in the workspace");
    samples::run(root)
}
