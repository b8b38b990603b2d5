//! kcdata stackshots, built for the purpose and, where there are some, Apple's own.

mod buffers;
mod conformance;
mod dump;
mod hostile;
mod images;
mod report;
mod threads;

use kstack_model::{Address, At, Fact, FrameKind, Process, Report, Side, Thread, Value};
use kstack_parse::{Limits, parse};
use kstack_synth::kcdata::{self, Buffer};

const KERNEL: u64 = 0xffff_ff80_0020_0000;
const KEXT: u64 = 0xffff_ff7f_80e4_a000;
const INTEL: &str = "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_X86_64";
const ARM: &str = "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_ARM64_T9999";

fn reports(bytes: &[u8]) -> Vec<Report> {
    parse(bytes, &Limits::default()).unwrap()
}

fn report(bytes: &[u8]) -> Report {
    let mut reports = reports(bytes);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn undamaged(buffer: Buffer) -> Report {
    let report = report(&buffer.end());
    assert_eq!(report.notes, []);
    report
}

fn only_thread(report: &Report) -> &Thread {
    let [Process { threads, .. }] = report.processes.as_slice() else {
        panic!("{} processes", report.processes.len());
    };
    let [thread] = threads.as_slice() else {
        panic!("{} threads", threads.len());
    };
    thread
}

/// One user process with one thread.
fn one_thread(version: &str, content: impl FnOnce(Buffer) -> Buffer) -> Buffer {
    Buffer::stackshot().text(0x90f, version).task(501, |task| {
        task.item(0x905, &kcdata::task_snapshot(501, 77, "zpool"))
            .thread(9, content)
    })
}

fn fact<'a>(facts: &'a [Fact], name: &str) -> Option<&'a Value> {
    facts
        .iter()
        .find(|fact| fact.name == name)
        .map(|fact| &fact.value)
}

fn frames(thread: &Thread, side: Side) -> Vec<(u64, FrameKind)> {
    let stacks = thread.stacks.iter().filter(|stack| stack.side == side);
    let frames = stacks.flat_map(|stack| &stack.frames);
    frames
        .map(|frame| match frame.at {
            At::Absolute(Address(address)) => (address, frame.kind),
            At::InImage { .. } | At::Unknown => panic!("kcdata frames are absolute"),
        })
        .collect()
}

fn addresses(thread: &Thread, side: Side) -> Vec<u64> {
    frames(thread, side)
        .into_iter()
        .map(|(address, _)| address)
        .collect()
}
