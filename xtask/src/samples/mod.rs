//! `cargo xtask samples`: rebuilds the sample files from their sources.

mod code;
mod compile;
mod hang;
mod invent;
mod iozone;
mod kcdata;
mod kernel;
mod kext;
mod kextstat;
mod layout;
mod leak;
mod lost_wakeup;
mod panic_pair;
mod place;
mod ring;
mod snow_leopard;
mod stacks;
mod strip;
mod symstacks;
mod yosemite;
mod zpool_hang;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use self::code::Code;
use self::compile::{EXECUTABLE_BASE, Kind};
use self::layout::{Image, KERNEL, SPL, ZFS};
use self::stacks::Machine;
use crate::macho::MachO;

/// Rebuilds all samples. Two runs write the same bytes.
pub(crate) fn build(root: &Path) -> Result<()> {
    let samples = root.join("samples");
    let hang = samples.join("zpool-hang");
    let work = root.join("target/xtask/samples");

    let machine = Machine {
        kernel: link(&KERNEL, Kind::Executable, &hang, &work)?,
        spl: link(&SPL, Kind::Bundle, &hang, &work)?,
        zfs: link(&ZFS, Kind::Bundle, &hang, &work)?,
    };
    zpool_hang::write(&machine, &hang)?;
    zpool_hang::write_pasted(&machine, &samples.join("no-addresses"))?;
    yosemite::write(&machine, &samples.join("g7-yosemite"))?;
    lost_wakeup::write(&machine, &samples.join("lost-wakeup"))?;
    panic_pair::write(&machine, &samples.join("panic-pair"))?;
    leak::write(&machine, &samples.join("zone-leak"))?;
    kcdata::write_deadlock(&machine, &samples.join("kcdata-deadlock"))?;
    ring::write(&samples, &work.join("ring"))?;
    kcdata::write_microstackshot(&samples.join("microstackshot"))?;
    iozone::write(&root.join("docs/playbook/iozone"))?;
    snow_leopard::write(&samples.join("g2-snow-leopard"))?;
    write_truncated(&hang, &samples.join("truncated"))
}

/// Writes `samples/truncated`: the stackshot of the hang, cut in the kernel stack of zpool.
fn write_truncated(hang: &Path, folder: &Path) -> Result<()> {
    let mut bytes = fs::read(hang.join("stackshot.log"))?;
    let wait_event = 0xffff_ff80_0660_8a6c_u64.to_le_bytes();
    let thread = bytes
        .windows(8)
        .position(|window| window == wait_event)
        .context("no thread of zpool")?;
    // Nine frames and a half: the rest of the record, 65 - 12 bytes, then 16 bytes per frame.
    bytes.truncate(thread + 53 + 9 * 16 + 8);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("stackshot.log"), bytes)?;
    Ok(())
}

/// Builds one image and writes what ships of it; answers what is where in it.
fn link(image: &Image, kind: Kind, folder: &Path, work: &Path) -> Result<Code> {
    let work = work.join(image.name);
    let linked = compile::link(image, kind, &folder.join("src"), &work)?;
    let file = MachO::parse(fs::read(&linked)?)?;
    let base = if kind == Kind::Executable {
        EXECUTABLE_BASE
    } else {
        0
    };
    let code = Code::read(&file, base, image)?;
    code.check(image)
        .with_context(|| format!("while checking {}", image.name))?;
    match kind {
        Kind::Bundle => kext::write(image, &linked, folder, &work)?,
        Kind::Executable => kernel::write(image, &file, &code, &folder.join("mach_kernel"))?,
    }
    Ok(code)
}
