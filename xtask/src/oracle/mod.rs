//! `cargo xtask oracle`: asks kstack and llvm-symbolizer about the same addresses and wants the same answers; then
//! kstack and lldb, for several images at once. What may differ, and why, is in docs/oracle.md.

mod answer;
mod compare;
mod linked;
mod merge;
mod subjects;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use self::compare::{Verdict, judge};
use self::subjects::Subject;
use crate::tool::{INSTALL, run, tool};

/// Addresses for each subject of one file, and of several: together more than a hundred thousand.
const EACH: usize = 1000;
const EACH_OF_LARGE: usize = 14_000;

/// Unexplained differences shown in full.
const SHOWN: usize = 10;

/// Builds the subjects, asks both, and fails on any difference that is not understood.
pub(crate) fn compare_all(root: &Path) -> Result<()> {
    run(tool(env!("CARGO")).current_dir(root).args([
        "build",
        "--quiet",
        "--package",
        "kstack-cli",
    ]))?;
    let kstack = root.join("target/debug/kstack");
    let work = root.join("target/xtask/oracle");
    let subjects = subjects::build(root, &work)?;

    let cache = work.join("cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }

    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut shown = String::new();
    for (seed, subject) in (1..).zip(&subjects) {
        let each = match subject.is_large() {
            true => EACH_OF_LARGE,
            false => EACH,
        };
        let addresses = draw(&subject.code, each, seed);
        let printed = ask_kstack(&kstack, &cache, subject, &addresses)?;
        let ours = answer::of_kstack(&printed).context("while reading what kstack printed")?;
        let theirs = answer::of_llvm(&ask(&mut llvm(&subject.dwarf), &addresses)?)
            .context("while reading what llvm-symbolizer printed")?;
        for address in addresses {
            let (ours, theirs) = (ours.get(&address), theirs.get(&address));
            let (ours, theirs) = ours
                .zip(theirs)
                .with_context(|| format!("no answer for {address:#x}"))?;
            let verdict = judge(ours, theirs);
            let count = counts.entry(verdict).or_default();
            *count += 1;
            if verdict == Verdict::Unexplained && *count <= SHOWN {
                writeln!(
                    shown,
                    "{} at {address:#x}\n  kstack {ours:?}\n  llvm   {theirs:?}",
                    subject.name
                )?;
            }
        }
    }

    let total: usize = counts.values().sum();
    println!(
        "{total} addresses in {} images, beside llvm-symbolizer; the same without the cache, and twice with it:",
        subjects.len()
    );
    for (verdict, count) in &counts {
        println!("{count:>7} {}", verdict.in_words());
    }
    ensure!(
        !counts.contains_key(&Verdict::Unexplained),
        "there are unexplained differences:\n{shown}"
    );
    linked::compare(root, &work, &kstack)?;
    compare_merged(&work, &subjects)
}

/// What kstack prints: without its cache, and the same when it fills the cache and when it answers out of it.
fn ask_kstack(
    kstack: &Path,
    cache: &Path,
    subject: &Subject,
    addresses: &[u64],
) -> Result<Vec<u8>> {
    let lookup = |is_cached: bool| {
        let mut lookup = tool(kstack);
        lookup.arg("lookup").arg(&subject.path);
        lookup.args(["-", "--format", "json"]);
        match is_cached {
            true => lookup.env("KSTACK_CACHE_DIR", cache),
            false => lookup.arg("--no-cache"),
        };
        ask(&mut lookup, addresses)
    };
    let printed = lookup(false)?;
    for time in ["first", "second"] {
        let name = &subject.name;
        ensure!(
            lookup(true)? == printed,
            "{name}: the {time} run with the cache differs"
        );
    }
    Ok(printed)
}

/// Three images of the same machine with all their segments apart.
fn compare_merged(work: &Path, subjects: &[Subject]) -> Result<()> {
    let of_intel = |subject: &&Subject| {
        let is_wanted = |part| subject.name.contains(part);
        is_wanted("x86_64") && is_wanted("O2") && is_wanted("DWARF 4") && !is_wanted("debug map")
    };
    let three: Vec<&Subject> = subjects.iter().filter(of_intel).collect();
    ensure!(three.len() == 3, "{} images to merge", three.len());
    let Some(merged) = merge::compare(work, &three)? else {
        println!("lldb-19 is not installed: nothing was compared with it; on Debian: {INSTALL}");
        return Ok(());
    };
    let different = merged.different.len();
    println!(
        "{} addresses in 3 images with segments apart, beside lldb with the script of `kstack lldb`: {} functions the same; \
         {} addresses that neither names; {} explained: lldb writes a label's underscore, or scope and parameters of a C name; {different} UNEXPLAINED",
        merged.named + merged.unnamed + merged.other_name + different,
        merged.functions,
        merged.unnamed,
        merged.other_name,
    );
    let shown: Vec<String> = merged.different.into_iter().take(SHOWN).collect();
    ensure!(
        shown.is_empty(),
        "there are unexplained differences:\n{}",
        shown.join("\n")
    );
    Ok(())
}

fn llvm(dwarf: &Path) -> Command {
    let mut llvm = tool("llvm-symbolizer-19");
    llvm.arg(format!("--obj={}", dwarf.display()));
    llvm.args(["--inlines", "--no-demangle", "--output-style=JSON"]);
    llvm
}

/// Sends the addresses to a program, one a line, and answers what it prints.
fn ask(program: &mut Command, addresses: &[u64]) -> Result<Vec<u8>> {
    let name = program.get_program().to_string_lossy().into_owned();
    let spawned = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.with_context(|| format!("cannot run {name}; on Debian: {INSTALL}"))?;
    let mut input = child.stdin.take().context("no standard input")?;
    let lines: String = addresses
        .iter()
        .map(|address| format!("{address:#x}\n"))
        .collect();
    // The program may print before it has read all.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{name} failed ({})", output.status);
    writer
        .join()
        .ok()
        .context("the writing thread ended early")??;
    Ok(output.stdout)
}

/// Different addresses all over the code, the same in each run (splitmix64).
fn draw(code: &[u64], each: usize, seed: u64) -> Vec<u64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let mut addresses: Vec<u64> = (0..each)
        .map(|_| code[next() as usize % code.len()])
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
