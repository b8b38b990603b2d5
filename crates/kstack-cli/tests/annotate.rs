//! `kstack annotate` as a person uses it: behind a pipe, and with files that do not serve.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kstack::model::Arch;
use kstack_synth::macho::{Function, Program};
use tempfile::TempDir;

const PLACED: &str = "spl@0xffffff7f80e50000";
const TEXT: &str = "at 0xffffff7f80e51024\r\n";
const ANNOTATED: &str = "at 0xffffff7f80e51024 [spl_cv_wait + 36 (spl)]\r\n";

/// A folder with a kext and a text that has an address in it.
fn desk() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let spl = Program {
        function_starts: true,
        ..Program::kext("spl", Arch::X86_64, 1)
    };
    let spl = spl.with(Function::new("spl_cv_wait", 64));
    fs::write(folder.path().join("spl"), spl.binary()).unwrap();
    fs::write(folder.path().join("text"), TEXT).unwrap();
    folder
}

fn annotate(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kstack"));
    command.arg("annotate").args(args).current_dir(folder);
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = annotate(folder, args);
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> (&str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_line_comes_out_before_the_next_goes_in() {
    let folder = desk();
    let mut kstack = annotate(folder.path(), &["--kext", PLACED])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = kstack.stdin.take().unwrap();
    let mut output = BufReader::new(kstack.stdout.take().unwrap());
    for _ in 0..3 {
        input.write_all(TEXT.as_bytes()).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, ANNOTATED);
    }
    input.write_all(b"spl + 0x10").unwrap();
    input.write_all(b"24").unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "spl + 0x1024 [spl_cv_wait + 36 (spl)]");
    assert!(kstack.wait().unwrap().success());
}

#[test]
fn a_kext_without_a_place_is_told_and_the_text_is_copied() {
    let folder = desk();
    let output = run(folder.path(), &["text", "--kext", "spl"]);
    let (text, complaints) = said(&output);
    assert_eq!(text, TEXT);
    assert!(
        complaints
            .starts_with("kstack: spl: the load address of spl is not known: pass --kextstat"),
        "{complaints}"
    );
    assert!(complaints.contains("no image has both a symbol file and a place"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_listing_places_the_kext_and_refuses_another_build() {
    let folder = desk();
    let listing = |uuid: &str| {
        format!(
            "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n  \
             140    1 0xffffff7f80e50000 0x9000     0x9000     net.example.spl (1.0) {uuid} <7 5>\n"
        )
    };
    let args = ["text", "--kext", "spl", "--kextstat", "kextstat.txt"];
    let own = "01010101-0101-0101-0101-010101010101";
    fs::write(folder.path().join("kextstat.txt"), listing(own)).unwrap();
    let output = run(folder.path(), &args);
    let named = ANNOTATED.replace("(spl)", "(net.example.spl)");
    assert_eq!(said(&output), (named.as_str(), ""));

    let other = "02020202-0101-0101-0101-010101010101";
    fs::write(folder.path().join("kextstat.txt"), listing(other)).unwrap();
    let output = run(folder.path(), &args);
    let (text, complaints) = said(&output);
    assert_eq!(text, TEXT);
    assert!(
        complaints.contains("spl: is another build of net.example.spl"),
        "{complaints}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_text_that_is_not_there_is_told() {
    let folder = desk();
    let output = run(folder.path(), &["nothing", "--kext", PLACED]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).1.starts_with("kstack: nothing: "));
    let output = run(folder.path(), &[".", "--kext", PLACED]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).1.contains("a folder; pass a text file in it"));
    let output = run(folder.path(), &["--report", "-", "--kext", PLACED]);
    assert!(
        said(&output)
            .1
            .contains("cannot both be read from standard input")
    );
}
