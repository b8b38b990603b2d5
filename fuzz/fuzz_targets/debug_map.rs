//! Pieces of a kext with a debug map, of its object file, and of an archive with that in it.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use kstack_fuzz::{ask, ask_at, pieces};
use kstack_model::Arch;
use kstack_symbols::{Request, Role, SymbolSet};
use kstack_synth::macho::{FileType, Program, Symbol};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const SOURCE_FILE: u8 = 0x64;
const OBJECT_FILE: u8 = 0x66;
const FUNCTION: u8 = 0x24;
/// How far the kext is from the object files.
const MOVED: u64 = 0x4_0000;

/// Three files, which every input overwrites in places.
struct Build {
    files: [(PathBuf, Vec<u8>); 3],
    program: Program,
    // Its folder lasts as long as the process.
    _folder: TempDir,
}

static BUILD: LazyLock<Build> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let mut program = Program::kext("demo", Arch::X86_64, 1);
    program.add_many(4);
    let mut object = program.dsym_image();
    object.file_type = FileType::Object;
    object.uuid = None;
    let object = object.build();
    let paths = ["demo", "unit0.o", "lib.a"].map(|name| folder.path().join(name));
    let kext = kext(&program, &paths);
    let archive = archive(&object);
    let [kext_path, object_path, archive_path] = paths;
    Build {
        files: [
            (kext_path, kext),
            (object_path, object),
            (archive_path, archive),
        ],
        program,
        _folder: folder,
    }
});

/// The kext: its first functions are from the object file, the others from the archive.
fn kext(program: &Program, [_, object, archive]: &[PathBuf; 3]) -> Vec<u8> {
    let mut image = program.binary_image().moved(|_| MOVED);
    let objects = [
        object.display().to_string(),
        format!("{}(unit0.o)", archive.display()),
    ];
    for (object, functions) in objects.iter().zip(program.functions.chunks(2)) {
        let mut stab = |kind, name: &str, section, value| {
            let stab = Symbol::stab(kind, name, section, value);
            image.symbols.push(stab);
        };
        stab(SOURCE_FILE, "/Users/dana/demo/unit0.c", 0, 0);
        stab(OBJECT_FILE, object, 1, 0);
        for function in functions {
            let name = format!("_{}", function.linker_name());
            stab(FUNCTION, &name, 1, function.start + MOVED);
            stab(FUNCTION, "", 0, function.size);
        }
    }
    image.build()
}

fn archive(object: &[u8]) -> Vec<u8> {
    let size = object.len();
    let header = format!(
        "{:16}{:12}{:6}{:6}{:8}{size:<10}`\n",
        "unit0.o", 0, 0, 0, 644
    );
    [b"!<arch>\n", header.as_bytes(), object].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let mut files = BUILD.files.clone();
    for piece in pieces(bytes) {
        let number = usize::from(piece.part) % files.len();
        piece.put_or_cut(&mut files[number].1);
    }
    for (path, bytes) in &files {
        fs::write(path, bytes).expect("the file can be written");
    }
    let symbols = SymbolSet::open(&[Request {
        role: Role::Kext,
        path: files[0].0.clone(),
        placed: None,
    }]);
    ask(&symbols);
    let program = &BUILD.program;
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let code = program.code_start() + MOVED..program.code_end() + MOVED;
        ask_at(source, code.step_by(0x14));
    }
});
