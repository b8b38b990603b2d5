//! `cargo xtask fuzz`: any bytes into every door of kstack, for as long as asked.
//!
//! The targets lie in `fuzz/`. The format target is run once for each row of
//! the table of formats, so a new format is fuzzed without a line here.

mod loaders;
mod seeds;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kstack_parse::FORMATS;

use crate::tool::{run, tool};
use seeds::Seeds;

/// What the targets need beside Rust; the C++ compiler builds libFuzzer.
const NEEDS: &str = "`cargo install cargo-fuzz --locked`, and a C++ compiler such as g++";

/// The targets beside the formats: texts and reports, then the loaders of symbol files.
const OTHERS: [&str; 18] = [
    "parse",
    "dump",
    "join",
    "annotate",
    "zlog",
    "zones",
    "trace",
    "symbols",
    "bundle",
    "cache",
    "index",
    "unpack",
    "collection",
    "prelinked",
    "debug_map",
    "dwarf",
    "bounds",
    "link",
];

/// Seconds after which one input counts as a hang, on a machine that has other work.
const HANG: u64 = 20;
/// Memory, in MiB, above which one input counts as a leak of the limits.
const MEMORY: u64 = 2048;
/// Bytes of an input: longer ones find the same and are slow.
const LONGEST: u64 = 64 << 10;

/// Runs every target, or the one named, for that many seconds each.
pub(crate) fn run_all(root: &Path, seconds: u64, only: Option<&str>) -> Result<()> {
    let targets: Vec<Target> = Target::all()
        .filter(|target| only.is_none_or(|only| only == target.name))
        .collect();
    ensure!(
        !targets.is_empty(),
        "there is no such target; there are: {}",
        names().join(", ")
    );
    let is_there = tool(env!("CARGO"))
        .args(["fuzz", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    ensure!(is_there, "cargo-fuzz is missing; fuzzing needs {NEEDS}");

    let seeds = Seeds::make(root)?;
    for target in targets {
        target.run(root, seconds, &seeds)?;
    }
    Ok(())
}

fn names() -> Vec<&'static str> {
    Target::all().map(|target| target.name).collect()
}

/// A door of kstack.
#[derive(Clone, Copy, Debug)]
struct Target {
    name: &'static str,
    /// The program of `fuzz/fuzz_targets/`.
    program: &'static str,
}

impl Target {
    fn all() -> impl Iterator<Item = Target> {
        let formats = FORMATS.iter().map(|format| Target {
            name: format.name,
            program: "format",
        });
        let others = OTHERS.into_iter().map(|name| Target {
            name,
            program: name,
        });
        formats.chain(others)
    }

    fn run(self, root: &Path, seconds: u64, seeds: &Seeds) -> Result<()> {
        let corpus = self.corpus(root, seeds)?;
        println!("fuzzing {} for {seconds} seconds", self.name);
        let findings = root.join("fuzz/artifacts").join(self.name);
        fs::create_dir_all(&findings)?;
        let mut cargo = tool(env!("CARGO"));
        cargo
            .current_dir(root)
            .env("KSTACK_FORMAT", self.name)
            // Coverage of branches is behind an unstable flag of rustc; nothing else here is unstable.
            .env("RUSTC_BOOTSTRAP", "1")
            // Our code is safe Rust: an address sanitizer would find nothing and halve the speed.
            .args(["fuzz", "run", "--sanitizer", "none", self.program])
            .arg(corpus)
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={HANG}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .arg("-print_final_stats=1");
        run(&mut cargo).with_context(|| {
            format!(
                "{} found something; its input is in {}",
                self.name,
                findings.display()
            )
        })
    }

    /// The folder of inputs that earlier runs found worth keeping, with the seeds beside them.
    fn corpus(self, root: &Path, seeds: &Seeds) -> Result<PathBuf> {
        let folder = root.join("fuzz/corpus").join(self.name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in seeds.of(self.name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:03}")), seed)
                .with_context(|| format!("cannot write a seed into {}", folder.display()))?;
        }
        Ok(folder)
    }
}
