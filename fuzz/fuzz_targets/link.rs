//! Pieces of a kext and of its dSYM, which are linked elsewhere and opened again.
#![no_main]

use std::sync::LazyLock;

use kstack_fuzz::{ask, pieces};
use kstack_model::Address;
use kstack_symbols::{Role, StatedPlace, SymbolSet, link};
use kstack_synth::macho::Program;
use libfuzzer_sys::fuzz_target;

/// Kexts and their dSYMs.
static BUILDS: LazyLock<Vec<[Vec<u8>; 2]>> = LazyLock::new(|| {
    let programs = Program::of_every_kind().into_iter();
    let builds = programs.map(|program| [program.binary(), program.dsym()]);
    builds.collect()
});

const ROLES: [Role; 2] = [Role::Kext, Role::Dsym];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let mut build = BUILDS[usize::from(*which) % BUILDS.len()].clone();
    for piece in pieces(bytes) {
        piece.put_or_cut(&mut build[usize::from(piece.part) % 2]);
    }
    let symbols = open(ROLES.into_iter().zip(build));
    let place = |segment: Option<&str>, address| StatedPlace {
        segment: segment.map(str::to_owned),
        address: Address(address),
    };
    let whole = [place(None, 0xffff_ff7f_80f0_0000)];
    let apart = [
        place(Some("__TEXT"), 0xffff_fe00_0720_0000),
        place(Some("__DATA"), 0x10),
    ];
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        for places in [&whole[..], &apart] {
            match link(source, places) {
                Ok(linked) => {
                    let files = ROLES.into_iter().zip([linked.binary, linked.dsym]);
                    let files = files.filter_map(|(role, file)| Some((role, file?)));
                    ask(&open(files));
                }
                Err(why) => assert!(!why.to_string().is_empty()),
            }
        }
    }
});

fn open(files: impl Iterator<Item = (Role, Vec<u8>)>) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    for (role, bytes) in files {
        symbols.add_bytes(role, "demo", None, bytes);
    }
    symbols
}
