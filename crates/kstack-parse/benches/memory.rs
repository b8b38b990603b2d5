//! How much memory a report takes, as a multiple of its file: at the peak of reading it, and when it is read.
#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use kstack_parse::{Limits, parse};
use kstack_synth::{kcdata, legacy, panic, spindump, text};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Files whose reports are large compared with them: many small frames, names that are all different.
fn files() -> [(&'static str, Vec<u8>); 5] {
    [
        ("stackshot-kcdata", kcdata_system()),
        ("stackshot-legacy", legacy_system()),
        ("spindump-text", spindump_system()),
        ("symstacks", symstacks_system()),
        ("panic-text", many_panics()),
    ]
}

fn main() {
    println!(
        "{:18} {:>10} {:>12} {:>12}",
        "format", "bytes", "peak", "report"
    );
    for (name, bytes) in files() {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let reports = parse(&bytes, &Limits::default());
        let peak = MEMORY.peak_usage() - before;
        let kept = MEMORY.current_usage() - before;
        let is_read =
            reports.is_ok_and(|reports| reports.iter().all(|report| report.format == name));
        assert!(is_read, "the {name} of this bench is not read as one");
        let ratio = |amount: usize| amount as f64 / bytes.len() as f64;
        println!(
            "{name:18} {:>10} {:>10.1} x {:>10.1} x",
            bytes.len(),
            ratio(peak),
            ratio(kept)
        );
    }
}

fn kcdata_system() -> Vec<u8> {
    let start = kcdata::Buffer::stackshot().text(
        0x90f,
        "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_X86_64",
    );
    let system = (1..500_i32).fold(start, |buffer, pid| {
        let task_id = u64::from(pid.unsigned_abs());
        buffer.task(task_id, |task| {
            let task = task.item(0x905, &kcdata::task_snapshot(task_id, pid, "zed"));
            (0..6).fold(task, |task, index| {
                let id = task_id * 10 + index;
                let record = kcdata::Thread {
                    id,
                    state: 0x9,
                    ..Default::default()
                };
                let frames: Vec<u64> = (0..20)
                    .map(|frame| 0xffff_ff80_0020_0000 + (id * 20 + frame) * 0x40)
                    .collect();
                task.thread(id, |thread| {
                    thread
                        .item(0x906, &record.record())
                        .array(0x914, &kcdata::words(&frames))
                })
            })
        })
    });
    system.end()
}

fn legacy_system() -> Vec<u8> {
    let generation = legacy::Generation::G7;
    let start = legacy::Trace::new(generation).memory(&[]);
    let trace = (1..500_i32).fold(start, |trace, pid| {
        let task = legacy::Task {
            pid,
            name: "zed".to_owned(),
            ..Default::default()
        };
        (0..6).fold(trace.task(&task), |trace, index| {
            let id = u64::from(pid.unsigned_abs()) * 10 + index;
            let frames = (0..20).map(|frame| (0xffff_ff80_0020_0000 + (id * 20 + frame) * 0x40, 0));
            trace.thread(&legacy::Thread {
                id,
                kernel: frames.collect(),
                ..Default::default()
            })
        })
    });
    trace.build()
}

fn spindump_system() -> Vec<u8> {
    let mut spindump = spindump::Spindump::new(100);
    for pid in 1..100_i32 {
        spindump = spindump.process(pid, "poold");
        for thread in 0..6_u64 {
            let at = u64::from(pid.unsigned_abs()) * 0x10_0000 + thread * 0x1000;
            let names: Vec<String> = (0..18)
                .map(|depth| format!("wait_{at:x}_{depth}"))
                .collect();
            let frames: Vec<_> = (0_u64..)
                .zip(&names)
                .map(|(depth, name)| spindump::Frame {
                    address: 0xffff_ff80_0000_0000 + at + depth * 0x40,
                    function: Some((name.as_str(), 10)),
                    image: ("mach_kernel", at),
                    is_kernel: true,
                })
                .collect();
            spindump = spindump.thread(0x1000 + thread, &frames);
        }
    }
    spindump.build().into_bytes()
}

fn symstacks_system() -> Vec<u8> {
    let mut all = text::Symstacks::new();
    for pid in 1..500_i32 {
        all = all.process(pid, "zed");
        for thread in 0..6_u64 {
            let at = u64::from(pid.unsigned_abs()) * 0x10_0000 + thread * 0x1000;
            let frames: Vec<_> = (0..10)
                .map(|depth| text::Frame::bare(0xffff_ff80_0000_0000 + at + depth * 0x40))
                .collect();
            all = all.thread(at).kernel_stack(&frames);
        }
    }
    all.build().into_bytes()
}

fn many_panics() -> Vec<u8> {
    let log = |index: u64| {
        let mut log =
            panic::PanicLog::new(panic::Layout::X86_64, 0xffff_ff80_0040_0000, "zfs: lost");
        for frame in 0..40 {
            log = log.frame(
                0xffff_ff80_f000_0000 + frame * 0x40,
                0xffff_ff80_0040_0000 + (index * 40 + frame) * 0x10,
                "",
            );
        }
        log.build()
    };
    (0..200).map(log).collect::<String>().into_bytes()
}
