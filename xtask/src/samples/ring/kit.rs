//! C to a kext, without chosen places: clang, ld64.lld, dsymutil.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::macho::MachO;
use crate::samples::code::Code;
use crate::samples::kext::{X86_64_ALL, unstripped, write_dsym};
use crate::samples::layout::Image;
use crate::tool::{run_quietly, tool};

/// An architecture to compile for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Intel, with all code in `__TEXT`.
    X86_64,
    /// Apple silicon, with code in `__TEXT_EXEC`.
    Arm64e,
}

impl Target {
    fn arch(self) -> &'static str {
        match self {
            Target::X86_64 => "x86_64",
            Target::Arm64e => "arm64e",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Target::X86_64 => "10.14",
            Target::Arm64e => "11.0",
        }
    }

    fn subtype(self) -> u32 {
        match self {
            Target::X86_64 => X86_64_ALL,
            // Two capability bits: the pointer authentication ABI is versioned.
            Target::Arm64e => 0xc000_0002,
        }
    }
}

/// A kext that is linked at zero, with all its symbols and its debug map.
#[derive(Debug)]
pub(super) struct Built {
    /// The file.
    pub(super) file: MachO,
    /// What is where in it.
    pub(super) code: Code,
    path: PathBuf,
}

/// What is built from one C file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    /// Name of the executable.
    pub(super) name: &'static str,
    /// The C file.
    pub(super) source: &'a Path,
    /// A folder of headers.
    pub(super) headers: &'a Path,
    /// Architecture.
    pub(super) target: Target,
    /// The UUID it gets.
    pub(super) uuid: [u8; 16],
    /// A macro that is defined.
    pub(super) define: Option<&'static str>,
}

impl Built {
    /// Compiles and links; intermediate files go to `work`.
    pub(super) fn new(plan: &Plan<'_>, work: &Path) -> Result<Built> {
        let variant = plan.define.unwrap_or("plain");
        let work = work.join(plan.name).join(plan.target.arch()).join(variant);
        fs::create_dir_all(&work)?;
        let object = work.join("unit.o");
        compile(plan, &object)?;
        let linked = work.join("linked");
        link(plan.target, &object, &linked)?;
        let file = unstripped(&linked, plan.target.subtype(), plan.uuid)?;
        // dsymutil names what it makes after the file it is given.
        let path = work.join(plan.name);
        fs::write(&path, file.clone().into_bytes()?)?;
        let image = Image {
            name: plan.name,
            identifier: "",
            load_address: 0,
            uuid: plan.uuid,
            units: &[],
            code_end: 0,
            kept: &[],
        };
        let code = Code::read(&file, 0, &image)?;
        Ok(Built { file, code, path })
    }

    /// Writes the dSYM bundle at `dsym`.
    pub(super) fn write_dsym(&self, dsym: &Path) -> Result<()> {
        write_dsym(&self.path, dsym)
    }

    /// Where a segment is linked.
    pub(super) fn segment(&self, name: &str) -> Result<u64> {
        let segments = self.file.segments()?;
        let segment = segments.iter().find(|segment| segment.name == name);
        Ok(segment.with_context(|| format!("no {name}"))?.address)
    }
}

fn compile(plan: &Plan<'_>, object: &Path) -> Result<()> {
    let source = plan.source.canonicalize()?;
    let folder = source.parent().context("a source in no folder")?;
    let mut clang = tool("clang-19");
    clang.args([
        "-target",
        &format!(
            "{}-apple-macos{}",
            plan.target.arch(),
            plan.target.version()
        ),
        "-mkernel",
        "-ffreestanding",
        "-fno-builtin",
        "-nostdlibinc",
    ]);
    // -Os puts no filler between functions of x86-64, as many kexts are built.
    clang.args([
        "-Os",
        "-g",
        "-gdwarf-4",
        "-fno-omit-frame-pointer",
        "-mno-omit-leaf-frame-pointer",
        "-fno-optimize-sibling-calls",
        "-Wall",
        "-Werror",
    ]);
    clang
        .arg(format!(
            "-ffile-prefix-map={}=/Users/builder",
            folder.display()
        ))
        .arg("-I")
        .arg(plan.headers.canonicalize()?);
    let headers = plan.headers.canonicalize()?;
    clang.arg(format!(
        "-ffile-prefix-map={}=/Users/builder",
        headers.display()
    ));
    clang.current_dir(folder);
    clang.args(plan.define.map(|name| format!("-D{name}")));
    run_quietly(clang.arg("-c").arg(&source).arg("-o").arg(object))
}

fn link(target: Target, object: &Path, linked: &Path) -> Result<()> {
    let mut ld = tool("ld64.lld-19");
    ld.args(["-arch", target.arch(), "-platform_version", "macos"]);
    ld.args([target.version(), target.version(), "-bundle"]);
    ld.args(["-headerpad", "400", "-no_fixup_chains"]);
    if target == Target::Arm64e {
        ld.args([
            "-rename_section",
            "__TEXT",
            "__text",
            "__TEXT_EXEC",
            "__text",
        ]);
    }
    run_quietly(ld.arg("-o").arg(linked).arg(object))
}
