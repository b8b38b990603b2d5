//! Answers kept between runs: what a user sees of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kstack_model::Arch;
use kstack_synth::macho::Program;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk { folder };
        desk.build(1);
        desk
    }

    /// Writes the symbol file, as a build with this UUID.
    fn build(&self, seed: u8) {
        let mut program = Program::kext("demo", Arch::X86_64, seed);
        program.add_many(6);
        fs::write(self.path("demo.dwarf"), program.dsym()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, cache: &Path, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kstack"))
            .args(args)
            .current_dir(self.folder.path())
            .env("KSTACK_CACHE_DIR", cache)
            .output()
            .unwrap()
    }

    /// Asks for every sixteenth byte of the code.
    fn lookup(&self, cache: &Path, more: &[&str]) -> Output {
        let addresses: Vec<String> = (0..64)
            .map(|at| format!("{:#x}", 0x1000 + at * 16))
            .collect();
        let mut args = vec!["lookup", "demo.dwarf", "--format", "json"];
        args.extend(more);
        args.extend(addresses.iter().map(String::as_str));
        self.run(cache, &args)
    }

    /// The only entry of a cache.
    fn entry(&self, cache: &Path) -> PathBuf {
        let entries = fs::read_dir(cache)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut entries =
            entries.filter(|path| path.extension().is_some_and(|end| end == "answers"));
        let entry = entries.next().unwrap();
        assert_eq!(entries.next(), None);
        entry
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_second_run_answers_the_same_from_the_cache() {
    let desk = Desk::new();
    let cache = desk.path("cache");
    let plain = desk.lookup(Path::new(""), &[]);
    assert!(text(&plain.stdout).contains("\"symbol\":"), "{plain:?}");
    let first = desk.lookup(&cache, &[]);
    let second = desk.lookup(&cache, &[]);
    assert_eq!(plain.stdout, first.stdout);
    assert_eq!(plain.stdout, second.stdout);
    let shown = text(&desk.run(&cache, &["cache"]).stdout);
    assert!(shown.contains("demo.dwarf"), "{shown}");
    // The second run really reads it: an answer changed there, under a right checksum, is what it says.
    let entry = desk.entry(&cache);
    let mut bytes = fs::read(&entry).unwrap();
    let name = bytes
        .windows(5)
        .position(|window| window == b"demo_")
        .unwrap();
    bytes[name] = b'D';
    let sum = twox_hash::XxHash3_64::oneshot(&bytes[16..]);
    bytes[8..16].copy_from_slice(&sum.to_le_bytes());
    fs::write(&entry, bytes).unwrap();
    let third = desk.lookup(&cache, &[]);
    assert!(
        text(&third.stdout).contains("Demo_"),
        "{}",
        text(&third.stdout)
    );
}

#[test]
fn a_damaged_entry_costs_nothing_but_time_and_is_mended() {
    let desk = Desk::new();
    let cache = desk.path("cache");
    let plain = desk.lookup(&cache, &[]);
    let entry = desk.entry(&cache);
    let whole = fs::read(&entry).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"not an entry"] {
        fs::write(&entry, damaged).unwrap();
        let again = desk.lookup(&cache, &[]);
        assert_eq!(
            (again.stdout, again.stderr),
            (plain.stdout.clone(), Vec::new())
        );
        assert_eq!(fs::read(&entry).unwrap(), whole);
    }
}

#[test]
fn another_build_of_the_same_name_is_asked_itself() {
    let desk = Desk::new();
    let cache = desk.path("cache");
    let before = desk.lookup(&cache, &[]);
    desk.build(2);
    let after = desk.lookup(&cache, &[]);
    let plain = desk.lookup(&cache, &["--no-cache"]);
    assert_eq!(after.stdout, plain.stdout);
    assert!(before.status.success() && after.status.success());
}

#[test]
fn no_cache_keeps_nothing() {
    let desk = Desk::new();
    let cache = desk.path("cache");
    desk.lookup(&cache, &["--no-cache"]);
    assert!(!cache.exists());
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_cache_and_not_the_answer() {
    let desk = Desk::new();
    let plain = desk.lookup(Path::new(""), &[]);
    // A file stands where the folder would be made.
    let cache = desk.path("taken");
    fs::write(&cache, "").unwrap();
    let output = desk.lookup(&cache, &[]);
    assert_eq!(output.stdout, plain.stdout);
    assert!(output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("not kept for later runs"), "{said}");
}

#[test]
fn two_runs_at_once_leave_one_whole_entry() {
    let desk = Desk::new();
    let cache = desk.path("cache");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(desk.lookup(&cache, &[]).status.success()));
        }
    });
    let shown = text(&desk.run(&cache, &["cache"]).stdout);
    assert!(
        shown.contains("answers  ") && shown.contains("entries 1,"),
        "{shown}"
    );
}

#[test]
fn clear_removes_every_entry() {
    let desk = Desk::new();
    let cache = desk.path("cache");
    desk.lookup(&cache, &[]);
    let cleared = text(&desk.run(&cache, &["cache", "clear"]).stdout);
    assert!(cleared.contains("entries removed 1"), "{cleared}");
    let shown = text(&desk.run(&cache, &["cache"]).stdout);
    assert!(shown.contains("entries 0,"), "{shown}");
}
