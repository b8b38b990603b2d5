//! `cargo xtask oracle`: asks kstack and llvm-symbolizer about the same addresses and wants the same answers.

mod answer;
mod compare;
mod subjects;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use self::compare::{Verdict, judge};
use self::subjects::Subject;
use crate::tool::{INSTALL, run, tool};

/// Addresses for each subject: together more than ten thousand.
const EACH: usize = 300;

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
    let subjects = subjects::build(root, &root.join("target/xtask/oracle"))?;

    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut shown = String::new();
    for (seed, subject) in (1..).zip(&subjects) {
        let addresses = addresses(subject, seed);
        let ours = answer::of_kstack(&ask(
            tool(&kstack)
                .arg("lookup")
                .arg(&subject.path)
                .args(["-", "--format", "json"]),
            &addresses,
        )?)
        .context("while reading what kstack printed")?;
        let theirs = answer::of_llvm(&ask(&mut llvm(subject), &addresses)?)
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
    println!("{total} addresses in {} images", subjects.len());
    for (verdict, count) in &counts {
        println!("{count:>7} {}", verdict.in_words());
    }
    ensure!(
        !counts.contains_key(&Verdict::Unexplained),
        "there are unexplained differences:\n{shown}"
    );
    Ok(())
}

fn llvm(subject: &Subject) -> Command {
    let mut llvm = tool("llvm-symbolizer-19");
    llvm.arg(format!("--obj={}", subject.dwarf.display()));
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
fn addresses(subject: &Subject, seed: u64) -> Vec<u64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let mut addresses: Vec<u64> = (0..EACH)
        .map(|_| subject.code[next() as usize % subject.code.len()])
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
