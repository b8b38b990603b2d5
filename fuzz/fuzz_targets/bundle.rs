//! Any bytes as the `Info.plist` of a kext bundle on disk, opened with its executable.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use kstack_model::Arch;
use kstack_symbols::{Request, Role, SymbolSet};
use kstack_synth::macho::{Program, kext_bundle};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// The bundle, whose property list every input replaces.
struct Bundle {
    path: PathBuf,
    // Its folder lasts as long as the process.
    _folder: TempDir,
}

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the bundle");
    let program = Program::kext("demo", Arch::X86_64, 1);
    let path = kext_bundle(folder.path(), "demo", b"", Some(&program.binary()))
        .expect("a bundle in the folder");
    Bundle {
        path,
        _folder: folder,
    }
});

fuzz_target!(|bytes: &[u8]| {
    let plist = BUNDLE.path.join("Contents/Info.plist");
    fs::write(plist, bytes).expect("the property list can be written");
    let symbols = SymbolSet::open(&[Request {
        role: Role::Kext,
        path: BUNDLE.path.clone(),
        placed: None,
    }]);
    // The bundle serves, or the one reason why not is told.
    assert_eq!(symbols.files().len() + symbols.errors().len(), 1);
    for error in symbols.errors() {
        assert!(!error.to_string().is_empty());
    }
});
