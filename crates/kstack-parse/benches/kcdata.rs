//! How long a whole system's stackshot takes to read: about one megabyte of 500 processes and 3,000 threads.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kstack_parse::{Limits, dump, parse};
use kstack_synth::kcdata::{self, Buffer};

fn system() -> Vec<u8> {
    let kexts: Vec<_> = (0..250_u8)
        .map(|kext| {
            kcdata::load_info(
                0xffff_ff7f_8000_0000 + u64::from(kext) * 0x10_0000,
                [kext; 16],
            )
        })
        .collect();
    let kernel = kcdata::words(
        &(0..8)
            .map(|frame| 0xffff_ff80_0020_0000 + frame * 0x40)
            .collect::<Vec<_>>(),
    );
    let user = kcdata::words(
        &(0..12)
            .map(|frame| 0x1_0000_0000 + frame * 0x40)
            .collect::<Vec<_>>(),
    );
    let start = Buffer::stackshot()
        .text(
            0x90f,
            "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_X86_64",
        )
        .task(0, |task| task.array(0x31, &kexts));
    let add_task = |buffer: Buffer, pid: i32| {
        buffer.task(pid as u64, |task| {
            let task = task
                .item(0x905, &kcdata::task_snapshot(pid as u64, pid, "zed"))
                .array(0x31, &kexts[..4])
                .array(
                    0x91d,
                    &[kcdata::wait_info(
                        pid as u64 * 10,
                        1,
                        pid as u64 * 10 + 1,
                        0,
                    )],
                );
            (0..6).fold(task, |task, index| {
                let id = pid as u64 * 10 + index;
                let record = kcdata::Thread {
                    id,
                    state: 0x9,
                    flags: 0x3,
                    wait_event: id,
                    ..Default::default()
                };
                task.thread(id, |thread| {
                    thread
                        .item(0x906, &record.record())
                        .item(0x919, &[1; 24])
                        .array(0x916, &user[..6])
                        .array(0x914, &kernel)
                })
            })
        })
    };
    (1..500).fold(start, add_task).end()
}

fn kcdata_stackshot(criterion: &mut Criterion) {
    let bytes = system();
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("kcdata");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parse(black_box(&bytes), &limits))
    });
    group.bench_function("dump", |bencher| {
        bencher.iter(|| dump(black_box(&bytes), &limits))
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40);
    targets = kcdata_stackshot
}
criterion_main!(benches);
