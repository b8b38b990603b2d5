//! What the two are asked about: kext-like images that clang builds from `xtask/oracle/`, and the sample kexts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use rayon::prelude::*;

use crate::bench::source;
use crate::macho::{MH_KEXT_BUNDLE, MachO};
use crate::tool::{run_quietly, tool};

/// An image with DWARF.
#[derive(Debug)]
pub(crate) struct Subject {
    /// For a person: `c x86_64 O2 DWARF 4`.
    pub(crate) name: String,
    /// What kstack is given.
    pub(crate) path: PathBuf,
    /// The binary.
    pub(crate) image: PathBuf,
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

static MACHINES: [Machine; 3] = [
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

/// Of several files each, with the sources of the benches: C with helpers inlined two deep.
const LARGE: [(&str, &str, u32); 6] = [
    ("x86_64", "O2", 4),
    ("x86_64", "Os", 5),
    ("x86_64", "O0", 4),
    ("arm64", "O2", 4),
    ("arm64", "O1", 5),
    ("arm64e", "Os", 4),
];
const FILES: usize = 5;

/// Builds all subjects below `work`.
pub(crate) fn build(root: &Path, work: &Path) -> Result<Vec<Subject>> {
    let mut builds = Vec::new();
    for (language, compiler, source) in LANGUAGES {
        for machine in &MACHINES {
            for level in LEVELS {
                for version in VERSIONS {
                    builds.push(Build {
                        name: format!("{language} {} {level} DWARF {version}", machine.name),
                        compiler,
                        sources: vec![root.join("xtask/oracle").join(source)],
                        machine,
                        level,
                        version,
                    });
                }
            }
        }
    }
    let sources = large_sources(work)?;
    for (name, level, version) in LARGE {
        let machine = MACHINES.iter().find(|machine| machine.name == name);
        builds.push(Build {
            name: format!("{FILES} files, c {name} {level} DWARF {version}"),
            compiler: "clang-19",
            sources: sources.clone(),
            machine: machine.context("no such machine")?,
            level,
            version,
        });
    }
    let built = builds.par_iter().map(|build| {
        let subject = build.run(work);
        subject.with_context(|| format!("while building {}", build.name))
    });
    let mut subjects = built.collect::<Result<Vec<Subject>>>()?;
    subjects.extend(debug_map(&subjects));
    for name in ["spl", "zfs"] {
        let kext = root.join(format!("samples/zpool-hang/{name}.kext"));
        let dwarf = kext
            .with_extension("kext.dSYM")
            .join("Contents/Resources/DWARF")
            .join(name);
        let image = kext.join("Contents/MacOS").join(name);
        subjects.push(Subject {
            name: format!("samples/zpool-hang/{name}.kext"),
            code: code_of(&image)?,
            path: kext,
            image,
            dwarf,
        });
    }
    Ok(subjects)
}

/// The first of several files once more, without its dSYM: kstack goes to the object files.
fn debug_map(subjects: &[Subject]) -> Option<Subject> {
    let subject = subjects.iter().find(|subject| subject.is_large())?;
    Some(Subject {
        name: format!("{}, by its debug map", subject.name),
        path: subject.image.clone(),
        image: subject.image.clone(),
        dwarf: subject.dwarf.clone(),
        code: subject.code.clone(),
    })
}

impl Subject {
    /// Whether it is of several files.
    pub(super) fn is_large(&self) -> bool {
        self.name.starts_with(&FILES.to_string())
    }
}

fn large_sources(work: &Path) -> Result<Vec<PathBuf>> {
    let folder = work.join("sources");
    fs::create_dir_all(&folder)?;
    let write = |file| {
        let path = folder.join(format!("file{file}.c"));
        fs::write(&path, source::text(file))?;
        Ok(path)
    };
    (0..FILES).map(write).collect()
}

/// How a subject is compiled.
struct Build {
    name: String,
    compiler: &'static str,
    sources: Vec<PathBuf>,
    machine: &'static Machine,
    level: &'static str,
    version: u32,
}

impl Build {
    fn run(&self, work: &Path) -> Result<Subject> {
        let folder = work.join(self.name.replace([' ', ','], "-"));
        fs::create_dir_all(&folder)?;
        let image = folder.join("subject");
        let mut objects = Vec::new();
        for source in &self.sources {
            let name = source.file_stem().context("no name")?;
            let object = folder.join(name).with_extension("o");
            self.compile(source, &object)?;
            objects.push(object);
        }
        self.link(&objects, &image)?;

        let mut kext = MachO::parse(fs::read(&image)?)?;
        kext.file_type = MH_KEXT_BUNDLE;
        kext.cpu.1 = self.machine.subtype;
        fs::write(&image, kext.into_bytes()?)?;
        // Not beside the image: there kstack would find it by itself.
        let dsym = folder.join("symbols/subject.dSYM");
        run_quietly(tool("dsymutil-19").arg(&image).arg("-o").arg(&dsym))?;
        let dwarf = dsym.join("Contents/Resources/DWARF/subject");
        // Answers of files that were changed just now are not cached.
        let hour = Duration::from_secs(3600);
        fs::File::open(&dwarf)?.set_modified(SystemTime::now() - hour)?;
        Ok(Subject {
            name: self.name.clone(),
            code: code_of(&image)?,
            path: dsym,
            image,
            dwarf,
        })
    }

    fn compile(&self, source: &Path, object: &Path) -> Result<()> {
        let mut clang = tool(self.compiler);
        clang.args(["-target", self.machine.target]);
        clang.args(["-mkernel", "-ffreestanding", "-fno-builtin"]);
        clang.args(["-nostdlibinc", "-c", "-w", "-g"]);
        clang.args([
            &format!("-gdwarf-{}", self.version),
            &format!("-{}", self.level),
        ]);
        if self.compiler.contains("++") {
            clang.args(["-std=c++17", "-nostdinc++", "-fno-exceptions", "-fno-rtti"]);
            if self.machine.name == "x86_64" {
                clang.arg("-fapple-kext");
            }
        }
        run_quietly(clang.arg(source).arg("-o").arg(object))
    }

    fn link(&self, objects: &[PathBuf], image: &Path) -> Result<()> {
        let Machine { name, minimum, .. } = self.machine;
        let mut ld = tool("ld64.lld-19");
        ld.args(["-arch", name, "-platform_version", "macos"]);
        ld.args([minimum, minimum, "-undefined", "dynamic_lookup"]);
        ld.args(["-no_fixup_chains", "-bundle"]);
        run_quietly(ld.arg("-o").arg(image).args(objects))
    }
}

pub(super) fn code_of(image: &Path) -> Result<Vec<u64>> {
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
