//! A thread that gave up its kernel stack is told by the function in which it will continue: most threads of a
//! modern stackshot have nothing else in the kernel.

use kstack::diagnose::{Diagnosis, diagnose};
use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Placement, Report, Side, Stack,
    Thread, ThreadState, Uuid,
};
use kstack::resolve::Trace;
use kstack::symbols::{Role, SymbolSet};
use kstack_synth::macho::{Function, Program};

const BASE: u64 = 0xffff_ff80_0020_0000;
const NAMES: [&str; 3] = [
    "mach_msg_receive_continue",
    "ulock_wait_continue",
    "zio_sync_continue",
];

fn kernel() -> Program {
    let kernel = Program::kext("com.apple.kernel", Arch::X86_64, 1);
    let functions = NAMES.iter().map(|name| Function::new(name, 0x40));
    functions.fold(kernel, Program::with)
}

/// A thread for each function, which will continue there.
fn trace() -> Trace {
    let program = kernel();
    let image = LoadedImage {
        name: Some("com.apple.kernel".to_owned()),
        uuid: Some(Uuid::from_bytes([1; 16])),
        placements: vec![Placement::LoadedAt(Address(BASE))],
        ..LoadedImage::new(ImageKind::Kernel)
    };
    let in_user_space = Frame::new(Address(0x7fff_0000_1000), FrameKind::InstructionPointer);
    let thread = |(id, at): (u64, u64)| Thread {
        id: Some(id),
        state: Some(ThreadState::WAIT),
        continuation: Some(Address(BASE + program.code_start() + at)),
        stacks: vec![Stack::new(Side::User, vec![in_user_space.clone()])],
        ..Thread::default()
    };
    let mut report = Report::of_threads((1..).zip([0, 0x40, 0x80]).map(thread).collect());
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    report.kernel.images = vec![image];
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "kernel", None, program.binary());
    kstack::resolve(report, &symbols, &Default::default())
}

fn doing(diagnosis: &Diagnosis<'_>, thread: usize) -> String {
    diagnosis.doing(thread).join("; ")
}

#[test]
fn a_thread_that_will_continue_in_a_receive_is_folded_away() {
    let trace = trace();
    let diagnosis = diagnose(&trace);
    let [idle] = diagnosis.idle.as_slice() else {
        panic!("{:?}", diagnosis.idle)
    };
    assert_eq!(idle.threads, 1);
    assert!(idle.what.starts_with("wait for a message"));
}

#[test]
fn what_it_waits_for_is_told_by_where_it_will_continue() {
    let trace = trace();
    let diagnosis = diagnose(&trace);
    let told = doing(&diagnosis, 1);
    assert!(
        told.contains("waits for a mutex (told by its frames)"),
        "{told}"
    );
    assert!(
        told.ends_with("will continue in ulock_wait_continue (in kernel)"),
        "{told}"
    );
}

#[test]
fn threads_with_one_user_stack_that_will_continue_elsewhere_are_not_one_group() {
    let trace = trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.groups.len(), 2);
}
