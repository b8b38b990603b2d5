//! Kernel collections: every image in them answers where it is linked, whatever wraps them.

use kstack_model::{Arch, Uuid, VmAddr};
use kstack_symbols::{Detail, FileKind, Role, SymbolSet, SymbolSource};
use kstack_synth::macho::{
    Function, Image, Program, complzss, compressed, fileset, im4p, prelinked, prelinked_image,
};
use proptest::prelude::*;

const UUID: Uuid = Uuid::from_bytes([9; 16]);

fn kernel(arch: Arch) -> Program {
    Program::kernel(arch, 1).with(Function::new("thread_block", 0x40))
}

fn kext(arch: Arch, seed: u8, name: &str) -> Program {
    Program::kext("zfs", arch, seed).with(Function::new(name, 0x40))
}

/// The segments of a kext as a collection has them: far from each other.
fn apart(image: Image) -> Image {
    image.moved(|segment| match segment {
        "__TEXT" => 0xffff_fe00_0720_0000,
        "__TEXT_EXEC" => 0xffff_fe00_0840_0000,
        _ => 0xffff_fe00_0960_0000,
    })
}

fn collection(arch: Arch) -> Vec<u8> {
    let kext = kext(arch, 2, "spa_sync").binary_image();
    fileset(
        UUID,
        &[
            ("com.apple.kernel", kernel(arch).binary_image()),
            ("org.example.zfs", apart(kext)),
        ],
    )
}

fn open(role: Role, bytes: Vec<u8>) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(role, "kc", None, bytes);
    symbols
}

fn sources(symbols: &SymbolSet) -> Vec<&SymbolSource> {
    symbols
        .files()
        .iter()
        .flat_map(|file| &file.slices)
        .collect()
}

fn name(source: &SymbolSource, at: u64) -> Option<String> {
    let named = source.names().lookup(VmAddr(at)).unwrap();
    named.map(|named| named.name.to_string())
}

fn assert_names_kernel_and_kext(file: Vec<u8>) {
    let symbols = open(Role::Kernel, file);
    assert_eq!(symbols.errors(), []);
    let names: Vec<_> = sources(&symbols)
        .iter()
        .map(|source| source.identity().name.clone())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let kernel = sources(&symbols)[0];
    assert_eq!(kernel.kind(), FileKind::Kernel);
}

#[test]
fn the_entries_of_a_fileset_are_images_with_segments_of_their_own() {
    let symbols = open(Role::Kernel, collection(Arch::Arm64e));
    assert_eq!(symbols.errors(), []);
    let roles: Vec<Role> = symbols.files().iter().map(|file| file.role).collect();
    assert_eq!(roles, [Role::Kernel, Role::Found]);
    let [kernel, kext] = sources(&symbols)[..] else {
        panic!("two images")
    };
    assert_eq!(kernel.kind(), FileKind::Kernel);
    assert_eq!(kext.kind(), FileKind::Kext);
    let identity = kext.identity();
    assert_eq!(
        identity.bundle_identifier.as_deref(),
        Some("org.example.zfs")
    );
    assert_eq!(identity.paths, ["kc(org.example.zfs)"]);
    assert_eq!(identity.uuid, Some(Uuid::from_bytes([2; 16])));
    let collection = kext.collection().unwrap();
    assert_eq!(collection.uuid, Some(UUID));
    assert!(collection.has_kernel);
    assert_eq!(
        name(kext, 0xffff_fe00_0840_8004).as_deref(),
        Some("spa_sync")
    );
    assert_eq!(name(kext, 0x8004), None);
    let at = self::kernel(Arch::Arm64e).code_start() + 4;
    assert_eq!(name(kernel, at).as_deref(), Some("thread_block"));
}

#[test]
fn a_dsym_of_a_kext_serves_its_copy_in_a_collection() {
    for arch in [Arch::Arm64e, Arch::X86_64] {
        let program = kext(arch, 2, "spa_sync");
        let mut symbols = open(Role::Kernel, collection(arch));
        symbols.add_bytes(Role::Dsym, "zfs.dSYM", None, program.dsym());
        let kext = sources(&symbols)[1];
        assert_eq!(kext.detail(), Detail::Lines);
        let moved = match arch {
            Arch::Arm64e => 0xffff_fe00_0840_0000,
            _ => 0xffff_fe00_0720_0000_u64,
        };
        let start = program.code_start() + moved;
        let named = kext.names().lookup(VmAddr(start + 4)).unwrap().unwrap();
        assert_eq!(&*named.name, "spa_sync");
        assert_eq!(named.start, VmAddr(start));
        assert_eq!(named.frames[0].line, Some(10));
    }
}

