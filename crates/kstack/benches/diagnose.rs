//! The diagnosis of a whole system: 500 processes, 3,000 threads, 60,000 frames.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kstack::model::{
    Address, Frame, FrameKind, PortLabelId, Process, Report, Said, Side, Stack, Thread,
    ThreadState, WaitInfo, WaitType,
};
use kstack::render::diagnosis::{Shown, write_text};
use kstack::render::{RENDERERS, RenderOptions};

const PROCESSES: u64 = 500;
const THREADS: u64 = 6;
const FRAMES: u64 = 20;

fn diagnose(c: &mut Criterion) {
    let trace = kstack::resolve(report(), &Default::default(), &Default::default());
    c.bench_function("diagnose a whole system", |b| {
        b.iter(|| black_box(kstack::diagnose::diagnose(&trace)));
    });
    let page = RENDERERS.iter().find(|renderer| renderer.name == "html");
    c.bench_function("a whole system as a page, diagnosed", |b| {
        b.iter(|| {
            let mut out = Vec::new();
            (page.unwrap().write)(&trace, &RenderOptions::default(), &mut out).unwrap();
            black_box(out)
        });
    });
    c.bench_function("diagnose a whole system and print it", |b| {
        b.iter(|| {
            let diagnosis = kstack::diagnose::diagnose(&trace);
            let mut out = Vec::new();
            write_text(
                &diagnosis,
                &RenderOptions::default(),
                Shown::default(),
                &mut out,
            )
            .unwrap();
            black_box(out)
        });
    });
}

/// A third of the threads wait for the thread before them, every tenth stack is different.
fn report() -> Report {
    let mut report = Report::default();
    for pid in 0..PROCESSES {
        let mut process = Process {
            pid: i32::try_from(pid).ok(),
            name: Some(format!("process{pid}")),
            ..Process::default()
        };
        for thread in 0..THREADS {
            let id = pid * THREADS + thread + 1;
            let frames = (0..FRAMES).map(|depth| frame(id % 300, depth));
            process.threads.push(Thread {
                id: Some(id),
                state: Some(ThreadState::WAIT),
                wait_event: Some(Address(0xffff_ff80_0600_0000 + id % 700)),
                stacks: vec![Stack::new(Side::Kernel, frames.collect())],
                ..Thread::default()
            });
            if id.is_multiple_of(3) {
                process.waits.push(WaitInfo {
                    waiter: id,
                    wait_type: WaitType(1),
                    owner: id - 1,
                    context: id,
                    flags: 0,
                    port_label: PortLabelId::None,
                });
            }
        }
        report.processes.push(process);
    }
    report
}

fn frame(shape: u64, depth: u64) -> Frame {
    let said = Said {
        image: Some("net.lundman.zfs".to_owned()),
        symbol: Some(match depth {
            0 => "lck_mtx_lock".to_owned(),
            depth => format!("function_{}_{depth}", shape % (depth + 1)),
        }),
        ..Said::default()
    };
    Frame::new(
        Address(0xffff_ff7f_8000_0000 + shape * 0x1000 + depth * 16),
        FrameKind::ReturnAddress,
    )
    .saying(said)
}

criterion_group!(benches, diagnose);
criterion_main!(benches);
