//! `cargo xtask bench`: speed and memory of whole processes, beside those of other programs.

mod data;
mod source;

use std::path::Path;

use anyhow::Result;

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
