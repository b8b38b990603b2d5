//! Bundles, folders and wrong files on disk.

use std::fs;
use std::path::Path;

use kstack_model::{Arch, Uuid, VmAddr};
use kstack_symbols::{Detail, Request, Role, SymbolSet};
use kstack_synth::macho::{FileType, Function, InfoPlist, Program, dsym_bundle, fat, kext_bundle};
use tempfile::TempDir;

fn program(seed: u8) -> Program {
    Program::kext("zfs", Arch::X86_64, seed).with(Function::new("spa_sync", 0x40))
}

fn info() -> InfoPlist {
    InfoPlist {
        executable: Some("zfs".to_owned()),
        identifier: Some("org.openzfsonosx.zfs".to_owned()),
        version: Some("2.1.0".to_owned()),
    }
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

/// What the only error says, without the folder of the test.
fn only_error(folder: &TempDir, symbols: &SymbolSet) -> String {
    let [error] = symbols.errors() else {
        panic!("one error, not {:?}", symbols.errors())
    };
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

fn detail(symbols: &SymbolSet) -> Detail {
    symbols.files()[0].slices[0].detail()
}

#[test]
fn a_bundle_says_who_it_is_in_xml_and_in_binary() {
    for plist in [info().xml(), info().binary()] {
        let folder = TempDir::new().unwrap();
        let kext = kext_bundle(folder.path(), "zfs", &plist, Some(&program(1).binary())).unwrap();
        let symbols = open(&[(Role::Kext, &kext)]);
        assert_eq!(symbols.errors(), []);
        let identity = symbols.files()[0].slices[0].identity();
        assert_eq!(identity.name, "org.openzfsonosx.zfs");
        assert_eq!(
            identity.bundle_identifier.as_deref(),
            Some("org.openzfsonosx.zfs")
        );
        assert_eq!(identity.executable, "zfs");
        assert_eq!(identity.version.as_deref(), Some("2.1.0"));
        assert_eq!(identity.uuid, Some(Uuid::from_bytes([1; 16])));
    }
}

#[test]
fn a_flat_bundle_is_a_bundle() {
    let folder = TempDir::new().unwrap();
    let kext = folder.path().join("zfs.kext");
    fs::create_dir(&kext).unwrap();
    fs::write(kext.join("Info.plist"), info().xml()).unwrap();
    fs::write(kext.join("zfs"), program(1).binary()).unwrap();
    let symbols = open(&[(Role::Kext, &kext)]);
    assert_eq!(symbols.errors(), []);
    assert_eq!(
        symbols.files()[0].slices[0].identity().name,
        "org.openzfsonosx.zfs"
    );
}

#[test]
fn the_dsym_beside_a_bundle_is_used_by_itself() {
    let folder = TempDir::new().unwrap();
    let kext = kext_bundle(
        folder.path(),
        "zfs",
        &info().xml(),
        Some(&program(1).binary()),
    )
    .unwrap();
    dsym_bundle(folder.path(), "zfs.kext", "zfs", &program(1).dsym()).unwrap();
    let executable = kext.join("Contents/MacOS/zfs");
    for path in [&kext, &executable] {
        let symbols = open(&[(Role::Kext, path)]);
        assert_eq!(symbols.errors(), []);
        assert_eq!(detail(&symbols), Detail::Lines);
        let identity = symbols.files()[0].slices[0].identity();
        assert_eq!(identity.name, "org.openzfsonosx.zfs");
        assert!(identity.paths[1].ends_with("zfs.kext.dSYM"));
    }
}

#[test]
fn a_dsym_of_any_name_in_the_folder_is_used_when_its_uuid_fits() {
    let folder = TempDir::new().unwrap();
    let binary = folder.path().join("zfs");
    fs::write(&binary, program(1).binary()).unwrap();
    dsym_bundle(folder.path(), "archive-2024", "zfs", &program(1).dsym()).unwrap();
    dsym_bundle(folder.path(), "archive-2023", "zfs", &program(2).dsym()).unwrap();
    let symbols = open(&[(Role::Kext, &binary)]);
    assert_eq!(symbols.errors(), []);
    assert_eq!(detail(&symbols), Detail::Lines);
}

#[test]
fn a_dsym_of_another_build_is_refused_with_both_uuids() {
    let folder = TempDir::new().unwrap();
    let kext = kext_bundle(
        folder.path(),
        "zfs",
        &info().xml(),
        Some(&program(1).binary()),
    )
    .unwrap();
    let dsym = dsym_bundle(folder.path(), "zfs.kext", "zfs", &program(2).dsym()).unwrap();
    let symbols = open(&[(Role::Kext, &kext)]);
    assert_eq!(detail(&symbols), Detail::Symbols);
    assert_eq!(symbols.files().len(), 1);
    let said = "zfs.kext.dSYM: belongs to another build: its UUID is \
                02020202-0202-0202-0202-020202020202, the binary's is \
                01010101-0101-0101-0101-010101010101; pass the dSYM made with that binary";
    assert_eq!(only_error(&folder, &symbols), said);

    let elsewhere = folder.path().join("elsewhere.dSYM");
    fs::rename(dsym, &elsewhere).unwrap();
    let symbols = open(&[(Role::Kext, &kext), (Role::Dsym, &elsewhere)]);
    assert_eq!(detail(&symbols), Detail::Symbols);
    assert_eq!(
        only_error(&folder, &symbols),
        said.replace("zfs.kext.dSYM", "elsewhere.dSYM")
    );
}

#[test]
fn without_uuids_a_dsym_beside_is_used_and_the_doubt_is_said() {
    let folder = TempDir::new().unwrap();
    let program = Program {
        uuid: None,
        ..Program::kext("zfs", Arch::Ppc, 0).with(Function::new("spa_sync", 0x40))
    };
    let kext = kext_bundle(folder.path(), "zfs", &info().xml(), Some(&program.binary())).unwrap();
    dsym_bundle(folder.path(), "zfs.kext", "zfs", &program.dsym()).unwrap();
    let symbols = open(&[(Role::Kext, &kext)]);
    assert_eq!(symbols.errors(), []);
    let source = &symbols.files()[0].slices[0];
    assert_eq!(source.detail(), Detail::Lines);
    assert_eq!(source.remarks().len(), 1);
}

#[test]
fn a_symbol_file_of_kextutil_is_called_by_its_bundle_identifier() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("org.openzfsonosx.zfs.sym");
    let program = Program {
        base: 0xffff_ff7f_8765_4000,
        ..Program::kext("zfs", Arch::X86_64, 1)
    };
    fs::write(
        &path,
        program.with(Function::new("spa_sync", 0x40)).binary(),
    )
    .unwrap();
    let symbols = open(&[(Role::Kext, &path)]);
    let source = &symbols.files()[0].slices[0];
    assert_eq!(source.identity().name, "org.openzfsonosx.zfs");
    assert_eq!(source.linked_at(), VmAddr(0xffff_ff7f_8765_4000));
}

#[test]
fn a_folder_is_searched_for_kexts_dsyms_and_kernels() {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("deep/er");
    fs::create_dir_all(&deep).unwrap();
    kext_bundle(&deep, "zfs", &info().xml(), Some(&program(1).binary())).unwrap();
    dsym_bundle(folder.path(), "unrelated-name", "zfs", &program(1).dsym()).unwrap();
    kext_bundle(folder.path(), "codeless", &InfoPlist::default().xml(), None).unwrap();
    fs::write(folder.path().join("notes.txt"), "not a Mach-O").unwrap();
    fs::write(folder.path().join("cut"), &program(3).binary()[..40]).unwrap();
    let kernel = Program::kernel(Arch::X86_64, 9).with(Function::new("start", 0x40));
    fs::write(folder.path().join("kernel"), kernel.binary()).unwrap();
    let symbols = open(&[(Role::Found, folder.path())]);
    assert_eq!(symbols.errors(), []);
    let names: Vec<_> = symbols
        .files()
        .iter()
        .map(|file| file.slices[0].identity().name.as_str())
        .collect();
    assert_eq!(names, ["org.openzfsonosx.zfs", "kernel"]);
    assert_eq!(detail(&symbols), Detail::Lines);
}

#[test]
fn a_searched_folder_adds_the_dsym_of_a_named_kext_and_no_second_kext() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let kext = kext_bundle(
        here.path(),
        "zfs",
        &info().xml(),
        Some(&program(1).binary()),
    )
    .unwrap();
    kext_bundle(
        there.path(),
        "copy",
        &info().xml(),
        Some(&program(1).binary()),
    )
    .unwrap();
    dsym_bundle(there.path(), "zfs.kext", "zfs", &program(1).dsym()).unwrap();
    let symbols = open(&[(Role::Found, there.path()), (Role::Kext, &kext)]);
    assert_eq!(symbols.files().len(), 1);
    assert_eq!(
        (symbols.files()[0].role, detail(&symbols)),
        (Role::Kext, Detail::Lines)
    );
}

