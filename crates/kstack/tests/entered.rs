//! A function that jumps on in place of a call is named where the code proves that it was called.

use kstack::model::{Address, Arch, Basis, Frame, FrameKind, Report, Side, Stack, Thread};
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

/// How `right` goes on to `inner`, unless it jumps to its start.
#[derive(Default)]
struct Fork {
    right_jumps_through_a_pointer: bool,
    right_calls: bool,
    right_jumps_behind_the_start: bool,
}

const LEFT: u64 = 0x60;
const RIGHT: u64 = 0x80;

/// `outer` calls `middle`, which jumps to `left` or `right`; each of them jumps to `inner`.
fn fork(fork: Fork) -> Kext {
    let mut program = Program::kext("org.example.tail", Arch::X86_64, 1);
    let code_start = program.code_start();
    let mut code = vec![0xcc_u8; 0xa0];
    let mut put = |at: u64, bytes: &[u8]| {
        let at = usize::try_from(at).unwrap();
        code[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let distance = |from: u64, to: u64| {
        (i32::try_from(to).unwrap() - i32::try_from(from).unwrap()).to_le_bytes()
    };
    let jump = |at: u64, to: u64| [&[0xe9][..], &distance(at + 5, to)].concat();
    put(OUTER, &[0x55, 0x48, 0x89, 0xe5, 0xe8]); // push rbp; mov rbp, rsp; call
    put(OUTER + 5, &distance(OUTER_RETURNS, MIDDLE));
    put(OUTER_RETURNS, &[0x5d, 0xc3]); // pop rbp; ret
    put(MIDDLE, &[0x85, 0xff, 0x0f, 0x84]); // test edi, edi; je
    put(MIDDLE + 4, &distance(MIDDLE + 8, LEFT));
    put(MIDDLE + 8, &jump(MIDDLE + 8, RIGHT));
    put(
        INNER,
        &[0x55, 0x48, 0x89, 0xe5, 0xff, 0x50, 0x18, 0x5d, 0xc3],
    ); // … call [rax + 0x18] …
    put(LEFT, &jump(LEFT, INNER));
    if fork.right_jumps_through_a_pointer {
        put(RIGHT, &[0xff, 0xe0]); // jmp rax
    } else if fork.right_calls {
        put(RIGHT, &[0xe8]);
        put(RIGHT + 1, &distance(RIGHT + 5, INNER));
        put(RIGHT + 5, &[0xc3]);
    } else if fork.right_jumps_behind_the_start {
        put(RIGHT, &jump(RIGHT, INNER + 4));
    } else {
        put(RIGHT, &jump(RIGHT, INNER));
    }
    for name in ["outer", "middle", "inner", "left", "right"] {
        program.add(Function::new(name, 0x20));
    }
    // Every function has a symbol; the list of starts says where each ends.
    program.function_starts = true;
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
    let thread = Thread::with_stack(Stack::new(
        Side::Kernel,
        vec![at(INNER_RETURNS), at(OUTER_RETURNS)],
    ));
    let mut report = Report::of_threads(vec![thread]);
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

fn tail_callers(trace: &Trace) -> Vec<&str> {
    let frames = &trace.report.processes[0].threads[0].stacks[0].frames;
    let entered = trace.entered(SpaceId::Kernel, &frames[0], &frames[1]);
    let callers = entered.map_or(&[] as &[_], |entered| &entered.tail_callers);
    callers.iter().map(|caller| caller.name.as_str()).collect()
}

#[test]
fn a_function_that_ended_in_a_jump_is_named() {
    let trace = resolve(&kext(MIDDLE));
    assert_eq!(entered(&trace), Some("middle"));
}

#[test]
fn a_called_function_that_jumps_on_itself_is_not_said_twice() {
    let trace = resolve(&kext(MIDDLE));
    assert_eq!(tail_callers(&trace), Vec::<&str>::new());
}

#[test]
fn two_functions_of_which_one_jumped_on_are_both_named() {
    let trace = resolve(&fork(Fork::default()));
    assert_eq!(entered(&trace), Some("middle"));
    assert_eq!(tail_callers(&trace), ["left", "right"]);
}

#[test]
fn a_way_that_cannot_be_followed_names_no_tail_callers() {
    let trace = resolve(&fork(Fork {
        right_jumps_through_a_pointer: true,
        ..Fork::default()
    }));
    assert_eq!(entered(&trace), Some("middle"));
    assert_eq!(tail_callers(&trace), Vec::<&str>::new());
}

#[test]
fn a_function_that_is_also_called_may_have_no_tail_caller() {
    let trace = resolve(&fork(Fork {
        right_calls: true,
        ..Fork::default()
    }));
    assert_eq!(entered(&trace), Some("middle"));
    assert_eq!(tail_callers(&trace), Vec::<&str>::new());
}

#[test]
fn a_jump_into_the_middle_of_the_function_names_no_tail_callers() {
    let trace = resolve(&fork(Fork {
        right_jumps_behind_the_start: true,
        ..Fork::default()
    }));
    assert_eq!(entered(&trace), Some("middle"));
    assert_eq!(tail_callers(&trace), Vec::<&str>::new());
}

#[test]
fn a_function_that_was_called_itself_was_entered_through_no_other() {
    assert_eq!(entered(&resolve(&kext(INNER))), None);
}

#[test]
fn a_call_that_does_not_lead_to_the_inner_frame_names_nobody() {
    assert_eq!(entered(&resolve(&kext(OUTER))), None);
}