#[test]
fn a_sym_file_uses_the_dsym_of_the_kext_it_was_linked_from() {
    let program = kext(Arch::X86_64, 2, "spa_sync");
    let linked = program.binary_image().moved(|_| 0xffff_ff7f_80e5_0000);
    let mut symbols = open(Role::Kext, linked.build());
    symbols.add_bytes(Role::Dsym, "zfs.dSYM", None, program.dsym());
    let start = program.code_start() + 0xffff_ff7f_80e5_0000;
    let named = sources(&symbols)[0].names().lookup(VmAddr(start)).unwrap();
    assert_eq!(named.unwrap().frames[0].line, Some(10));
}

#[test]
fn a_prelinked_kernel_lists_its_kexts() {
    let kernel = kernel(Arch::X86_64);
    let kext = |seed, at| {
        let program = kext(Arch::X86_64, seed, &format!("function_{seed}"));
        program.binary_image().moved(|_| at).build()
    };
    let file = prelinked(
        &kernel.binary_image(),
        &[
            ("org.example.a", kext(3, 0xffff_ff7f_80a0_0000)),
            ("org.example.b", kext(4, 0xffff_ff7f_80b0_0000)),
        ],
    );
    let symbols = open(Role::Kernel, file);
    assert_eq!(symbols.errors(), []);
    let sources = sources(&symbols);
    let at = kernel.code_start() + 4;
    assert_eq!(name(sources[0], at).as_deref(), Some("thread_block"));
    let at = 0xffff_ff7f_80b0_1004;
    assert_eq!(name(sources[2], at).as_deref(), Some("function_4"));
    let identity = sources[2].identity();
    assert_eq!(identity.name, "org.example.b");
    assert_eq!(identity.version.as_deref(), Some("1.0"));
}

#[test]
fn a_prelinked_kernel_of_powerpc_lists_its_kexts() {
    let kext = kext(Arch::Ppc, 3, "spa_sync").binary_image();
    let kext = kext.moved(|_| 0x90_0000).build();
    let kernel = kernel(Arch::Ppc).binary_image();
    let symbols = open(Role::Kernel, prelinked(&kernel, &[("org.example.a", kext)]));
    assert_eq!(symbols.errors(), []);
    let at = 0x90_0000 + self::kext(Arch::Ppc, 3, "spa_sync").code_start() + 4;
    assert_eq!(name(sources(&symbols)[1], at).as_deref(), Some("spa_sync"));
}

/// A prelinked kernel with two kexts, of whose list the address of the second was changed.
fn prelinked_with(address: &str) -> SymbolSet {
    let kext = |seed, at| {
        kext(Arch::X86_64, seed, "f")
            .binary_image()
            .moved(|_| at)
            .build()
    };
    let kexts = [
        ("org.example.a", kext(3, 0xffff_ff7f_80a0_0000)),
        ("org.example.b", kext(4, 0xffff_ff7f_80b0_0000)),
    ];
    let mut file = prelinked_image(&kernel(Arch::X86_64).binary_image(), &kexts);
    let list = file.segments.last_mut().unwrap();
    let section = &mut list.sections[0];
    let text = String::from_utf8(section.data.take().unwrap()).unwrap();
    let field = "_PrelinkExecutableSourceAddr</key><integer size=\"64\">";
    let starts: Vec<_> = text
        .match_indices(field)
        .map(|(at, _)| at + field.len())
        .collect();
    let length = text[starts[1]..].find('<').unwrap();
    let address = match address {
        "that of the first" => text[starts[0]..][..length].to_owned(),
        address => format!("{address:length$}"),
    };
    let text = [&text[..starts[1]], &address, &text[starts[1] + length..]].concat();
    section.data = Some(text.into_bytes());
    open(Role::Kernel, file.build())
}

