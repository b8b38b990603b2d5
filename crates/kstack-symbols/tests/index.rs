//! The index: it proposes files by UUID, and nothing about it can do harm.

use std::fs;

use kstack_model::{Arch, Uuid};
use kstack_symbols::{Index, Request, Role, SymbolSet};
use kstack_synth::macho::{Function, Program, complzss, fileset, im4p};
use proptest::prelude::*;
use tempfile::TempDir;

fn uuid(seed: u8) -> Uuid {
    Uuid::from_bytes([seed; 16])
}

fn kext(seed: u8) -> Vec<u8> {
    let program = Program::kext("zfs", Arch::X86_64, seed);
    program.with(Function::new("spa_sync", 0x40)).binary()
}

/// A folder with one kext, and where its index is to be.
fn folder(name: &str, seed: u8) -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), kext(seed)).unwrap();
    let index = folder.path().join("cache/index");
    (folder, index)
}

#[test]
fn an_indexed_file_is_found_by_its_uuid() {
    let (folder, file) = folder("zfs", 1);
    let indexed = Index::update(&file, folder.path()).unwrap();
    assert_eq!((indexed.files, indexed.remarks.len()), (1, 0));
    let (index, note) = Index::read(&file);
    assert_eq!(note, None);
    assert_eq!(index.find(uuid(1)).len(), 1);
    assert!(index.find(uuid(2)).is_empty());
}

#[test]
fn the_images_of_a_collection_are_found_too() {
    let folder = TempDir::new().unwrap();
    let kext = Program::kext("zfs", Arch::X86_64, 3).with(Function::new("spa_sync", 0x40));
    let kext = kext.binary_image().moved(|_| 0xffff_ff7f_80e5_0000);
    let collection = fileset(uuid(9), &[("org.example.zfs", kext)]);
    fs::write(folder.path().join("Boot.kc"), collection).unwrap();
    let file = folder.path().join("cache/index");
    Index::update(&file, folder.path()).unwrap();
    assert!(Index::read(&file).0.find(uuid(3))[0].ends_with("Boot.kc"));
}

#[test]
fn a_packed_kernel_in_a_folder_was_passed_over() {
    let kernel = Program::kernel(Arch::X86_64, 4).with(Function::new("panic", 0x40));
    let kernel = kernel.binary();
    let mut lzfse = Vec::new();
    lzfse_rust::encode_bytes(&kernel, &mut lzfse).unwrap();
    for packed in [
        complzss(&kernel),
        im4p(&complzss(&kernel)),
        im4p(&lzfse),
        lzfse,
    ] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("kernelcache"), packed).unwrap();
        let symbols = SymbolSet::open(&[Request {
            role: Role::Found,
            path: folder.path().to_owned(),
            placed: None,
        }]);
        assert_eq!(symbols.files()[0].slices[0].identity().uuid, Some(uuid(4)));
        let file = folder.path().join("cache/index");
        Index::update(&file, folder.path()).unwrap();
        assert!(Index::read(&file).0.find(uuid(4))[0].ends_with("kernelcache"));
    }
}

#[test]
fn other_boot_images_are_not_unpacked_in_search_of_kernels() {
    let kernel = Program::kernel(Arch::X86_64, 4).binary();
    let mut image = im4p(&kernel);
    let kind = image
        .windows(4)
        .position(|window| window == b"krnl")
        .unwrap();
    image[kind..kind + 4].copy_from_slice(b"logo");
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("logo.im4p"), image).unwrap();
    let file = folder.path().join("cache/index");
    let indexed = Index::update(&file, folder.path()).unwrap();
    assert_eq!((indexed.files, indexed.remarks.len()), (0, 0));
}

#[test]
fn a_file_that_changed_or_went_is_not_proposed() {
    let (folder, file) = folder("zfs", 1);
    Index::update(&file, folder.path()).unwrap();
    let kext_file = folder.path().join("zfs");
    let mut longer = kext(1);
    longer.push(0);
    fs::write(&kext_file, longer).unwrap();
    assert!(Index::read(&file).0.find(uuid(1)).is_empty());
    fs::remove_file(&kext_file).unwrap();
    assert!(Index::read(&file).0.find(uuid(1)).is_empty());
    // Indexing again forgets it.
    assert_eq!(Index::update(&file, folder.path()).unwrap().files, 0);
}

#[test]
fn indexing_one_folder_keeps_what_is_known_of_others() {
    let (one, file) = folder("zfs", 1);
    let (other, _) = folder("spl", 2);
    Index::update(&file, one.path()).unwrap();
    Index::update(&file, other.path()).unwrap();
    let (index, _) = Index::read(&file);
    assert_eq!(
        (index.find(uuid(1)).len(), index.find(uuid(2)).len()),
        (1, 1)
    );
}

#[test]
fn several_may_index_at_once() {
    let folders: Vec<_> = (1..9).map(|seed| folder("zfs", seed)).collect();
    let file = folders[0].1.clone();
    std::thread::scope(|scope| {
        for (folder, _) in &folders {
            scope.spawn(|| Index::update(&file, folder.path()).unwrap());
        }
    });
    let (index, note) = Index::read(&file);
    assert_eq!(note, None);
    assert!((1..9).all(|seed| index.find(uuid(seed)).len() == 1));
}

#[test]
fn of_a_damaged_index_the_sound_lines_serve() {
    let (folder, file) = folder("zfs", 1);
    Index::update(&file, folder.path()).unwrap();
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("garbage\n12\t13\tno-uuid\t/x\n");
    fs::write(&file, text).unwrap();
    let (index, note) = Index::read(&file);
    assert_eq!(index.find(uuid(1)).len(), 1);
    assert!(note.unwrap().contains("2 damaged lines are ignored"));
    fs::write(&file, "something else").unwrap();
    let (index, note) = Index::read(&file);
    assert_eq!(index, Index::default());
    assert!(note.unwrap().contains("it is ignored"));
}

#[test]
fn an_index_that_cannot_be_written_is_an_error_that_names_it() {
    let (folder, _) = folder("zfs", 1);
    // The folder for the index is a file.
    let file = folder.path().join("zfs/index");
    let error = Index::update(&file, folder.path()).unwrap_err();
    assert!(error.path.ends_with("zfs"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_as_index(bytes in prop::collection::vec(any::<u8>(), 0..300), headed in any::<bool>()) {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("index");
        let header: &[u8] = if headed { b"kstack-index 1\n" } else { b"" };
        fs::write(&file, [header, &bytes].concat()).unwrap();
        let (index, _) = Index::read(&file);
        prop_assert!(index.find(uuid(1)).is_empty());
    }
}
