//! Every address of synthetic programs gets exactly the names that built it.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Certainty, Detail, Role, SymbolSet};
use kstack_synth::macho::Program;

/// Binary and dSYM of a program as one source.
fn joined(program: &Program) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, &program.name, None, program.binary());
    symbols.add_bytes(Role::Dsym, "its.dSYM", None, program.dsym());
    assert_eq!(symbols.errors(), []);
    assert_eq!(symbols.files().len(), 1);
    symbols
}

fn check_every_address(program: &Program) -> usize {
    let symbols = joined(program);
    let source = &symbols.files()[0].slices[0];
    assert_eq!(source.detail(), Detail::Lines);
    assert_eq!(source.remarks(), [] as [String; 0]);
    let mut names = source.names();
    let mut checked = 0;
    for address in program.code_start()..program.code_end() {
        let named = names.lookup(VmAddr(address)).unwrap();
        let Some(places) = program.truth(address) else {
            assert_eq!(named, None, "{address:#x} is padding");
            continue;
        };
        let named = named.unwrap();
        assert_eq!(named.certainty, Certainty::Inside);
        assert_eq!(named.frames.len(), places.len(), "at {address:#x}");
        for (frame, place) in named.frames.iter().zip(&places) {
            let raw = frame.raw.as_deref().or(frame.function.as_deref());
            assert_eq!(raw, Some(&*place.function), "at {address:#x}");
            assert_eq!(frame.file.as_deref(), Some(&*place.file), "at {address:#x}");
            assert_eq!(
                frame.line.map(u64::from),
                Some(place.line),
                "at {address:#x}"
            );
            assert_eq!(
                frame.column.map(u64::from),
                Some(place.column),
                "at {address:#x}"
            );
        }
        let holds = program
            .functions
            .iter()
            .find(|function| function.range().contains(&address));
        assert_eq!(named.start.0, holds.unwrap().start);
        assert_eq!(&*named.raw, holds.unwrap().linker_name());
        checked += 1;
    }
    checked
}

#[test]
fn every_address_is_named_from_every_dwarf_version_and_architecture() {
    for arch in [Arch::X86_64, Arch::Arm64e, Arch::I386, Arch::Ppc] {
        for version in [2, 3, 4, 5] {
            let mut program = Program::kext("demo", arch, version as u8);
            program.dwarf_version = version;
            program.add_many(40);
            assert!(check_every_address(&program) > 5000);
        }
    }
}

#[test]
fn a_kernel_is_named_where_it_is_linked() {
    for arch in [Arch::X86_64, Arch::Arm64e] {
        let mut program = Program::kernel(arch, 7);
        program.add_many(20);
        assert!(check_every_address(&program) > 2000);
    }
}
