//! A symbol file that is cut short while it is read.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn a_symbol_file_cut_short_while_it_is_mapped_ends_the_run_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zfs");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../samples/zpool-hang/zfs.kext.dSYM/Contents/Resources/DWARF/zfs");
    fs::copy(sample, &file).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .arg("lookup")
        .arg(&file)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut asked = run.stdin.take().unwrap();
    let mut answers = BufReader::new(run.stdout.take().unwrap());
    asked.write_all(b"0x10\n").unwrap();
    // The answer says that the file is mapped.
    answers.read_line(&mut String::new()).unwrap();
    fs::File::create(&file).unwrap();
    asked.write_all(b"0x1a870\n").unwrap();
    drop(asked);
    let mut said = String::new();
    let mut errors = run.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(1), "{said}");
    assert!(
        said.starts_with("kstack: a symbol file was cut short"),
        "{said}"
    );
}
