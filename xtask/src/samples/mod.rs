//! `cargo xtask samples`: rebuilds the sample files from their sources.

mod code;
mod compile;
mod kernel;
mod kext;
mod layout;
mod place;
mod strip;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use self::code::Code;
use self::compile::{EXECUTABLE_BASE, Kind};
use self::layout::{Image, KERNEL, SPL, ZFS};
use crate::macho::MachO;

/// Rebuilds all samples. Two runs write the same bytes.
pub(crate) fn run(root: &Path) -> Result<()> {
    let samples = root.join("samples");
    let hang = samples.join("zpool-hang");
    let work = root.join("target/xtask/samples");

    let kernel = link(&KERNEL, Kind::Executable, &hang, &work)?;
    let spl = link(&SPL, Kind::Bundle, &hang, &work)?;
    let zfs = link(&ZFS, Kind::Bundle, &hang, &work)?;
    let _ = (kernel, spl, zfs);
    Ok(())
}

/// Builds one image and writes what ships of it; answers what is where in it.
fn link(image: &Image, kind: Kind, folder: &Path, work: &Path) -> Result<Code> {
    let work = work.join(image.name);
    let linked = compile::link(image, kind, &folder.join("src"), &work)?;
    let file = MachO::parse(fs::read(&linked)?)?;
    let base = if kind == Kind::Executable { EXECUTABLE_BASE } else { 0 };
    let code = Code::read(&file, base, image.load_address)?;
    code.check(image).with_context(|| format!("while checking {}", image.name))?;
    match kind {
        Kind::Bundle => kext::write(image, &linked, folder, &work)?,
        Kind::Executable => kernel::write(image, &file, &code, &folder.join("mach_kernel"))?,
    }
    Ok(code)
}
