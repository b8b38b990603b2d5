//! A function that jumps on in place of a call is named where the code proves that it was called.

use kstack::model::{Address, Arch, Basis, Frame, FrameKind, Process, Report, Side, Stack, Thread};
use kstack::resolve::{ResolveOptions, SpaceId, Trace};
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_synth::macho::{Function, Program};

const BASE: u64 = 0xffff_ff7f_8123_4000;

/// `outer` calls what `callee` says; `middle` ends by a jump to `inner`, which calls through a pointer.
struct Kext {
    code_start: u64,
    file: Vec<u8>,
}

const OUTER: u64 = 0;
const MIDDLE: u64 = 0x20;
const INNER: u64 = 0x40;
/// Behind the call in each.
const OUTER_RETURNS: u64 = OUTER + 9;
const INNER_RETURNS: u64 = INNER + 7;

fn kext(callee: u64) -> Kext {
    let mut program = Program::kext("org.example.tail", Arch::X86_64, 1);
    let code_start = program.code_start();
    let mut code = vec![0xcc_u8; 0x60];
    let mut put = |at: u64, bytes: &[u8]| {
        let at = usize::try_from(at).unwrap();
        code[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let distance = |from: u64, to: u64| {
        (i32::try_from(to).unwrap() - i32::try_from(from).unwrap()).to_le_bytes()
    };
    put(OUTER, &[0x55, 0x48, 0x89, 0xe5, 0xe8]); // push rbp; mov rbp, rsp; call
    put(OUTER + 5, &distance(OUTER_RETURNS, callee));
    put(OUTER_RETURNS, &[0x5d, 0xc3]); // pop rbp; ret
    put(MIDDLE, &[0x55, 0x48, 0x89, 0xe5, 0x5d, 0xe9]); // push rbp; mov rbp, rsp; pop rbp; jmp
    put(MIDDLE + 6, &distance(MIDDLE + 10, INNER));
    put(
        INNER,
        &[0x55, 0x48, 0x89, 0xe5, 0xff, 0x50, 0x18, 0x5d, 0xc3],
    ); // … call [rax + 0x18] …
    for name in ["outer", "middle", "inner"] {
        program.add(Function::new(name, 0x20));
    }
    let mut image = program.binary_image();
    image.segments[0].sections[0].data = Some(code);
    Kext {
        code_start,
        file: image.build(),
    }
}

fn resolve(kext: &Kext) -> Trace {
    let at = |offset| {
        let address = Address(BASE + kext.code_start + offset);
        Frame::new(address, FrameKind::ReturnAddress)
    };
    let thread = Thread {
        stacks: vec![Stack::new(
            Side::Kernel,
            vec![at(INNER_RETURNS), at(OUTER_RETURNS)],
        )],
        ..Thread::default()
    };
    let mut report = Report {
        processes: vec![Process {
            threads: vec![thread],
            ..Process::default()
        }],
        ..Report::default()
    };
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    let place = StatedPlace {
        segment: None,
        address: Address(BASE),
    };
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "tail", Some(place), kext.file.clone());
    kstack::resolve(report, &symbols, &ResolveOptions::default())
}

fn entered(trace: &Trace) -> Option<&str> {
    let frames = &trace.report.processes[0].threads[0].stacks[0].frames;
    let entered = trace.entered(SpaceId::Kernel, &frames[0], &frames[1]);
    entered.map(|entered| entered.name.as_str())
}

#[test]
fn a_function_that_ended_in_a_jump_is_named() {
    let trace = resolve(&kext(MIDDLE));
    assert_eq!(entered(&trace), Some("middle"));
}

#[test]
fn a_function_that_was_called_itself_was_entered_through_no_other() {
    assert_eq!(entered(&resolve(&kext(INNER))), None);
}

#[test]
fn a_call_that_does_not_lead_to_the_inner_frame_names_nobody() {
    assert_eq!(entered(&resolve(&kext(OUTER))), None);
}
