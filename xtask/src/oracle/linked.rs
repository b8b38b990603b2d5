//! What `kstack link` writes, read by llvm-symbolizer, beside kstack's answers out of the original.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::compare::{Verdict, judge};
use super::{answer, ask, draw, llvm, subjects};
use crate::tool::{run_quietly, tool};

/// Where the kext is linked to.
const AT: u64 = 0xffff_ff7f_80f0_0000;
/// Addresses.
const EACH: usize = 4000;

/// Links a kext of the samples and compares.
pub(super) fn compare(root: &Path, work: &Path, kstack: &Path) -> Result<()> {
    let kext = root.join("samples/zpool-hang/zfs.kext");
    let folder = work.join("linked");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut link = tool(kstack);
    link.arg("link")
        .arg(&kext)
        .args(["--at", &format!("{AT:#x}")]);
    run_quietly(link.arg("-o").arg(&folder))?;
    let name = "net.lundman.zfs.sym";
    let dwarf = folder
        .join(format!("{name}.dSYM/Contents/Resources/DWARF"))
        .join(name);

    let linked = draw(
        &subjects::code_of(&kext.join("Contents/MacOS/zfs"))?,
        EACH,
        1,
    );
    let moved: Vec<u64> = linked.iter().map(|address| address + AT).collect();
    let mut lookup = tool(kstack);
    lookup
        .arg("lookup")
        .arg(&kext)
        .args(["-", "--format", "json", "--no-cache"]);
    let ours = answer::of_kstack(&ask(&mut lookup, &linked)?)?;
    let theirs = answer::of_llvm(&ask(&mut llvm(&dwarf), &moved)?)?;
    let mut same = 0;
    for (linked, moved) in linked.iter().zip(&moved) {
        let (ours, theirs) = ours
            .get(linked)
            .zip(theirs.get(moved))
            .with_context(|| format!("no answer for {linked:#x}"))?;
        ensure!(
            judge(ours, theirs) != Verdict::Unexplained,
            "{linked:#x}, linked at {moved:#x}\n  kstack {ours:?}\n  llvm   {theirs:?}"
        );
        same += 1;
    }
    println!(
        "{same} addresses of a kext that `kstack link` moved, beside llvm-symbolizer: no unexplained difference"
    );
    Ok(())
}
