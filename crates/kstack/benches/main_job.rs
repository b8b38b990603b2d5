//! The main job on a sample, and a whole system's stackshot to text.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use kstack::parse::{Limits, join, parse};
use kstack::render::{RenderOptions, Renderer};
use kstack::symbols::{Request, Role, SymbolSet};
use kstack::{RENDERERS, ResolveOptions, resolve};
use kstack_synth::legacy::{Generation, Task, Thread, Trace};

/// `kstack symbolicate` on the zpool hang, symbol files opened anew each time.
fn sample(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/zpool-hang");
    let bytes = fs::read(root.join("stackshot.log")).unwrap();
    let listing = fs::read(root.join("kextstat.txt")).unwrap();
    let request = |role, name: &str| Request {
        role,
        path: root.join(name),
        placed: None,
    };
    let requests = [
        request(Role::Kernel, "mach_kernel"),
        request(Role::Kext, "spl.kext"),
        request(Role::Kext, "zfs.kext"),
    ];
    criterion.bench_function("zpool-hang to text", |bencher| {
        bencher.iter(|| {
            let symbols = SymbolSet::open(&requests);
            let listing = parse(&listing, &Limits::default()).unwrap().remove(0);
            let mut report = parse(&bytes, &Limits::default()).unwrap().remove(0);
            join(&mut report, &listing).unwrap();
            let trace = resolve(report, &symbols, &ResolveOptions::default());
            render(&RENDERERS[0], &trace)
        });
    });
}

/// 500 processes, 3,000 threads, 60,000 frames, without symbols.
fn whole_system(criterion: &mut Criterion) {
    let bytes = system();
    let mut group = criterion.benchmark_group("500 processes, 3,000 threads, 60,000 frames");
    group.sample_size(20);
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parse(black_box(&bytes), &Limits::default()).unwrap());
    });
    for renderer in RENDERERS {
        group.bench_function(format!("parse, resolve, to {}", renderer.name), |bencher| {
            bencher.iter(|| {
                let report = parse(black_box(&bytes), &Limits::default())
                    .unwrap()
                    .remove(0);
                let symbols = SymbolSet::default();
                let trace = resolve(report, &symbols, &ResolveOptions::default());
                render(renderer, &trace)
            });
        });
    }
    group.finish();
}

fn render(renderer: &Renderer, trace: &kstack::Trace) -> Vec<u8> {
    let mut out = Vec::new();
    (renderer.write)(trace, &RenderOptions::default(), &mut out).unwrap();
    out
}

fn system() -> Vec<u8> {
    let mut trace = Trace::new(Generation::G5);
    for pid in 0..500 {
        trace = trace.task(&Task {
            pid,
            name: format!("exampled{pid}"),
            is_wide: true,
            ..Task::default()
        });
        for id in 0..6 {
            let frames = |base: u64, count: u64| {
                let pair = |index| (base + 0x40 * index * (id + 1), 0x1000 + 0x20 * index);
                (0..count).map(pair).collect()
            };
            trace = trace.thread(&Thread {
                pid,
                id: 0x1000 + 16 * u64::from(pid.unsigned_abs()) + id,
                state: 9,
                is_kernel_wide: true,
                is_user_wide: true,
                kernel: frames(0xffff_ff80_0022_0000, 12),
                user: frames(0x7fff_8c2e_0000, 8),
                ..Thread::default()
            });
        }
    }
    trace.build()
}

criterion_group!(benches, sample, whole_system);
criterion_main!(benches);