#[test]
fn every_wrong_file_is_told_by_what_it_is() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::create_dir(at("hollow.dSYM")).unwrap();
    fs::create_dir(at("hollow.kext")).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("notes.txt"), "spa_sync hangs\n").unwrap();
    fs::write(at("elf"), b"\x7fELF\x02\x01\x01").unwrap();
    fs::write(at("pe"), b"MZ\x90\x00").unwrap();
    fs::write(at("java"), b"\xca\xfe\xba\xbe\x00\x00\x00\x41").unwrap();
    fs::write(at("stub"), &program(1).binary()[..20]).unwrap();
    let codeless = InfoPlist {
        executable: None,
        ..info()
    };
    kext_bundle(folder.path(), "codeless", &codeless.xml(), None).unwrap();
    kext_bundle(folder.path(), "gutted", &info().xml(), None).unwrap();
    kext_bundle(folder.path(), "garbled", b"<plist", None).unwrap();
    let climbing = InfoPlist {
        executable: Some("../../zfs".to_owned()),
        ..info()
    };
    kext_bundle(folder.path(), "climbing", &climbing.xml(), None).unwrap();
    let mut collection = program(1).binary_image();
    collection.file_type = FileType::Fileset;
    fs::write(at("collection"), collection.build()).unwrap();

    for (name, said) in [
        ("missing", "cannot be read: No such file"),
        (
            "folder",
            "a folder that is neither a .kext nor a .dSYM bundle",
        ),
        (
            "hollow.dSYM",
            "not a usable bundle: a .dSYM without Contents/Resources/DWARF",
        ),
        ("hollow.kext", "not a usable bundle: it has no Info.plist"),
        ("empty", "the file is empty"),
        ("notes.txt", "not a Mach-O file but text"),
        ("elf", "not a Mach-O file but an ELF file"),
        ("pe", "not a Mach-O file but a Windows program"),
        (
            "java",
            "not a Mach-O file but a Java class or a damaged fat file",
        ),
        ("stub", "damaged: the header ends early"),
        (
            "codeless.kext",
            "a kext without an executable (org.openzfsonosx.zfs)",
        ),
        (
            "gutted.kext",
            "not a usable bundle: its executable zfs cannot be read: No such file",
        ),
        (
            "garbled.kext",
            "not a usable bundle: Contents/Info.plist is neither an XML nor",
        ),
        (
            "climbing.kext",
            "not a usable bundle: the CFBundleExecutable of Contents/Info.plist is",
        ),
        (
            "collection",
            "damaged: a kernel collection without images in it",
        ),
    ] {
        let symbols = open(&[(Role::Kext, &at(name))]);
        let error = only_error(&folder, &symbols);
        assert!(error.starts_with(&format!("{name}: {said}")), "{error}");
        assert!(symbols.files().is_empty());
    }
}

