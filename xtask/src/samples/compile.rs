//! C to a linked Mach-O image: clang, our placement, ld64.lld.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::layout::Image;
use super::place::place;
use crate::tool::{run_quietly, tool};

const TARGET: &str = "x86_64-apple-macos10.8";

/// What the linker makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bundle, linked at zero, that may import.
    Bundle,
    /// An executable, linked at [`EXECUTABLE_BASE`].
    Executable,
}

/// Where an executable is linked: ld64.lld takes no address above 2^63.
pub(crate) const EXECUTABLE_BASE: u64 = 0x1_0000_0000;

/// Compiles, places and links an image whose sources are below `sources`. Object files go to `work`.
pub(crate) fn link(image: &Image, kind: Kind, sources: &Path, work: &Path) -> Result<PathBuf> {
    fs::create_dir_all(work)?;
    let mut objects = Vec::new();
    for (index, unit) in image.units.iter().enumerate() {
        let stem = unit.source.replace('/', "_");
        let assembly = work.join(format!("{stem}.s"));
        let object = work.join(format!("{stem}.o"));
        compile(
            &sources.join(image.name).join(unit.source),
            sources,
            &assembly,
        )?;
        let placed = place(&fs::read_to_string(&assembly)?, image, index)
            .with_context(|| format!("while placing {}", unit.source))?;
        fs::write(&assembly, placed)?;
        run_quietly(
            tool("clang-19")
                .args(["-target", TARGET, "-c"])
                .arg(&assembly)
                .arg("-o")
                .arg(&object),
        )?;
        objects.push(object);
    }
    let linked = work.join(image.name);
    let mut ld = tool("ld64.lld-19");
    ld.args([
        "-arch",
        "x86_64",
        "-platform_version",
        "macos",
        "10.8",
        "10.8",
    ]);
    ld.args([
        "-headerpad",
        "400",
        "-undefined",
        "dynamic_lookup",
        "-no_fixup_chains",
    ]);
    match kind {
        Kind::Bundle => ld.arg("-bundle"),
        Kind::Executable => ld.args([
            "-execute",
            "-pagezero_size",
            &format!("{EXECUTABLE_BASE:x}"),
            "-e",
            "_hndl_unix_scall64",
        ]),
    };
    run_quietly(ld.arg("-o").arg(&linked).args(&objects))?;
    Ok(linked)
}

fn compile(source: &Path, sources: &Path, assembly: &Path) -> Result<()> {
    let here = sources.canonicalize()?;
    let mut clang = tool("clang-19");
    clang.current_dir(&here);
    clang.args([
        "-target",
        TARGET,
        "-mkernel",
        "-ffreestanding",
        "-fno-builtin",
        "-nostdlibinc",
    ]);
    clang.args([
        "-O2",
        "-g",
        "-gdwarf-4",
        "-fno-omit-frame-pointer",
        "-fno-vectorize",
        "-fno-slp-vectorize",
    ]);
    // A tail call would leave no frame.
    clang.args([
        "-fno-optimize-sibling-calls",
        "-fno-unroll-loops",
        "-Wall",
        "-Werror",
    ]);
    clang.arg(format!(
        "-ffile-prefix-map={}=/Users/builder",
        here.display()
    ));
    clang
        .arg("-I")
        .arg(here.join("include"))
        .arg("-I")
        .arg(here.join("kernel"));
    clang
        .arg("-S")
        .arg(source.canonicalize()?)
        .arg("-o")
        .arg(assembly);
    run_quietly(&mut clang)
}
