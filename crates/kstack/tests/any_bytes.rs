//! Whatever the bytes: the whole run gives an answer and never panics.

use std::fs;
use std::path::{Path, PathBuf};

use kstack::model::{Address, Arch};
use kstack::parse::{Limits, parse};
use kstack::render::RenderOptions;
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack::{RENDERERS, ResolveOptions, resolve};
use kstack_synth::macho::Program;
use proptest::prelude::*;
use rayon::prelude::*;

/// Symbol files are large: every prefix up to this long, then that many spread over the rest.
const ALL_OF: usize = 512;
const SPREAD: usize = 64;

fn spread(length: usize) -> impl Iterator<Item = usize> {
    let step = length.saturating_sub(ALL_OF).div_ceil(SPREAD).max(1);
    (0..length.min(ALL_OF)).chain((ALL_OF..length).step_by(step))
}

fn samples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().unwrap().to_str().unwrap() {
                "src" | "expect" | "case.toml" => {}
                _ if path.is_dir() => folders.push(path),
                _ => files.push(path),
            }
        }
    }
    files.sort();
    assert!(files.len() > 10);
    files
}

fn run(report: &[u8], symbols: &SymbolSet) {
    let Ok(reports) = parse(report, &Limits::default()) else {
        return;
    };
    for report in reports {
        let trace = resolve(report, symbols, &ResolveOptions::default());
        for renderer in RENDERERS {
            (renderer.write)(&trace, &RenderOptions::default(), &mut Vec::new()).unwrap();
        }
    }
}

fn load(bytes: &[u8]) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    let placed = StatedPlace {
        segment: None,
        address: Address(0xffff_ff7f_80f0_0000),
    };
    symbols.add_bytes(Role::Kext, "any", Some(placed), bytes.to_vec());
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let mut names = source.names();
        for segment in source.segments().iter().take(64) {
            for at in [segment.range.start, segment.range.end] {
                let _ = names.lookup(at);
            }
        }
    }
    symbols
}

#[test]
fn every_prefix_of_every_sample_gives_an_answer() {
    samples().par_iter().for_each(|path| {
        let bytes = fs::read(path).unwrap();
        if parse(&bytes, &Limits::default()).is_err() {
            for length in spread(bytes.len()) {
                load(&bytes[..length]);
            }
            return;
        }
        for length in 0..bytes.len() {
            let _ = parse(&bytes[..length], &Limits::default());
        }
        for length in (0..bytes.len()).step_by(bytes.len() / SPREAD + 1) {
            run(&bytes[..length], &SymbolSet::default());
        }
    });
}

#[test]
fn a_damaged_symbol_file_costs_names_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/zpool-hang");
    let report = fs::read(root.join("stackshot.log")).unwrap();
    let dwarf = fs::read(root.join("spl.kext.dSYM/Contents/Resources/DWARF/spl")).unwrap();
    for at in (0..dwarf.len()).step_by(dwarf.len() / 150) {
        let mut damaged = dwarf.clone();
        damaged[at] ^= 0xff;
        run(&report, &load(&damaged));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_a_report_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        run(&bytes, &SymbolSet::default());
    }

    #[test]
    fn any_bytes_are_a_symbol_file_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        load(&bytes);
    }

    #[test]
    fn a_flipped_byte_of_a_symbol_file_is_survived(at in 0..1_000_000_usize, flip in 1..=255_u8) {
        let mut program = Program::kext("spl", Arch::X86_64, 1);
        program.add_many(8);
        let mut bytes = program.dsym();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        load(&bytes);
    }
}
