//! A kext at its load address: every name and line goes with it.

use kstack_model::{Address, Arch, VmAddr};
use kstack_symbols::{Role, StatedPlace, SymbolSet, link};
use kstack_synth::macho::Program;
use proptest::prelude::*;

fn program(arch: Arch, dwarf_version: u16) -> Program {
    let mut program = Program::kext("zfs", arch, 1);
    program.dwarf_version = dwarf_version;
    program.function_starts = true;
    program.add_many(40);
    program
}

fn at(segment: Option<&str>, address: u64) -> StatedPlace {
    StatedPlace {
        segment: segment.map(str::to_owned),
        address: Address(address),
    }
}

fn open(files: &[(Role, Vec<u8>)]) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    for (role, bytes) in files {
        symbols.add_bytes(*role, "zfs", None, bytes.clone());
    }
    symbols
}

fn both(program: &Program) -> SymbolSet {
    open(&[(Role::Kext, program.binary()), (Role::Dsym, program.dsym())])
}

/// Asks the program as it was, and what it was linked to, about the same code.
fn assert_moved_whole(program: &Program, places: &[StatedPlace], moved: u64) {
    let before = both(program);
    let linked = link(&before.files()[0].slices[0], places).unwrap();
    assert!(linked.left.is_empty());
    // The new dSYM alone: nothing of the old addresses helps.
    let after = open(&[(Role::Dsym, linked.dsym.unwrap())]);
    let binary = open(&[(Role::Kext, linked.binary.unwrap())]);
    let source = &before.files()[0].slices[0];
    let (mut old, mut new) = (source.names(), after.files()[0].slices[0].names());
    let mut bare = binary.files()[0].slices[0].names();
    let mut named = 0;
    for offset in (program.code_start()..program.code_end()).step_by(4) {
        let there = VmAddr(offset.wrapping_add(moved));
        let (was, is) = (
            old.lookup(VmAddr(offset)).unwrap(),
            new.lookup(there).unwrap(),
        );
        let Some(was) = was.filter(|was| !was.frames.is_empty()) else {
            continue;
        };
        let is = is.unwrap();
        assert_eq!((is.frames, is.name), (was.frames, was.name.clone()));
        assert_eq!(is.start.0, was.start.0.wrapping_add(moved));
        assert_eq!(bare.lookup(there).unwrap().unwrap().start, is.start);
        named += 1;
    }
    assert!(named > 1000, "{named}");
}

#[test]
fn every_version_of_dwarf_moves_with_the_kext() {
    for version in 2..=5 {
        let program = program(Arch::X86_64, version);
        let base = 0xffff_ff7f_80f0_0000;
        assert_moved_whole(&program, &[at(None, base)], base);
    }
}

#[test]
fn segments_that_lie_apart_move_each_on_its_own() {
    let mut program = program(Arch::Arm64e, 4);
    // Function starts count from the header, which is no longer near: they are left out.
    program.function_starts = false;
    let places = [
        at(Some("__TEXT"), 0xffff_fe00_0720_0000),
        at(Some("__TEXT_EXEC"), 0xffff_fe00_0840_0000 + 0x8000),
        at(Some("__DATA"), 0xffff_fe00_0960_0000),
    ];
    assert_moved_whole(&program, &places, 0xffff_fe00_0840_0000);
}

#[test]
fn a_segment_it_does_not_have_is_told_with_those_it_has() {
    let symbols = both(&program(Arch::X86_64, 4));
    let source = &symbols.files()[0].slices[0];
    let error = link(source, &[at(Some("__TEXT_EXEC"), 0)]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no segment __TEXT_EXEC, only __TEXT, __DATA, __LINKEDIT"),
        "{error}"
    );
}

#[test]
fn what_is_not_placed_is_left_and_said() {
    let symbols = both(&program(Arch::Arm64e, 4));
    let source = &symbols.files()[0].slices[0];
    let linked = link(source, &[at(Some("__TEXT_EXEC"), 0xffff_fe00_0840_0000)]).unwrap();
    assert_eq!(linked.left, ["__TEXT", "__DATA"]);
}

proptest! {
    #[test]
    fn any_change_to_a_dsym(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        version in 2..=5_u16,
    ) {
        let mut program = Program::kext("zfs", Arch::X86_64, 1);
        program.dwarf_version = version;
        program.add_many(4);
        let mut dsym = program.dsym();
        for (at, value) in changes {
            let at = at.index(dsym.len());
            dsym[at] = value;
        }
        let symbols = open(&[(Role::Dsym, dsym)]);
        for source in symbols.files().iter().flat_map(|file| &file.slices) {
            let _ = link(source, &[at(None, 0xffff_ff7f_80f0_0000)]);
        }
    }
}
