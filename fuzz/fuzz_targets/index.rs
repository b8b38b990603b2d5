//! Any bytes as the index of files by UUID, which is then brought up to date.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use kstack_model::{Arch, Uuid};
use kstack_symbols::Index;
use kstack_synth::macho::Program;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const UUID: Uuid = Uuid::from_bytes([1; 16]);

/// A folder with one kext, and an index that every input replaces.
struct Desk {
    builds: PathBuf,
    index: PathBuf,
    // Its folder lasts as long as the process.
    _folder: TempDir,
}

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let builds = folder.path().join("builds");
    fs::create_dir(&builds).expect("a folder for the kext");
    let kext = Program::kext("demo", Arch::X86_64, 1).binary();
    fs::write(builds.join("demo"), kext).expect("the kext can be written");
    Desk {
        builds,
        index: folder.path().join("index"),
        _folder: folder,
    }
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(&DESK.index, bytes).expect("the index can be written");
    let (index, note) = Index::read(&DESK.index);
    assert!(note.is_none_or(|note| !note.is_empty()));
    assert_eq!(index.find(UUID), Vec::<PathBuf>::new());
    let indexed = Index::update(&DESK.index, &DESK.builds).expect("the folder can be indexed");
    assert_eq!(indexed.files, 1);
    // Whatever it was before, it is sound now.
    let (index, note) = Index::read(&DESK.index);
    assert_eq!(note, None);
    assert_eq!(index.find(UUID).len(), 1);
});
