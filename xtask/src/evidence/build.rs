//! Sources to kext-like images.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rayon::prelude::*;

use super::source::{SourceFile, Subject, files};
use crate::tool::{run_quietly, tool};

/// What an image is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// Placed on pages of 4 KiB.
    X86,
    /// Placed on pages of 16 KiB.
    Arm,
    /// With its code in a segment of its own, which a kernel collection places anywhere.
    ArmSplit,
}

impl Target {
    pub(super) const ALL: [Target; 3] = [Target::X86, Target::Arm, Target::ArmSplit];

    fn arch(self) -> &'static str {
        match self {
            Target::X86 => "x86_64",
            Target::Arm | Target::ArmSplit => "arm64",
        }
    }

    fn triple(self) -> &'static str {
        match self {
            Target::X86 => "x86_64-apple-macos10.9",
            Target::Arm | Target::ArmSplit => "arm64-apple-macos11",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Target::X86 => "10.9",
            Target::Arm | Target::ArmSplit => "11.0",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Target::X86 => "x86_64",
            Target::Arm => "arm64",
            Target::ArmSplit => "arm64-split",
        }
    }
}

/// The two builds of a subject, linked; built once and kept.
pub(super) fn linked(subject: Subject, target: Target, out: &Path) -> Result<[PathBuf; 2]> {
    let one = |build| image(subject, target, build, out);
    Ok([one(0)?, one(1)?])
}

fn image(subject: Subject, target: Target, build: usize, out: &Path) -> Result<PathBuf> {
    let name = format!("subject{}-{build}", subject.number);
    let linked = out.join(format!("{name}.{}", target.name()));
    if linked.exists() {
        return Ok(linked);
    }
    let folder = out.join(format!("{name}.{}.d", target.name()));
    fs::create_dir_all(&folder)?;
    let objects: Vec<PathBuf> = files(subject, build)
        .par_iter()
        .map(|file| compile(file, target, &folder))
        .collect::<Result<_>>()?;
    let mut link = tool("ld64.lld-19");
    link.args([
        "-arch",
        target.arch(),
        "-bundle",
        "-undefined",
        "dynamic_lookup",
    ])
    .args([
        "-platform_version",
        "macos",
        target.version(),
        target.version(),
    ])
    .args(["-no_fixup_chains", "-no_uuid", "-headerpad", "1000"]);
    if target == Target::ArmSplit {
        link.args([
            "-rename_section",
            "__TEXT",
            "__text",
            "__TEXT_EXEC",
            "__text",
        ]);
        link.args([
            "-rename_section",
            "__TEXT",
            "__stubs",
            "__TEXT_EXEC",
            "__stubs",
        ]);
    }
    run_quietly(link.args(&objects).arg("-o").arg(&linked))?;
    fs::remove_dir_all(&folder)?;
    Ok(linked)
}

fn compile((name, text): &SourceFile, target: Target, folder: &Path) -> Result<PathBuf> {
    let source = folder.join(name);
    fs::write(&source, text).with_context(|| format!("while writing {}", source.display()))?;
    let object = source.with_extension("o");
    let mut compiler = tool("clang-19");
    compiler
        .args(["-target", target.triple(), "-mkernel", "-O2", "-w", "-c"])
        .args([
            "-fno-builtin",
            "-ffreestanding",
            "-nostdlibinc",
            "-fno-omit-frame-pointer",
        ]);
    if name.ends_with(".cpp") {
        compiler.args(["-nostdinc++", "-fno-exceptions", "-fno-rtti", "-std=c++17"]);
    }
    run_quietly(compiler.arg(&source).arg("-o").arg(&object))?;
    Ok(object)
}
