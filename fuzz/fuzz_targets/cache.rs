//! Any bytes as the entry of a file in the cache, under a checksum that fits.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Cache, Request, Role, SymbolSet};
use kstack_synth::macho::Program;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use twox_hash::XxHash3_64;

/// A symbol file and its entry, which every input overwrites from some byte on.
struct Desk {
    file: PathBuf,
    cache: Cache,
    entry: PathBuf,
    whole: Vec<u8>,
    // Its folder lasts as long as the process.
    _folder: TempDir,
}

static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let mut program = Program::kext("demo", Arch::X86_64, 1);
    program.add_many(6);
    let file = folder.path().join("demo");
    fs::write(&file, program.dsym()).expect("the symbol file can be written");
    let cache = Cache::new(folder.path().join("cache"));
    look_up(&file, &cache);
    let entry = cache.entries().expect("there is a cache").remove(0).path;
    Desk {
        whole: fs::read(&entry).expect("there is an entry"),
        file,
        cache,
        entry,
        _folder: folder,
    }
});

fn look_up(file: &PathBuf, cache: &Cache) {
    let mut symbols = SymbolSet::open(&[Request {
        role: Role::Kext,
        path: file.clone(),
        placed: None,
    }]);
    symbols.keep_in(cache.clone());
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let mut names = source.names();
        for at in (0x1000..0x1400).step_by(8) {
            let _ = names.lookup(VmAddr(at));
        }
    }
    assert_eq!(symbols.save_answers().remarks, Vec::<String>::new());
}

fuzz_target!(|bytes: &[u8]| {
    // Where it is overwritten, then with what.
    let Some((at, with)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let mut entry = DESK.whole.clone();
    let at = usize::from(u16::from_le_bytes(*at)) % entry.len();
    for (byte, new) in entry.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
    let sum = XxHash3_64::oneshot(&entry[16..]);
    entry[8..16].copy_from_slice(&sum.to_le_bytes());
    fs::write(&DESK.entry, entry).expect("the entry can be written");
    look_up(&DESK.file, &DESK.cache);
});
