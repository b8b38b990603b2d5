//! An index that cannot be used costs the index, never the answer.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A home without anything in it, whose folder for caches is `cache`.
fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn samples() -> String {
    format!("{}/../../samples", env!("CARGO_MANIFEST_DIR"))
}

/// The program with that home; on a Mac the folder for caches is another one, so both are said.
fn kstack(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kstack"));
    command
        .env("HOME", home)
        .env("XDG_CACHE_HOME", caches(home));
    command
}

fn caches(home: &Path) -> std::path::PathBuf {
    home.join(if cfg!(target_os = "macos") {
        "Library/Caches"
    } else {
        "cache"
    })
}

/// Where the index is.
fn index(home: &Path) -> std::path::PathBuf {
    caches(home).join("kstack/index")
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A run whose report has UUIDs, so that it asks the index; with a file that names its frames.
fn symbolicate(home: &Path) -> Output {
    let sample = format!("{}/never-returns", samples());
    let mut command = kstack(home);
    command.current_dir(sample);
    let command = command.args(["symbolicate", "panic.log", "--kext", "ring.kext"]);
    command.output().unwrap()
}

fn index_samples(home: &Path) -> Output {
    let sample = format!("{}/never-returns", samples());
    kstack(home).args(["index", &sample]).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The answer is there, and this is said beside it.
fn answers_and_says(home: &Path, words: &str) {
    let output = symbolicate(home);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains("ring_push (in org.example.ring)"), "{text}");
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    assert!(said.contains(words), "{said}");
}

/// The run fails, names the file, and gives a reason and a way on.
fn refuses_to_index(output: &Output, words: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words), "{said}");
    assert!(said.contains("the index cannot be kept there"), "{said}");
    assert!(said.contains("pass --symbols DIR"), "{said}");
}

#[test]
fn without_an_index_nothing_is_said() {
    let home = home();
    let output = symbolicate(home.path());
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(0), "")
    );
}

#[test]
fn a_damaged_index_costs_the_index_and_not_the_answer() {
    let home = home();
    put(&index(home.path()), "kstack-index 1\ngarbage\n");
    answers_and_says(home.path(), "1 damaged lines are ignored");
    put(&index(home.path()), "\u{0}\u{1}\u{2}");
    answers_and_says(home.path(), "not an index of this version of kstack");
}

#[test]
fn a_folder_in_place_of_the_index_is_told() {
    let home = home();
    fs::create_dir_all(index(home.path())).unwrap();
    answers_and_says(home.path(), "not a regular file");
    refuses_to_index(&index_samples(home.path()), "kstack/index: ");
}

#[test]
fn a_file_in_place_of_the_folder_of_the_index_is_told() {
    let home = home();
    put(&caches(home.path()).join("kstack"), "in the way");
    answers_and_says(home.path(), "cannot be read: Not a directory");
    refuses_to_index(&index_samples(home.path()), "kstack: ");
}

#[test]
fn a_folder_of_the_index_without_permission_is_told() {
    let home = home();
    assert_eq!(index_samples(home.path()).status.code(), Some(0));
    let folder = caches(home.path()).join("kstack");
    let allow = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    let binds = fs::read_dir(&folder).is_err();
    if binds {
        answers_and_says(home.path(), "cannot be read: Permission denied");
        refuses_to_index(&index_samples(home.path()), "Permission denied");
    } else {
        eprintln!("skipped: this user may read what nobody may");
    }
    allow(0o700);
}

/// A disk without room refuses to write, as a limit of the size of files does.
#[test]
fn a_full_disk_keeps_the_index_as_it_was() {
    let home = home();
    assert_eq!(index_samples(home.path()).status.code(), Some(0));
    let before = fs::read(index(home.path())).unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" index \"$1\""])
        .arg(env!("CARGO_BIN_EXE_kstack"))
        .arg(format!("{}/zpool-hang", samples()))
        .env("HOME", home.path())
        .env("XDG_CACHE_HOME", caches(home.path()))
        .output()
        .unwrap();
    refuses_to_index(&output, "kstack/index: ");
    assert_eq!(fs::read(index(home.path())).unwrap(), before);
    let folder = fs::read_dir(caches(home.path()).join("kstack")).unwrap();
    let mut left: Vec<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["index", "index.lock"]);
}
