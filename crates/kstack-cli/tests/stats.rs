//! `--stats`: what it says, and that it says it beside the answer.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use kstack_model::Arch;
use kstack_synth::macho::Program;

fn lookup(folder: &Path, more: &[&str]) -> Output {
    let mut program = Program::kext("demo", Arch::X86_64, 1);
    program.add_many(6);
    let path = folder.join("demo.dwarf");
    if !path.exists() {
        fs::write(&path, program.dsym()).unwrap();
        // Answers of a file that changed just now are not kept.
        let before = SystemTime::now() - Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(path);
        file.unwrap().set_modified(before).unwrap();
    }
    Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(["lookup", "demo.dwarf", "0x1010"])
        .args(more)
        .current_dir(folder)
        .env("KSTACK_CACHE_DIR", folder.join("cache"))
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_answer_is_the_same_with_stats_and_they_are_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let plain = lookup(folder.path(), &[]);
    let with = lookup(folder.path(), &["--stats"]);
    assert!(with.status.success());
    assert_eq!(plain.stdout, with.stdout);
    assert!(plain.stderr.is_empty());
    for line in [
        "open symbol files: ",
        "name and write: ",
        "keep answers: ",
        "altogether: ",
        "symbol file demo.dwarf: 0.",
    ] {
        assert!(
            said(&with).contains(&format!("kstack: {line}")),
            "{line}\n{}",
            said(&with)
        );
    }
}

#[test]
fn stats_tell_the_size_of_what_is_read_of_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("demo.dSYM/Contents/Resources/DWARF");
    fs::create_dir_all(&inside).unwrap();
    let mut program = Program::kext("demo", Arch::X86_64, 1);
    program.add_many(6);
    let mut dsym = program.dsym();
    dsym.resize(3 << 20, 0);
    fs::write(inside.join("demo"), dsym).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(["lookup", "demo.dSYM", "0x1010", "--stats", "--no-cache"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = said(&run);
    assert!(
        said.contains("kstack: symbol file demo.dSYM: 3.0 MiB\n"),
        "{said}"
    );
}

#[test]
#[cfg(unix)]
fn stats_tell_the_peak_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let said = said(&lookup(folder.path(), &["--stats"]));
    let (_, after) = said.split_once("mapped files included: ").unwrap();
    let peak: f64 = after.split(' ').next().unwrap().parse().unwrap();
    assert!((0.5..4096.0).contains(&peak), "{said}");
}

#[test]
fn stats_count_the_answers_of_earlier_runs() {
    let folder = tempfile::tempdir().unwrap();
    let first = said(&lookup(folder.path(), &["--stats"]));
    let second = said(&lookup(folder.path(), &["--stats"]));
    assert!(first.contains("answers of earlier runs used: 0"), "{first}");
    assert!(
        second.contains("answers of earlier runs used: 1"),
        "{second}"
    );
}
