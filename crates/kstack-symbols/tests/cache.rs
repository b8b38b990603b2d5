//! Answers from the cache are those of the files, at every address.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Cache, Named, Request, Role, SymbolSet};
use kstack_synth::macho::Program;

fn open(path: &Path) -> SymbolSet {
    SymbolSet::open(&[Request {
        role: Role::Kext,
        path: path.to_owned(),
        placed: None,
    }])
}

/// Writes a file as it is when it has not been changed for a while.
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    set_time(path, SystemTime::now() - Duration::from_secs(60));
}

fn set_time(path: &Path, time: SystemTime) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// The answers of a run with a cache, and how many of them came from it.
fn run(path: &Path, cache: &Path) -> (Vec<Option<Named>>, usize) {
    let mut symbols = open(path);
    symbols.keep_in(Cache::new(cache.to_owned()));
    let answers = answers(&symbols);
    let done = symbols.save_answers();
    assert_eq!(done.remarks, Vec::<String>::new());
    (answers, done.hits)
}

fn demo() -> Program {
    let mut program = Program::kext("demo", Arch::X86_64, 3);
    program.add_many(4);
    program
}

/// What is said of every fourth byte of the first segments of a file.
fn answers(symbols: &SymbolSet) -> Vec<Option<Named>> {
    let source = &symbols.files()[0].slices[0];
    let mut names = source.names();
    let ranges = source
        .segments()
        .iter()
        .take(2)
        .map(|segment| &segment.range);
    let addresses = ranges.flat_map(|range| (range.start.0..range.end.0).step_by(4));
    addresses
        .map(|at| names.lookup(VmAddr(at)).unwrap())
        .collect()
}

#[test]
fn every_answer_is_the_same_with_and_without_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    for arch in [Arch::X86_64, Arch::Arm64] {
        let mut program = Program::kext("demo", arch, 3);
        program.add_many(120);
        for (name, bytes) in [("dwarf", program.dsym()), ("binary", program.binary())] {
            let path = folder.path().join(name);
            write(&path, &bytes);
            let plain = answers(&open(&path));
            let named = plain.iter().flatten().count();
            assert!(named > 100, "{named} named in {name} of {arch}");
            for run in 0..3 {
                let (answers, hits) = self::run(&path, &folder.path().join("cache"));
                assert!(answers == plain, "{name} of {arch}, run {run}");
                assert_eq!(hits > 0, run > 0, "hits in run {run}");
            }
        }
    }
}

#[test]
fn a_file_given_as_bytes_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let mut symbols = SymbolSet::default();
    symbols.keep_in(Cache::new(cache.clone()));
    symbols.add_bytes(Role::Kext, "demo", None, demo().dsym());
    answers(&symbols);
    symbols.save_answers();
    assert!(!cache.exists());
}

#[cfg(unix)]
#[test]
fn another_file_of_the_same_path_uuid_size_and_time_is_asked_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("demo"), folder.path().join("cache"));
    let time = SystemTime::now() - Duration::from_secs(60);
    let mut program = demo();
    write(&path, &program.dsym());
    set_time(&path, time);
    let before = run(&path, &cache).0;
    program.functions[0].line += 1;
    let other = folder.path().join("other");
    write(&other, &program.dsym());
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        fs::metadata(&other).unwrap().len()
    );
    fs::rename(&other, &path).unwrap();
    set_time(&path, time);
    let plain = answers(&open(&path));
    assert!(plain != before);
    assert!(run(&path, &cache) == (plain, 0));
}

#[test]
fn a_file_that_was_changed_just_now_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("demo"), folder.path().join("cache"));
    write(&path, &demo().dsym());
    for (age, is_kept) in [(-600, false), (0, false), (60, true)] {
        let now = SystemTime::now();
        let time = match u64::try_from(age) {
            Ok(age) => now - Duration::from_secs(age),
            Err(_) => now + Duration::from_secs(600),
        };
        set_time(&path, time);
        run(&path, &cache);
        assert_eq!(cache.exists(), is_kept, "changed {age} seconds ago");
    }
}

#[test]
fn damage_is_told_by_every_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo");
    let mut image = demo().dsym_image();
    for section in &mut image.segments.last_mut().unwrap().sections {
        if section.name == "__debug_info" {
            section.data.as_mut().unwrap()[4..].fill(0xff);
        }
    }
    write(&path, &image.build());
    for run in 0..2 {
        let mut symbols = open(&path);
        symbols.keep_in(Cache::new(folder.path().join("cache")));
        let source = &symbols.files()[0].slices[0];
        let mut names = source.names();
        let start = demo().functions[0].start;
        let _ = names.lookup(VmAddr(start));
        assert!(names.damage().is_some(), "run {run}");
        symbols.save_answers();
    }
}