#[test]
fn a_kext_that_a_prelinked_kernel_says_is_elsewhere_costs_itself_and_is_told() {
    for (address, told) in [
        ("0x42", "the kernel has nothing at 0x42"),
        ("that of the first", "points into another"),
        ("<", "the list of kexts in it is damaged"),
    ] {
        let symbols = prelinked_with(address);
        assert_eq!(sources(&symbols).len(), 2);
        let [error] = symbols.errors() else {
            panic!("{address}: {:?}", symbols.errors())
        };
        let is_list = address == "<";
        assert_eq!(error.path, if is_list { "kc" } else { "kc(org.example.b)" });
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn compressed_and_wrapped_kernel_caches_open_directly() {
    let file = collection(Arch::Arm64e);
    let mut lzfse = Vec::new();
    lzfse_rust::encode_bytes(&file, &mut lzfse).unwrap();
    assert_names_kernel_and_kext(complzss(&file));
    assert_names_kernel_and_kext(lzfse.clone());
    assert_names_kernel_and_kext(im4p(&file));
    assert_names_kernel_and_kext(im4p(&complzss(&file)));
    assert_names_kernel_and_kext(im4p(&lzfse));
}

#[test]
fn an_lzvn_kernel_cache_opens() {
    // A short input is what LZFSE packs as LZVN: its block holds the payload that `complzvn` has bare.
    let file = collection(Arch::X86_64);
    let small = &file[..3000];
    let mut stream = Vec::new();
    lzfse_rust::encode_bytes(small, &mut stream).unwrap();
    assert!(stream.starts_with(b"bvxn"));
    let payload = &stream[12..stream.len() - 4];
    let symbols = open(Role::Kernel, compressed(b"lzvn", small, payload));
    // It opens; that the collection in it is cut is another matter.
    let errors: Vec<_> = symbols.errors().iter().map(ToString::to_string).collect();
    assert!(
        errors.iter().all(|error| !error.contains("compressed")),
        "{errors:?}"
    );
}

fn error(bytes: Vec<u8>) -> String {
    let symbols = open(Role::Kernel, bytes);
    assert!(symbols.files().is_empty());
    symbols.errors()[0].to_string()
}

#[test]
fn a_compressed_kernel_that_lies_about_its_size_is_told() {
    let file = collection(Arch::X86_64);
    let with_size = |size: u32| {
        let mut packed = complzss(&file);
        packed[12..16].copy_from_slice(&size.to_be_bytes());
        packed
    };
    assert!(error(with_size(u32::MAX)).contains("would have 4294967295 bytes"));
    let more = u32::try_from(file.len()).unwrap() + 1;
    assert!(error(with_size(more)).contains(&format!("states {more} bytes and has")));
    assert!(error(with_size(8)).contains("checksum"));
    let mut changed = complzss(&file);
    *changed.last_mut().unwrap() ^= 1;
    assert!(error(changed).contains("checksum"));
}

#[test]
fn what_is_wrapped_over_and_over_is_refused() {
    let mut file = kernel(Arch::X86_64).binary();
    for _ in 0..20 {
        file = im4p(&file);
    }
    assert!(error(file).contains("wrapped too many times"));
}

/// Where the offset of the entry with this number stands in the file.
fn offset_field(file: &[u8], number: usize) -> usize {
    let mut at = 32;
    let mut entries = 0;
    loop {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        if word(at) == 0x8000_0035 {
            if entries == number {
                return at + 16;
            }
            entries += 1;
        }
        at += word(at + 4) as usize;
    }
}

#[test]
fn an_entry_that_points_elsewhere_costs_only_itself() {
    let whole = collection(Arch::Arm64e);
    let first = whole[offset_field(&whole, 0)..][..8].to_vec();
    for elsewhere in [
        u64::MAX.to_le_bytes().to_vec(),
        (whole.len() as u64 - 3).to_le_bytes().to_vec(),
        0_u64.to_le_bytes().to_vec(),
        first,
    ] {
        let mut file = whole.clone();
        let at = offset_field(&file, 1);
        file[at..at + 8].copy_from_slice(&elsewhere);
        let symbols = open(Role::Kernel, file);
        assert_eq!(sources(&symbols).len(), 1);
        assert_eq!(symbols.errors().len(), 1);
        assert_eq!(symbols.errors()[0].path, "kc(org.example.zfs)");
    }
}

fn use_all_of(bytes: Vec<u8>) {
    let symbols = open(Role::Kernel, bytes);
    for source in sources(&symbols) {
        let _ = (source.detail(), source.remarks());
        let mut names = source.names();
        for segment in source.segments().iter().take(8) {
            let _ = names.lookup(segment.range.start);
            let _ = names.lookup(VmAddr(segment.range.start.0.wrapping_add(0x1004)));
        }
    }
}

proptest! {
    #[test]
    fn any_change_to_a_collection(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        wrapped in 0..3,
    ) {
        let mut file = collection(Arch::Arm64e);
        if wrapped == 1 {
            file = complzss(&file);
        } else if wrapped == 2 {
            file = prelinked(
                &kernel(Arch::X86_64).binary_image(),
                &[("org.example.a", kext(Arch::X86_64, 3, "f").binary())],
            );
        }
        for (at, value) in changes {
            // Headers are where the lies are.
            let at = at.index(file.len().min(0x2000));
            file[at] = value;
        }
        use_all_of(file);
    }

    #[test]
    fn any_prefix_of_a_collection(end in 0..0x9000_usize) {
        let file = collection(Arch::Arm64e);
        use_all_of(file[..end.min(file.len())].to_vec());
    }
}
