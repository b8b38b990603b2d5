//! Answers from the cache are those of the files, at every address.

use std::fs;
use std::path::Path;

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
            fs::write(&path, bytes).unwrap();
            let plain = answers(&open(&path));
            let named = plain.iter().flatten().count();
            assert!(named > 100, "{named} named in {name} of {arch}");
            for run in 0..3 {
                let mut symbols = open(&path);
                symbols.keep_in(Cache::new(folder.path().join("cache")));
                assert!(answers(&symbols) == plain, "{name} of {arch}, run {run}");
                let done = symbols.save_answers();
                assert_eq!(done.remarks, Vec::<String>::new());
                assert_eq!(done.hits > 0, run > 0, "hits in run {run}");
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
    let mut program = Program::kext("demo", Arch::X86_64, 3);
    program.add_many(4);
    symbols.add_bytes(Role::Kext, "demo", None, program.dsym());
    answers(&symbols);
    symbols.save_answers();
    assert!(!cache.exists());
}
