//! A symbol file that is cut short, or written to, while it is read.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Looks up two addresses in a dSYM; between the two something happens to the file. The exit code,
/// and what is said.
fn lookup_while(happens: impl FnOnce(&Path)) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zfs");
    fs::copy(dsym(), &file).unwrap();
    // As installed an hour ago: file systems count time in steps.
    let before = SystemTime::now() - Duration::from_secs(3600);
    let opened = fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(before).unwrap();
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
    happens(&file);
    asked.write_all(b"0x1a870\n").unwrap();
    drop(asked);
    let mut said = String::new();
    let mut errors = run.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    (run.wait().unwrap().code(), said)
}

fn dsym() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../samples/zpool-hang/zfs.kext.dSYM/Contents/Resources/DWARF/zfs")
}

#[test]
fn a_symbol_file_cut_short_while_it_is_mapped_ends_the_run_with_a_reason() {
    let (code, said) = lookup_while(|file| {
        fs::File::create(file).unwrap();
    });
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("kstack: a symbol file was cut short"),
        "{said}"
    );
}

#[test]
fn a_symbol_file_written_to_while_it_is_mapped_is_told() {
    let (code, said) = lookup_while(|file| {
        let mut opened = fs::File::options().write(true).open(file).unwrap();
        opened.write_all(&fs::read(dsym()).unwrap()).unwrap();
    });
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("zfs: changed while it was read"), "{said}");
}
