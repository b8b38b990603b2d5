//! Any bytes: no panic, no hang, no memory without end.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Role, SymbolSet};
use kstack_synth::macho::{InfoPlist, Program, Symbol, fat, kext_bundle};
use proptest::prelude::*;

/// Asks everything there is to ask.
fn use_all_of(bytes: Vec<u8>) {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "any", None, bytes);
    for error in symbols.errors() {
        assert!(!error.to_string().is_empty());
    }
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let _ = (source.detail(), source.remarks(), source.linked_at());
        let mut names = source.names();
        let sections = source
            .segments()
            .iter()
            .flat_map(|segment| &segment.sections);
        for section in sections.take(20) {
            let (start, end) = (section.range.start.0, section.range.end.0);
            let middle = start / 2 + end / 2;
            for at in [
                start,
                start.wrapping_add(0x25),
                middle,
                end.wrapping_sub(1),
                end,
            ] {
                let _ = names.lookup(VmAddr(at));
                let _ = source.virtual_at(VmAddr(at));
            }
        }
        for at in [0, 0x1004, 0x8010, u64::MAX - 1, u64::MAX] {
            let _ = names.lookup(VmAddr(at));
        }
    }
}

fn program(arch: Arch, dwarf_version: u16) -> Program {
    let mut program = Program::kext("demo", arch, 1);
    program.dwarf_version = dwarf_version;
    program.function_starts = true;
    program.add_many(6);
    program.exports = program
        .functions
        .iter()
        .map(|function| (format!("_{}", function.name), function.start))
        .collect();
    program
}

/// The binary without names of functions, with a virtual table of them.
fn with_table(program: &Program) -> Vec<u8> {
    let mut image = program.binary_image();
    let at = program.data_start() + 0x4000;
    let table = Symbol::external("__ZTV4Demo", program.data_section(), at);
    image.symbols = vec![table, Symbol::undefined("__ZN11OSMetaClassC2EPKcPKS_j")];
    image.exports = Vec::new();
    let functions = program.functions.iter().map(|function| function.start);
    let words = [0, 0].into_iter().chain(functions);
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.resize(0x100, 0);
    let data = image
        .segments
        .iter_mut()
        .find(|segment| segment.name == "__DATA");
    data.unwrap().sections[0].data = Some(bytes);
    image.build()
}

/// Files of several kinds, to be damaged.
fn files() -> Vec<Vec<u8>> {
    let (intel, arm, ppc) = (
        program(Arch::X86_64, 4),
        program(Arch::Arm64e, 5),
        program(Arch::Ppc, 2),
    );
    vec![
        intel.binary(),
        arm.binary(),
        ppc.binary(),
        with_table(&intel),
        with_table(&arm),
        intel.dsym(),
        arm.dsym(),
        ppc.dsym(),
        fat(&[intel.binary(), arm.dsym()]),
    ]
}

#[test]
fn a_file_may_end_anywhere() {
    for file in files() {
        // Every byte of the headers, then steps that hit every field in turn.
        let ends = (0..0x300).chain((0x300..file.len()).step_by(37));
        for end in ends {
            use_all_of(file[..end.min(file.len())].to_vec());
        }
    }
}

#[test]
fn every_field_of_the_headers_may_hold_its_greatest_value() {
    for file in files() {
        for at in (0..0x600.min(file.len().saturating_sub(4))).step_by(4) {
            let mut file = file.clone();
            file[at..at + 4].fill(0xff);
            use_all_of(file);
        }
    }
}

#[test]
fn a_string_table_without_an_end_costs_no_square_of_its_size() {
    let mut image = Program::kext("demo", Arch::X86_64, 1).binary_image();
    let (count, long) = (20_000, 400_000);
    for index in 0..count {
        image
            .symbols
            .push(Symbol::external("", 1, 0x1000 + index % 16));
    }
    image
        .symbols
        .push(Symbol::external(&"x".repeat(long), 1, 0x1000));
    let mut file = image.build();
    // The strings come last: every name now reaches to the end of the file.
    for byte in file.iter_mut().rev().take(long + 20_000) {
        *byte = b'x';
    }
    use_all_of(file);
}

#[test]
fn many_names_of_one_virtual_table_cost_no_square_of_its_size() {
    const MANY: usize = 30_000;
    let program = program(Arch::X86_64, 4);
    let mut image = program.binary_image();
    let at = program.data_start() + 0x4000;
    let function = program.functions[0].start;
    let table = Symbol::external("__ZTV4Demo", program.data_section(), at);
    image.symbols = vec![table; MANY];
    let mut data = vec![0; 16];
    data.extend(function.to_le_bytes().repeat(MANY));
    let segments = &mut image.segments;
    let segment = segments.iter_mut().find(|segment| segment.name == "__DATA");
    let segment = segment.unwrap();
    let size = data.len() as u64;
    segment.vmsize = size.next_multiple_of(0x4000);
    segment.sections[0].size = size;
    segment.sections[0].data = Some(data);
    use_all_of(image.build());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        use_all_of(bytes);
    }

    #[test]
    fn any_bytes_behind_a_magic(
        magic in prop::sample::select(vec![
            0xfeed_facf_u32, 0xcffa_edfe, 0xfeed_face, 0xcefa_edfe, 0xcafe_babe, 0xcafe_babf,
        ]),
        bytes in proptest::collection::vec(any::<u8>(), 0..512),
    ) {
        use_all_of([&magic.to_be_bytes()[..], &bytes].concat());
    }

    #[test]
    fn any_few_bytes_changed(
        which in 0..7_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut file = files().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        use_all_of(file);
    }

    #[test]
    fn any_info_plist(which in 0..2_usize, at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let info = InfoPlist {
            executable: Some("demo".to_owned()),
            identifier: Some("org.example.demo".to_owned()),
            version: None,
        };
        let mut plist = vec![info.xml(), info.binary()].swap_remove(which);
        let at = at.index(plist.len());
        plist[at] = value;
        let folder = tempfile::tempdir().unwrap();
        let kext = kext_bundle(folder.path(), "demo", &plist, None).unwrap();
        let request = kstack_symbols::Request { role: Role::Kext, path: kext, placed: None };
        let symbols = SymbolSet::open(&[request]);
        prop_assert_eq!(symbols.errors().len(), 1);
    }
}
