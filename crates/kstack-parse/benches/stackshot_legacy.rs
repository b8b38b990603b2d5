//! How long a whole-system trace takes to read: 500 processes, 3,000 threads, 60,000 frames.

#![allow(
    missing_docs,
    reason = "criterion's macros write undocumented functions"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kstack_model::Uuid;
use kstack_parse::{Limits, parse};
use kstack_synth::legacy::{Generation, Task, Thread, Trace};

const PROCESSES: i32 = 500;
const THREADS_EACH: u64 = 6;
const FRAMES_EACH_SIDE: u64 = 10;
const IMAGES_EACH: u64 = 40;

fn trace() -> Vec<u8> {
    let mut trace = Trace::new(Generation::G8).memory(&[]);
    for pid in 0..PROCESSES {
        trace = trace.task(&Task {
            pid,
            name: format!("exampled{pid}"),
            is_wide: true,
            load_infos: (1..=IMAGES_EACH)
                .map(|image| (image << 20, Uuid::from_u64_pair(image, 1)))
                .collect(),
            ..Task::default()
        });
        for id in 0..THREADS_EACH {
            trace = trace.thread(&Thread {
                id,
                is_kernel_wide: true,
                is_user_wide: true,
                kernel: frames(0xffff_ff80_0020_0000),
                user: frames(0x1_0000_0000),
                ..Thread::default()
            });
        }
    }
    trace.build()
}

fn frames(text: u64) -> Vec<(u64, u64)> {
    (1..=FRAMES_EACH_SIDE)
        .map(|depth| (text + 0x1234 * depth, 0x1000 + 64 * depth))
        .collect()
}

fn read_a_whole_system(criterion: &mut Criterion) {
    let bytes = trace();
    let mut group = criterion.benchmark_group("stackshot-legacy");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("500 processes, 3000 threads, 60000 frames", |bencher| {
        bencher.iter(|| parse(black_box(&bytes), &Limits::default()));
    });
    group.finish();
}

criterion_group!(benches, read_a_whole_system);
criterion_main!(benches);
