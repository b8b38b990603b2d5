//! A frame without a name says what virtual tables tell of it, and stays without one.

use kstack::model::{Address, Arch, Basis, Frame, FrameKind, Report, Side, Stack, Thread};
use kstack::resolve::{ResolveOptions, SpaceId, Trace};
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_synth::macho::{Function, Program, Symbol, SymbolIn};

const BASE: u64 = 0xffff_ff7f_8123_4000;

/// push rbp; mov rbp, rsp; call [rax + 0x18]; pop rbp; ret
const FUNCTION: [u8; 16] = [
    0x55, 0x48, 0x89, 0xe5, 0xff, 0x50, 0x18, 0x5d, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
];
const RETURNS: u64 = 7;

/// A frame in a function that only the virtual table of a class knows.
fn resolve(symbol: SymbolIn) -> Trace {
    let mut program = Program::kext("org.example.zvol", Arch::X86_64, 1);
    let start = program.add(Function {
        symbol,
        ..Function::new("strategy", 16)
    });
    let table = program.data_start() + 0x4000;
    let section = program.data_section();
    let name = "__ZTV12net_foo_Zvol";
    program.binary_symbols = vec![Symbol::external(name, section, table)];
    let mut image = program.binary_image();
    image.segments[0].sections[0].data = Some(FUNCTION.to_vec());
    let words = [0, 0, start, 0];
    let mut data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    data.resize(0x100, 0);
    image.segments[1].sections[0].data = Some(data);

    let frame = Frame::new(Address(BASE + start + RETURNS), FrameKind::ReturnAddress);
    let thread = Thread::with_stack(Stack::new(Side::Kernel, vec![frame]));
    let mut report = Report::of_threads(vec![thread]);
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    let place = StatedPlace {
        segment: None,
        address: Address(BASE),
    };
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "zvol", Some(place), image.build());
    kstack::resolve(report, &symbols, &ResolveOptions::default())
}

fn guess(trace: &Trace) -> Option<String> {
    let frame = &trace.report.processes[0].threads[0].stacks[0].frames[0];
    let guess = trace.guess(SpaceId::Kernel, frame)?;
    let slot = &guess.tables[0];
    Some(format!("{} {}", slot.class, slot.entry))
}

fn is_sure(trace: &Trace) -> bool {
    let frame = &trace.report.processes[0].threads[0].stacks[0].frames[0];
    trace.resolution(SpaceId::Kernel, frame).is_sure()
}

#[test]
fn a_frame_without_a_name_has_a_guess_and_still_no_name() {
    let trace = resolve(SymbolIn::Neither);
    assert_eq!(guess(&trace).as_deref(), Some("net_foo_Zvol 0"));
    assert!(!is_sure(&trace));
}

#[test]
fn a_frame_with_a_sure_name_has_no_guess() {
    let trace = resolve(SymbolIn::Both);
    assert!(is_sure(&trace));
    assert_eq!(guess(&trace), None);
}
