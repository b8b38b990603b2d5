//! An event or a lock in the data of an image is named by the variable that lies there.

use kstack::diagnose::diagnose;
use kstack::model::{
    Address, Arch, Basis, Frame, FrameKind, ImageKind, LoadedImage, Placement, PortLabelId, Report,
    Side, Stack, Thread, ThreadState, Uuid, WaitInfo, WaitType,
};
use kstack::render::diagnosis::{self, Shown};
use kstack::render::{RENDERERS, RenderOptions};
use kstack::resolve::{ResolveOptions, Trace};
use kstack::symbols::{Certainty, Role, SymbolSet};
use kstack_synth::macho::{Function, Program, Symbol};

const BASE: u64 = 0xffff_ff7f_80f0_0000;

/// A kext with two locks in its data, at 0x10 and 0x30.
fn zfs() -> (Program, u64) {
    let mut program =
        Program::kext("net.lundman.zfs", Arch::X86_64, 1).with(Function::new("spa_open", 0x40));
    let image = program.binary_image();
    let data = image.segments.iter().find(|one| one.name == "__DATA");
    let data = data.unwrap().sections[0].address;
    let section = program.data_section();
    program.binary_symbols = vec![
        Symbol::local("_spa_namespace_lock", section, data + 0x10),
        Symbol::local("_arc_lock", section, data + 0x30),
    ];
    (program, data)
}

fn waiting(uuid: u8, offset: u64) -> Report {
    let (program, data) = zfs();
    let at = Address(BASE + program.code_start() + 8);
    let frame = Frame::new(at, FrameKind::InstructionPointer);
    let event = BASE + data + offset;
    let thread = Thread {
        id: Some(7),
        state: Some(ThreadState::WAIT),
        wait_event: Some(Address(event)),
        stacks: vec![Stack::new(Side::Kernel, vec![frame])],
        ..Thread::default()
    };
    let image = LoadedImage {
        name: Some("net.lundman.zfs".to_owned()),
        uuid: Some(Uuid::from_bytes([uuid; 16])),
        placements: vec![Placement::LoadedAt(Address(BASE))],
        ..LoadedImage::new(ImageKind::Kext)
    };
    let mut report = Report::of_threads(vec![thread]);
    report.machine.arch = Some(Arch::X86_64);
    report.kernel.basis = Basis::Unslid;
    report.kernel.images = vec![image];
    report
}

fn resolved(report: Report, options: &ResolveOptions) -> Trace {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "zfs", None, zfs().0.binary());
    kstack::resolve(report, &symbols, options)
}

fn written(format: &str, trace: &Trace) -> String {
    let renderer = RENDERERS.iter().find(|renderer| renderer.name == format);
    let mut out = Vec::new();
    (renderer.unwrap().write)(trace, &RenderOptions::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn diagnosed(trace: &Trace) -> String {
    let (mut out, options) = (Vec::new(), RenderOptions::default());
    diagnosis::write_text(&diagnose(trace), &options, Shown::default(), &mut out).unwrap();
    diagnosis::write_json(&diagnose(trace), &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_wait_event_in_the_data_of_a_kext_is_named_in_every_output() {
    let trace = resolved(waiting(1, 0x10), &ResolveOptions::default());
    for format in ["text", "markdown", "html"] {
        let written = written(format, &trace);
        let named = "(net.lundman.zfs: spa_namespace_lock)";
        assert!(written.contains(named), "{format}: {written}");
    }
    let named = "\"symbol\": \"spa_namespace_lock\"";
    assert!(written("json", &trace).contains(named));
    let diagnosed = diagnosed(&trace);
    let named = "(net.lundman.zfs: spa_namespace_lock)";
    assert_eq!(diagnosed.matches(named).count(), 2, "{diagnosed}");
}

#[test]
fn behind_the_last_variable_the_nearest_is_said_to_be_only_that() {
    let trace = resolved(waiting(1, 0x38), &ResolveOptions::default());
    assert!(written("text", &trace).contains("(net.lundman.zfs: after arc_lock + 8)"));
    assert!(written("json", &trace).contains("\"nearest\": true"));
}

#[test]
fn where_no_variable_lies_the_segment_is_told() {
    let trace = resolved(waiting(1, 0x8), &ResolveOptions::default());
    assert!(written("text", &trace).contains("(in __DATA of net.lundman.zfs)"));
}

#[test]
fn an_address_outside_the_placed_segments_is_not_named() {
    let trace = resolved(waiting(1, 0x10_0000), &ResolveOptions::default());
    let event = trace.report.processes[0].threads[0].wait_event.unwrap();
    assert_eq!(trace.awaited(event), None);
}

#[test]
fn a_file_of_another_build_names_nothing_or_says_so() {
    let trace = resolved(waiting(9, 0x10), &ResolveOptions::default());
    assert!(!written("text", &trace).contains("spa_namespace_lock"));
    let options = ResolveOptions {
        allow_mismatch: true,
        ..ResolveOptions::default()
    };
    let trace = resolved(waiting(9, 0x10), &options);
    let said = "(net.lundman.zfs: spa_namespace_lock; from another build: the UUIDs differ)";
    assert!(written("text", &trace).contains(said));
    assert!(written("json", &trace).contains("\"other_build\": true"));
}

/// A record of a wait for a lock at the same place.
fn recorded(wait_type: u8) -> Trace {
    let mut report = waiting(1, 0x10);
    let process = &mut report.processes[0];
    let event = process.threads[0].wait_event.take().unwrap();
    process.waits = vec![WaitInfo {
        waiter: 7,
        wait_type: WaitType(wait_type),
        owner: 8,
        context: event.0,
        flags: 0,
        port_label: PortLabelId::None,
    }];
    resolved(report, &ResolveOptions::default())
}

#[test]
fn a_lock_of_the_kernel_is_named_too() {
    let trace = recorded(1);
    let event = BASE + zfs().1 + 0x10;
    let said = format!("KernelMutex {event:#x} (net.lundman.zfs: spa_namespace_lock), owned by");
    assert!(written("text", &trace).contains(&said));
    assert!(diagnosed(&trace).contains(&said), "{}", diagnosed(&trace));
    assert!(written("json", &trace).contains("\"context_at\""));
}

#[test]
fn an_address_of_a_process_is_not_one_of_the_kernel() {
    // A lock of user space (0xa) at an address that happens to be that of the kext.
    let trace = recorded(0xa);
    assert!(!written("text", &trace).contains("spa_namespace_lock"));
}

#[test]
fn only_a_variable_that_the_next_one_ends_is_sure() {
    for (offset, certainty) in [(0x2f, Certainty::Inside), (0x38, Certainty::Nearest)] {
        let trace = resolved(waiting(1, offset), &ResolveOptions::default());
        let event = trace.report.processes[0].threads[0].wait_event.unwrap();
        let awaited = trace.awaited(event).unwrap();
        assert_eq!(awaited.datum.as_ref().unwrap().certainty, certainty);
    }
}
