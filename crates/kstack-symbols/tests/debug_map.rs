//! Unstripped files: the debug information is in the object files that they name.

use std::fs;
use std::path::Path;

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Certainty, Detail, Named, Request, Role, SymbolSet};
use kstack_synth::macho::{FileType, Function, Program, Symbol};
use proptest::prelude::*;
use tempfile::TempDir;

const SO: u8 = 0x64;
const OSO: u8 = 0x66;
const FUN: u8 = 0x24;
/// How far the linked file is from the object file.
const MOVED: u64 = 0x4_0000;

fn program() -> Program {
    Program::kext("zfs", Arch::X86_64, 1)
        .with(Function::new("spa_sync", 0x40))
        .with(Function::new("dmu_tx_assign", 0x50))
}

fn object_file() -> Vec<u8> {
    let mut object = program().dsym_image();
    object.file_type = FileType::Object;
    object.uuid = None;
    object.build()
}

/// The linked file, with a debug map that names this object file.
fn linked(object: &str, time: u64) -> Vec<u8> {
    let program = program();
    let mut image = program.binary_image().moved(|_| MOVED);
    image
        .symbols
        .push(Symbol::stab(SO, "/Users/dana/zfs/spa.c", 0, 0));
    image.symbols.push(Symbol::stab(OSO, object, 1, time));
    for function in &program.functions {
        let name = format!("_{}", function.name);
        let start = function.start + MOVED;
        image.symbols.push(Symbol::stab(FUN, &name, 1, start));
        image.symbols.push(Symbol::stab(FUN, "", 0, function.size));
    }
    image.build()
}

fn open(requests: &[(Role, &Path)]) -> SymbolSet {
    let requests: Vec<Request> = requests
        .iter()
        .map(|(role, path)| Request {
            role: *role,
            path: path.to_path_buf(),
            placed: None,
        })
        .collect();
    SymbolSet::open(&requests)
}

/// What is said about an address a little into the second function.
fn second(symbols: &SymbolSet) -> Named {
    let start = program().function("dmu_tx_assign").unwrap().start + MOVED;
    let mut names = symbols.files()[0].slices[0].names();
    let named = names.lookup(VmAddr(start + 4)).unwrap().unwrap();
    assert_eq!(named.start, VmAddr(start));
    named
}

#[test]
fn object_files_give_lines_where_the_linker_had_them() {
    let folder = TempDir::new().unwrap();
    let (object, file) = (folder.path().join("spa.o"), folder.path().join("zfs"));
    fs::write(&object, object_file()).unwrap();
    fs::write(&file, linked(&object.display().to_string(), 0)).unwrap();
    let symbols = open(&[(Role::Kext, &file)]);
    let source = &symbols.files()[0].slices[0];
    assert_eq!(
        (source.detail(), source.remarks().len()),
        (Detail::Lines, 0)
    );
    let named = second(&symbols);
    assert_eq!(&*named.name, "dmu_tx_assign");
    assert_eq!(named.certainty, Certainty::Inside);
    assert_eq!(named.frames[0].line, Some(10));
}

#[test]
fn object_files_are_found_under_the_folders_to_search() {
    let folder = TempDir::new().unwrap();
    let build = folder.path().join("copied/module/spa.o");
    fs::create_dir_all(build.parent().unwrap()).unwrap();
    fs::write(&build, object_file()).unwrap();
    let file = folder.path().join("zfs");
    fs::write(&file, linked("/Volumes/gone/build/module/spa.o", 0)).unwrap();
    let symbols = open(&[
        (Role::Kext, &file),
        (Role::Found, &folder.path().join("copied")),
    ]);
    assert_eq!(second(&symbols).frames[0].line, Some(10));
}

#[test]
fn a_missing_object_file_is_named_and_its_functions_keep_their_bounds() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("zfs");
    fs::write(&file, linked("/Volumes/gone/spa.o", 0)).unwrap();
    let symbols = open(&[(Role::Kext, &file)]);
    let remarks = symbols.files()[0].slices[0].remarks();
    assert!(
        remarks[0]
            .contains("1 object files, of which 1 cannot be used: /Volumes/gone/spa.o (missing)"),
        "{remarks:?}"
    );
    let named = second(&symbols);
    assert_eq!(named.certainty, Certainty::Inside);
    assert!(named.frames.is_empty());
    // Behind the end of the last function nothing is claimed.
    let last = program().functions[1].range().end + MOVED;
    let mut names = symbols.files()[0].slices[0].names();
    assert_eq!(names.lookup(VmAddr(last)).unwrap(), None);
}

#[test]
fn an_object_file_changed_since_is_not_used() {
    let folder = TempDir::new().unwrap();
    let (object, file) = (folder.path().join("spa.o"), folder.path().join("zfs"));
    fs::write(&object, object_file()).unwrap();
    fs::write(&file, linked(&object.display().to_string(), 1_234_567_890)).unwrap();
    let symbols = open(&[(Role::Kext, &file)]);
    assert!(second(&symbols).frames.is_empty());
    let remarks = symbols.files()[0].slices[0].remarks();
    assert!(
        remarks[0].contains("(changed since it was linked)"),
        "{remarks:?}"
    );
}

#[test]
fn a_member_of_an_archive_serves() {
    let folder = TempDir::new().unwrap();
    let (archive, file) = (folder.path().join("lib.a"), folder.path().join("zfs"));
    let object = object_file();
    let mut bytes = b"!<arch>\n".to_vec();
    let size = object.len();
    bytes.extend(format!("{:16}{:12}{:6}{:6}{:8}{size:<10}`\n", "spa.o", 0, 0, 0, 644).bytes());
    bytes.extend(object);
    fs::write(&archive, bytes).unwrap();
    fs::write(&file, linked(&format!("{}(spa.o)", archive.display()), 0)).unwrap();
    let symbols = open(&[(Role::Kext, &file)]);
    assert_eq!(second(&symbols).frames[0].line, Some(10));
}

proptest! {
    #[test]
    fn any_change_to_an_object_file(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let folder = TempDir::new().unwrap();
        let (path, file) = (folder.path().join("spa.o"), folder.path().join("zfs"));
        let mut object = object_file();
        for (at, value) in changes {
            let at = at.index(object.len());
            object[at] = value;
        }
        fs::write(&path, object).unwrap();
        fs::write(&file, linked(&path.display().to_string(), 0)).unwrap();
        let symbols = open(&[(Role::Kext, &file)]);
        let source = &symbols.files()[0].slices[0];
        let _ = (source.detail(), source.remarks());
        let _ = source.names().lookup(VmAddr(program().code_start() + MOVED + 4));
    }
}
