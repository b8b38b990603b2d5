//! Any bytes as the code of a kext: where its functions end, and what calls what.
#![no_main]

use std::sync::LazyLock;

use kstack_fuzz::ask_at;
use kstack_model::{Arch, VmAddr};
use kstack_symbols::{After, Role, SymbolSet, SymbolSource};
use kstack_synth::macho::{Image, Program, Section};
use libfuzzer_sys::fuzz_target;

/// Without function starts, so that the ends of functions are looked for in the code.
static PROGRAMS: LazyLock<Vec<(Program, Image)>> = LazyLock::new(|| {
    let archs = [Arch::X86_64, Arch::Arm64e, Arch::I386].into_iter();
    let programs = archs.map(|arch| {
        let mut program = Program::kext("demo", arch, 1);
        program.add_many(4);
        let image = program.binary_image();
        (program, image)
    });
    programs.collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let (program, image) = &PROGRAMS[usize::from(*which) % PROGRAMS.len()];
    let mut image = image.clone();
    let sections = image.segments.iter_mut().flat_map(|one| &mut one.sections);
    let is_wanted = |section: &&mut Section| matches!(section.name.as_str(), "__text" | "__data");
    let mut rest = bytes;
    for data in sections
        .filter(is_wanted)
        .filter_map(|one| one.data.as_mut())
    {
        let length = data.len().min(rest.len());
        let (here, behind) = rest.split_at(length);
        data[..length].copy_from_slice(here);
        rest = behind;
    }
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "demo", None, image.build());
    let source = &symbols.files()[0].slices[0];
    let code = program.code_start()..program.code_end();
    ask_at(source, code.clone().step_by(4));
    ask_calls(source, code.map(VmAddr));
});

fn ask_calls(source: &SymbolSource, addresses: impl Iterator<Item = VmAddr> + Clone) {
    let code = source.code().expect("there is code");
    let sites = code.call_sites();
    assert_eq!(code.has_calls(), !sites.all().is_empty());
    for at in addresses.clone() {
        let follows = matches!(code.call_before(at), After::Call(_));
        let is_aligned = at.0 % code.alignment() == 0;
        assert_eq!(follows && is_aligned, sites.contains(at), "{at:?}");
        let _ = code.touches_memory(at);
    }
    let pointed = source.pointed(&code).unwrap_or_default();
    assert!(pointed.is_sorted());
    let any = code.reach_of_any(&pointed);
    for start in addresses.step_by(0x40) {
        let reach = code.reach(start);
        let _ = code.entries(&any, start);
        let _ = code.starts_instruction(start, VmAddr(start.0 + 0x20));
        assert!(reach.returns() <= reach.instructions() + 1);
    }
}
