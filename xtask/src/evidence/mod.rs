//! `cargo xtask evidence`: how far the evidence of the code goes, measured on images of our own.
//!
//! The graph of calls is read from llvm-objdump's disassembly, so that the
//! truth shares nothing with kstack's own decoding.

mod build;
mod graph;
mod measure;
mod random;
mod source;
mod speed;
mod stacks;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use kstack::model::Arch;
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_model::Address;

use build::Target;
use graph::Graph;
use measure::Row;
use source::{Subject, subjects};
use stacks::Spread;

/// Frames in the image and how they are spread over stacks: a row of the table each.
const ROWS: [(usize, Spread); 10] = [
    (1, Spread::Any),
    (2, Spread::OneStack),
    (3, Spread::OneStack),
    (3, Spread::Any),
    (3, Spread::Apart),
    (4, Spread::OneStack),
    (4, Spread::Apart),
    (5, Spread::OneStack),
    (5, Spread::Apart),
    (8, Spread::Any),
];

/// Both builds of a subject.
pub(crate) struct Pair {
    number: usize,
    graph: Graph,
    /// Both builds as files, without UUIDs.
    builds: [Vec<u8>; 2],
    target: Target,
    text: u64,
}

/// Which reports are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Reports for each image and row.
    pub(crate) draws: usize,
    /// Another number draws others.
    pub(crate) seed: u64,
    /// Whether each report is printed that does not come out as it should.
    pub(crate) explain: bool,
}

/// Builds the subjects and prints the tables of docs/evidence.md.
pub(crate) fn measure(
    root: &Path,
    sample: Sample,
    images: usize,
    only: Option<&str>,
) -> Result<()> {
    let out = root.join("target/evidence");
    fs::create_dir_all(&out)?;
    let wanted = |target: &Target| only.is_none_or(|only| only == target.name());
    for target in Target::ALL.into_iter().filter(wanted) {
        let mut pairs = Vec::new();
        for subject in subjects().into_iter().take(images) {
            pairs.push(pair(subject, target, &out)?);
        }
        let sizes = pairs.iter().map(|pair| pair.text);
        let (least, most) = (sizes.clone().min(), sizes.max());
        println!(
            "\n### {}: {} images, text of {} KB to {} KB, {} reports for each and each number of frames\n",
            target.name(),
            pairs.len(),
            least.unwrap_or_default() / 1000,
            most.unwrap_or_default() / 1000,
            sample.draws,
        );
        println!("{}", Row::HEAD);
        for (frames, spread) in ROWS {
            println!("{}", Row::measure(&pairs, frames, spread, sample));
        }
        speed::print(&pairs);
    }
    Ok(())
}

fn pair(subject: Subject, target: Target, out: &Path) -> Result<Pair> {
    let linked = build::linked(subject, target, out)?;
    let graph = Graph::read(&linked[0], subject)?;
    let first = shipped(subject, target, &linked[0], &graph)?;
    let second = shipped(
        subject,
        target,
        &linked[1],
        &Graph::read(&linked[1], subject)?,
    )?;
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "text", None, first.clone());
    let code = symbols.files()[0].slices[0].code().context("no code")?;
    let text = code.positions() * code.alignment();
    Ok(Pair {
        number: subject.number,
        graph,
        builds: [first, second],
        target,
        text,
    })
}

/// The file as it is shipped: a kext, perhaps stripped, its calls of other images perhaps left to the loader.
fn shipped(subject: Subject, target: Target, linked: &PathBuf, graph: &Graph) -> Result<Vec<u8>> {
    let stripped = linked.with_extension(format!("{}.stripped", target.name()));
    let option = if subject.is_stripped { "-x" } else { "-S" };
    let mut strip = crate::tool::tool("llvm-strip-19");
    crate::tool::run_quietly(strip.arg(option).arg(linked).arg("-o").arg(&stripped))?;
    let mut bytes = fs::read(&stripped)?;
    // MH_KEXT_BUNDLE, which this linker does not make.
    bytes[12] = 0xb;
    if subject.is_relocated && target == Target::X86 {
        for (call, after) in &graph.outward {
            // The linker put __TEXT at address 0 and at the start of the file.
            bytes[*call as usize + 1..*after as usize].fill(0);
        }
    }
    Ok(bytes)
}

impl Pair {
    fn arch(&self) -> Arch {
        match self.target {
            Target::X86 => Arch::X86_64,
            Target::Arm | Target::ArmSplit => Arch::Arm64,
        }
    }

    fn symbols(&self, builds: &[usize], slide: Option<u64>) -> SymbolSet {
        let mut symbols = SymbolSet::default();
        for build in builds {
            let placed = slide.map(|slide| StatedPlace {
                segment: match self.target {
                    Target::ArmSplit => Some("__TEXT_EXEC".to_owned()),
                    _ => None,
                },
                address: Address(slide.wrapping_add(self.code_start(*build))),
            });
            // Builds of one kext have one name.
            let name = format!("build{build}/subject{}", self.number);
            symbols.add_bytes(Role::Kext, &name, placed, self.builds[*build].clone());
        }
        symbols
    }

    /// Where the segment that is placed is linked.
    fn code_start(&self, build: usize) -> u64 {
        let mut symbols = SymbolSet::default();
        symbols.add_bytes(Role::Kext, "start", None, self.builds[build].clone());
        let source = &symbols.files()[0].slices[0];
        let wanted = match self.target {
            Target::ArmSplit => "__TEXT_EXEC",
            _ => "__TEXT",
        };
        let mut segments = source.segments().iter();
        let segment = segments.find(|segment| segment.name == wanted);
        segment.map_or(0, |segment| segment.range.start.0)
    }
}
