//! How long a spindump of a busy system takes to read: one megabyte of text, whose format is found out first.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kstack_parse::{FORMATS, Limits, parse};
use kstack_synth::spindump::{Frame, Spindump};

/// Six threads of 18 frames each: together 1 MB.
const PROCESSES: i32 = 100;

fn spindump() -> Vec<u8> {
    let user = |depth: u64| Frame {
        address: 0x7fff_8c2f_7000 + depth * 0x40,
        function: (!depth.is_multiple_of(3)).then_some(("pool_wait_for_work", 10 + depth)),
        image: ("libsystem_kernel.dylib", 94_000 + depth * 0x40),
        is_kernel: false,
    };
    let kernel = |depth: u64| Frame {
        address: 0xffff_ff80_002c_d000 + depth * 0x40,
        function: depth
            .is_multiple_of(2)
            .then_some(("thread_block_reason", 300 + depth)),
        image: ("mach_kernel", 839_000 + depth * 0x40),
        is_kernel: true,
    };
    let frames: Vec<_> = (0..8).map(user).chain((0..10).map(kernel)).collect();
    let images = [
        ("poold", 0x1_0a41_0000, 0x1_0a42_dfff),
        ("libsystem_kernel.dylib", 0x7fff_8c2e_0000, 0x7fff_8c2f_ffff),
    ];
    let mut spindump = Spindump::new(100);
    for pid in 1..=PROCESSES {
        spindump = spindump.process(pid, "poold");
        for thread in 0..6 {
            spindump = spindump.thread(0x1000 + thread, &frames);
        }
        spindump = spindump.images(&images);
    }
    spindump.build().into_bytes()
}

fn read_a_spindump(criterion: &mut Criterion) {
    let bytes = spindump();
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("spindump");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parse(black_box(&bytes), &limits));
    });
    // A file of text is offered to every format, so every sniff is part of reading it.
    for format in FORMATS {
        group.bench_function(format!("sniff {}", format.name), |bencher| {
            bencher.iter(|| (format.sniff)(black_box(&bytes)));
        });
    }
    group.finish();
}

criterion_group!(benches, read_a_spindump);
criterion_main!(benches);
