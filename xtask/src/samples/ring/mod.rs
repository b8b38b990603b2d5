//! `org.example.ring`, a small kext, and the samples about it: `never-returns`, `dsym-elsewhere`,
//! `fat-kext`, `wrong-build` and `kernel-collection`.

mod collection;
mod kit;
mod panics;

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_synth::macho::fat;

use self::kit::{Built, Plan, Target};
use super::kext::write_bundle;
use super::strip::strip;

const IDENTIFIER: &str = "org.example.ring";

/// What the vendor's installer leaves of the symbols.
const KEPT: &[&str] = &["ring_start", "ring_stop"];

const INTEL_UUID: [u8; 16] = *b"\x8d\x20\x71\x5e\x3b\x0c\x4a\x95\xa1\x4f\x64\x86\x00\x00\x00\x01";
const ARM_UUID: [u8; 16] = *b"\x8d\x20\x71\x5e\x3b\x0c\x4a\x95\xa1\x4f\xa6\x4e\x00\x00\x00\x02";

const LATER_UUID: [u8; 16] = *b"\x8d\x20\x71\x5e\x3b\x0c\x4a\x95\xa1\x4f\x64\x86\x00\x00\x00\x03";

/// Writes the samples about the ring.
pub(crate) fn write(samples: &Path, work: &Path) -> Result<()> {
    let sources = samples.join("never-returns/src");
    let build = |target, uuid, define| {
        let plan = Plan {
            name: "ring",
            source: &sources.join("ring.c"),
            headers: &sources,
            target,
            uuid,
            define,
        };
        Built::new(&plan, work)
    };
    let intel = build(Target::X86_64, INTEL_UUID, None)?;
    let arm = build(Target::Arm64e, ARM_UUID, None)?;
    let later = build(Target::X86_64, LATER_UUID, Some("COUNT_STARTS"))?;
    write_never_returns(&intel, &samples.join("never-returns"))?;
    write_dsym_elsewhere(&intel, &samples.join("dsym-elsewhere"))?;
    write_fat(&intel, &arm, &samples.join("fat-kext"), work)?;
    write_wrong_build(&intel, &later, &samples.join("wrong-build"))?;
    collection::write(&arm, &sources, &samples.join("kernel-collection"), work)
}

/// The kext as its developer has it: all symbols, the dSYM beside it.
fn write_never_returns(ring: &Built, folder: &Path) -> Result<()> {
    let mut kext = ring.file.clone();
    strip(
        &mut kext,
        &[
            "ring_drain",
            "ring_overflow",
            "ring_pop",
            "ring_push",
            "ring_receive",
            "ring_start",
            "ring_stop",
        ],
    )?;
    write_bundle("ring", IDENTIFIER, &kext.into_bytes()?, folder)?;
    ring.write_dsym(&folder.join("ring.kext.dSYM"))?;
    fs::write(folder.join("panic.log"), panics::intel(&ring.code, true)?)?;
    Ok(())
}

/// The kext as it is shipped; the dSYM is where the build server keeps it, under another name.
fn write_dsym_elsewhere(ring: &Built, folder: &Path) -> Result<()> {
    let mut kext = ring.file.clone();
    strip(&mut kext, KEPT)?;
    write_bundle("ring", IDENTIFIER, &kext.into_bytes()?, folder)?;
    let archive = folder.join("archive/1.0-build-41");
    fs::create_dir_all(&archive)?;
    ring.write_dsym(&archive.join("symbols.dSYM"))?;
    fs::write(folder.join("panic.log"), panics::intel(&ring.code, false)?)?;
    Ok(())
}

/// One kext for two kinds of Macs, and a panic of each.
fn write_fat(intel: &Built, arm: &Built, folder: &Path, work: &Path) -> Result<()> {
    let stripped = |ring: &Built| {
        let mut kext = ring.file.clone();
        strip(&mut kext, KEPT)?;
        kext.into_bytes()
    };
    write_bundle(
        "ring",
        IDENTIFIER,
        &fat(&[stripped(intel)?, stripped(arm)?]),
        folder,
    )?;
    let inner = |ring: &Built, name: &str| -> Result<Vec<u8>> {
        let dsym = work.join(name);
        ring.write_dsym(&dsym)?;
        Ok(fs::read(dsym.join("Contents/Resources/DWARF/ring"))?)
    };
    let slices = [inner(intel, "intel.dSYM")?, inner(arm, "arm.dSYM")?];
    let dsym = folder.join("ring.kext.dSYM/Contents");
    fs::create_dir_all(dsym.join("Resources/DWARF"))?;
    fs::write(dsym.join("Resources/DWARF/ring"), fat(&slices))?;
    fs::copy(
        work.join("intel.dSYM/Contents/Info.plist"),
        dsym.join("Info.plist"),
    )?;
    fs::write(
        folder.join("intel.panic"),
        panics::intel(&intel.code, false)?,
    )?;
    fs::write(folder.join("arm.panic"), panics::arm(arm)?)?;
    Ok(())
}

/// Two builds, and a panic of the second one that tells no UUID.
fn write_wrong_build(first: &Built, second: &Built, folder: &Path) -> Result<()> {
    for (ring, version) in [(first, "1.0"), (second, "1.1")] {
        let mut kext = ring.file.clone();
        strip(&mut kext, KEPT)?;
        let build = folder.join(version);
        write_bundle("ring", IDENTIFIER, &kext.into_bytes()?, &build)?;
        ring.write_dsym(&build.join("ring.kext.dSYM"))?;
    }
    fs::write(
        folder.join("panic.log"),
        panics::without_uuid(&second.code)?,
    )?;
    Ok(())
}