#[test]
fn a_fat_bundle_joins_each_slice_with_the_dsym_of_its_uuid() {
    let folder = TempDir::new().unwrap();
    let arm = Program::kext("zfs", Arch::Arm64e, 5).with(Function::new("spa_sync", 0x40));
    let binary = fat(&[program(1).binary(), arm.binary()]);
    let kext = kext_bundle(folder.path(), "zfs", &info().xml(), Some(&binary)).unwrap();
    // The dSYM of one slice only: the other has none, and that is no error.
    dsym_bundle(folder.path(), "zfs.kext", "zfs", &arm.dsym()).unwrap();
    let symbols = open(&[(Role::Kext, &kext)]);
    assert_eq!(symbols.errors(), []);
    let details: Vec<_> = symbols.files()[0]
        .slices
        .iter()
        .map(|slice| slice.detail())
        .collect();
    assert_eq!(details, [Detail::Symbols, Detail::Lines]);
}

#[test]
fn without_uuids_a_given_dsym_of_the_same_name_is_joined() {
    let program = Program {
        uuid: None,
        ..Program::kext("zfs", Arch::I386, 0).with(Function::new("spa_sync", 0x40))
    };
    let folder = TempDir::new().unwrap();
    let binary = folder.path().join("zfs");
    fs::write(&binary, program.binary()).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let dsym = dsym_bundle(elsewhere.path(), "any", "zfs", &program.dsym()).unwrap();
    let symbols = open(&[(Role::Kext, &binary), (Role::Dsym, &dsym)]);
    assert_eq!(symbols.errors(), []);
    assert_eq!(
        (symbols.files().len(), detail(&symbols)),
        (1, Detail::Lines)
    );
}
