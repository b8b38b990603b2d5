//! A large log through `annotate`, with twenty images loaded.

use std::hint::black_box;
use std::io;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kstack::annotate::{AnnotateOptions, Annotator};
use kstack::model::{Address, Arch, Report};
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_synth::macho::Program;

const IMAGES: u64 = 20;
const SIZE: usize = 100 << 20;
const FIRST: u64 = 0xffff_ff7f_8100_0000;
const APART: u64 = 0x10_0000;

fn annotate(criterion: &mut Criterion) {
    let symbols = symbols();
    let mut group = criterion.benchmark_group("annotate, 20 images");
    group.sample_size(10);
    for (name, text) in [
        ("a log with an address in every third line", log(3)),
        ("a stack in every line", log(1)),
        ("prose", prose()),
        ("hexadecimal digits", b"ffffff7f81001234 ".repeat(SIZE / 17)),
        ("one line of zeros", vec![0; SIZE]),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            let options = AnnotateOptions::default();
            let mut annotator = Annotator::new(Report::default(), &symbols, options);
            bencher.iter(|| {
                let mut input: &[u8] = black_box(&text);
                annotator.copy(&mut input, &mut io::sink()).unwrap();
            });
        });
    }
    group.finish();
}

/// Twenty kexts of two hundred functions.
fn symbols() -> SymbolSet {
    let mut symbols = SymbolSet::default();
    for (seed, index) in (1..).zip(0..IMAGES) {
        let name = format!("net.example.driver{index}");
        let mut program = Program::kext(&name, Arch::X86_64, seed);
        program.add_many(200);
        let placed = StatedPlace {
            segment: None,
            address: Address(FIRST + APART * index),
        };
        symbols.add_bytes(Role::Kext, &name, Some(placed), program.dsym());
    }
    symbols
}

/// Log lines; every so manieth has an address in code or an offset into an image, and one that is neither.
fn log(every: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0.. {
        let process = ["kernel", "launchd", "exampled", "mds_stores"][line as usize % 4];
        let head = format!(
            "2013-02-{:02} 14:{:02}:{:02}.{:06} host {process}[{line}]: ",
            1 + line / 7200 % 28,
            line / 60 % 60,
            line % 60,
            line * 7919 % 1_000_000
        );
        text.extend(head.into_bytes());
        let (image, offset) = (line * 7 % IMAGES, 0x1000 + line * 37 % 0x3000);
        let at = FIRST + APART * image + offset;
        let message = match line % (2 * every) {
            0 => format!("frame {at:#x} lock 0xffffff8006{:06x}\n", line % 0xff_ffff),
            n if n == every => format!("net.example.driver{image} + {offset:#x}, state {n}\n"),
            _ => format!(
                "request {line} took {} us (status 0x{:x})\n",
                line * 31 % 977,
                line % 64
            ),
        };
        text.extend(message.into_bytes());
        if text.len() >= SIZE {
            return text;
        }
    }
    text
}

fn prose() -> Vec<u8> {
    let line: &[u8] =
        b"The disk was in use when the pool was created, so the command waited for it.\n";
    line.repeat(SIZE / line.len())
}

criterion_group!(benches, annotate);
criterion_main!(benches);
