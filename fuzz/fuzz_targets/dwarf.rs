//! Pieces of the debug information of a dSYM that is sound otherwise, asked at many addresses.
#![no_main]

use std::sync::LazyLock;

use kstack_fuzz::{ask_at, pieces};
use kstack_model::VmAddr;
use kstack_symbols::{Named, Role, SourceFrame, SymbolSet, SymbolSource};
use kstack_synth::macho::{Image, Program};
use libfuzzer_sys::fuzz_target;

/// The part of a piece with this bit replaces its section.
const WHOLE: u8 = 0x80;

static PROGRAMS: LazyLock<Vec<(Program, Image)>> = LazyLock::new(|| {
    let programs = Program::of_every_kind().into_iter();
    let with_dsyms = programs.map(|program| (program.dsym_image(), program));
    with_dsyms.map(|(dsym, program)| (program, dsym)).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let (program, dsym) = &PROGRAMS[usize::from(*which) % PROGRAMS.len()];
    let mut dsym = dsym.clone();
    let dwarf = dsym.segments.last_mut().expect("a dSYM has DWARF");
    for piece in pieces(bytes) {
        let number = usize::from(piece.part & !WHOLE) % dwarf.sections.len();
        let section = &mut dwarf.sections[number];
        let data = section.data.get_or_insert_default();
        match piece.part & WHOLE {
            0 => piece.put(data),
            _ => *data = piece.with.to_vec(),
        }
        section.size = data.len() as u64;
    }
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Dsym, "demo.dSYM", None, dsym.build());
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let _ = source.detail();
        let code = program.code_start()..program.code_end();
        let mut addresses: Vec<u64> = code.step_by(0x14).collect();
        ask_at(source, addresses.iter().copied());
        let forwards = answers(source, &addresses);
        addresses.reverse();
        let backwards = answers(source, &addresses);
        // What was asked before must not matter. Damage is met where it is first read.
        if let (Some(forwards), Some(mut backwards)) = (forwards, backwards) {
            backwards.reverse();
            assert_eq!(forwards, backwards);
        }
    }
});

/// What a session answers, but for the row of the line table: where sequences lie over each other, that which is
/// found first is taken. `None` where it met damage.
fn answers(source: &SymbolSource, addresses: &[u64]) -> Option<Vec<Option<Named>>> {
    let mut names = source.names();
    let answers = addresses.iter().map(|&at| {
        let mut named = names.lookup(VmAddr(at)).ok()?;
        if let Some(innermost) = named.as_mut().and_then(|named| named.frames.first_mut()) {
            *innermost = SourceFrame {
                function: innermost.function.take(),
                ..SourceFrame::default()
            };
        }
        Some(named)
    });
    let answers = answers.collect::<Option<Vec<_>>>()?;
    names.damage().is_none().then_some(answers)
}
