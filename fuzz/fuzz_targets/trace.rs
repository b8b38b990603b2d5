//! Any bytes as a report, resolved with symbols at hand and written by every renderer.
#![no_main]

use std::io::ErrorKind;
use std::sync::LazyLock;

use kstack::model::{Address, Arch};
use kstack::render::RenderOptions;
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack::{RENDERERS, ResolveOptions, resolve};
use kstack_fuzz::LIMITS;
use kstack_parse::parse;
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
    for report in parse(bytes, &LIMITS).unwrap_or_default() {
        let trace = resolve(report, &SYMBOLS, &ResolveOptions::default());
        for renderer in RENDERERS {
            let mut out = Vec::new();
            match (renderer.write)(&trace, &RenderOptions::default(), &mut out) {
                Ok(()) => {}
                // A picture of nothing is refused.
                Err(why) => assert_eq!(why.kind(), ErrorKind::InvalidInput, "{why}"),
            }
            // Whatever a report holds, no control character of it reaches a terminal.
            let text = str::from_utf8(&out).expect("renderers write text");
            assert!(
                !text.contains(
                    |character: char| character.is_control() && !"\n\t".contains(character)
                ),
                "{} wrote a control character",
                renderer.name
            );
        }
    }
});
