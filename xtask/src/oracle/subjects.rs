//! What the two are asked about: kext-like images that clang builds from `xtask/oracle/`, and the sample kexts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::macho::{MH_KEXT_BUNDLE, MachO};
use crate::tool::{run_quietly, tool};

/// An image with DWARF.
#[derive(Debug)]
pub(crate) struct Subject {
    /// For a person: `c x86_64 O2 DWARF 4`.
    pub(crate) name: String,
    /// What kstack is given.
    pub(crate) path: PathBuf,
    /// The DWARF file, which llvm-symbolizer is given.
    pub(crate) dwarf: PathBuf,
    /// The linked addresses of its code, without the filler between the functions of the samples.
    pub(crate) code: Vec<u64>,
}

/// What lies between the functions of the samples.
const INT3: u8 = 0xcc;

const LANGUAGES: [(&str, &str, &str); 2] = [
    ("c", "clang-19", "table.c"),
    ("c++", "clang++-19", "queue.cpp"),
];
const VERSIONS: [u32; 3] = [2, 4, 5];
const LEVELS: [&str; 2] = ["O0", "O2"];

struct Machine {
    name: &'static str,
    target: &'static str,
    minimum: &'static str,
    /// ld64.lld writes the one of plain arm64 for arm64e.
    subtype: u32,
}

const MACHINES: [Machine; 3] = [
    Machine {
        name: "x86_64",
        target: "x86_64-apple-macos10.9",
        minimum: "10.9",
        subtype: 3,
    },
    Machine {
        name: "arm64",
        target: "arm64-apple-macos11",
        minimum: "11.0",
        subtype: 0,
    },
    Machine {
        name: "arm64e",
        target: "arm64e-apple-macos11",
        minimum: "11.0",
        subtype: 0xc000_0002,
    },
];

/// Builds all subjects below `work`.
pub(crate) fn build(root: &Path, work: &Path) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for language in LANGUAGES {
        for machine in &MACHINES {
            for level in LEVELS {
                for version in VERSIONS {
                    let name = format!("{} {} {level} DWARF {version}", language.0, machine.name);
                    let subject = compiled(root, work, &name, language, machine, level, version);
                    subjects.push(subject.with_context(|| format!("while building {name}"))?);
                }
            }
        }
    }
    for name in ["spl", "zfs"] {
        let kext = root.join(format!("samples/zpool-hang/{name}.kext"));
        let dwarf = kext
            .with_extension("kext.dSYM")
            .join("Contents/Resources/DWARF")
            .join(name);
        let code = code_of(&kext.join("Contents/MacOS").join(name))?;
        subjects.push(Subject {
            name: format!("samples/zpool-hang/{name}.kext"),
            path: kext,
            dwarf,
            code,
        });
    }
    Ok(subjects)
}

fn compiled(
    root: &Path,
    work: &Path,
    name: &str,
    (language, compiler, source): (&str, &str, &str),
    machine: &Machine,
    level: &str,
    version: u32,
) -> Result<Subject> {
    let folder = work.join(name.replace(' ', "-"));
    fs::create_dir_all(&folder)?;
    let (object, image) = (folder.join("subject.o"), folder.join("subject"));

    let mut clang = tool(compiler);
    clang.args([
        "-target",
        machine.target,
        "-mkernel",
        "-ffreestanding",
        "-fno-builtin",
        "-nostdlibinc",
        "-c",
    ]);
    clang.args([
        "-w",
        "-g",
        &format!("-gdwarf-{version}"),
        &format!("-{level}"),
    ]);
    if language == "c++" {
        clang.args(["-std=c++17", "-nostdinc++", "-fno-exceptions", "-fno-rtti"]);
        if machine.name == "x86_64" {
            clang.arg("-fapple-kext");
        }
    }
    run_quietly(
        clang
            .arg(root.join("xtask/oracle").join(source))
            .arg("-o")
            .arg(&object),
    )?;

    let mut ld = tool("ld64.lld-19");
    ld.args([
        "-arch",
        machine.name,
        "-platform_version",
        "macos",
        machine.minimum,
        machine.minimum,
    ]);
    ld.args([
        "-undefined",
        "dynamic_lookup",
        "-no_fixup_chains",
        "-bundle",
    ]);
    run_quietly(ld.arg("-o").arg(&image).arg(&object))?;

    let mut kext = MachO::parse(fs::read(&image)?)?;
    kext.file_type = MH_KEXT_BUNDLE;
    kext.cpu.1 = machine.subtype;
    fs::write(&image, kext.into_bytes()?)?;
    let dsym = folder.join("subject.dSYM");
    run_quietly(tool("dsymutil-19").arg(&image).arg("-o").arg(&dsym))?;
    Ok(Subject {
        name: name.to_owned(),
        dwarf: dsym.join("Contents/Resources/DWARF/subject"),
        path: dsym,
        code: code_of(&image)?,
    })
}

fn code_of(image: &Path) -> Result<Vec<u64>> {
    let file = MachO::parse(fs::read(image)?)?;
    let segments = file.segments()?;
    let mut sections = segments.iter().flat_map(|segment| &segment.sections);
    let text = sections
        .find(|section| section.name == "__text")
        .context("no __text")?;
    let bytes = &file.bytes[text.offset..][..text.size as usize];
    let addresses = (text.address..).zip(bytes);
    Ok(addresses
        .filter(|(_, byte)| **byte != INT3)
        .map(|(address, _)| address)
        .collect())
}
