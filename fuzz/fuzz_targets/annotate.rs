//! Any bytes as a text that gets names; without what was added it is the text that came in.
#![no_main]

use std::sync::LazyLock;

use kstack::annotate::{AnnotateOptions, Annotator};
use kstack::model::{Address, Arch, Report};
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_synth::macho::Program;
use libfuzzer_sys::fuzz_target;

static SYMBOLS: LazyLock<SymbolSet> = LazyLock::new(|| {
    let mut symbols = SymbolSet::default();
    for (seed, name) in [(1, "zfs"), (2, "spl")] {
        let mut program = Program::kext(name, Arch::X86_64, seed);
        program.add_many(6);
        let place = StatedPlace {
            segment: None,
            address: Address(0xffff_ff7f_8000_0000 + (u64::from(seed) << 24)),
        };
        symbols.add_bytes(Role::Kext, name, Some(place), program.dsym());
    }
    symbols
});

fuzz_target!(|bytes: &[u8]| {
    let mut annotator =
        Annotator::new(Report::default(), &SYMBOLS, AnnotateOptions::default());
    let mut out = Vec::new();
    annotator
        .copy(&mut &bytes[..], &mut out)
        .expect("memory takes what is written");
    assert!(is_kept(bytes, &out), "a byte of the text was changed");
});

/// Whether the text stands in the output in its order: what is added goes between its bytes.
fn is_kept(text: &[u8], out: &[u8]) -> bool {
    let mut out = out.iter();
    text.iter().all(|byte| out.any(|other| other == byte))
}
