//! What the evidence costs, beside what the names cost.

use std::hint::black_box;
use std::time::{Duration, Instant};

use kstack::ResolveOptions;
use kstack::model::VmAddr;

use super::Pair;
use super::measure::slide;
use super::random::Random;
use super::stacks::{Spread, Wanted, draw};

/// Prints it for the largest image and a report of 200 distinct frames.
pub(super) fn print(pairs: &[Pair]) {
    let Some(pair) = pairs.iter().max_by_key(|pair| pair.text) else {
        return;
    };
    let symbols = pair.symbols(&[0], None);
    let source = &symbols.files()[0].slices[0];
    let scan = best(|| {
        let code = source.code();
        black_box(code.map(|code| code.call_sites().all().len()));
    });
    let mut random = Random::new(7);
    let slide = slide(pair.target, &mut random);
    let wanted = Wanted {
        frames: 200,
        spread: Spread::Any,
        slide,
        arch: pair.arch(),
    };
    let drawn = draw(&pair.graph, wanted, &mut random);
    // Fresh files each time: what is found out about one is kept.
    let with_evidence = best(|| {
        let symbols = pair.symbols(&[0], Some(slide));
        let report = drawn.report.clone();
        black_box(
            kstack::resolve(report, &symbols, &ResolveOptions::default())
                .images
                .len(),
        );
    });
    let without = best(|| {
        let symbols = pair.symbols(&[0], Some(slide));
        let report = drawn.report.clone();
        black_box((symbols.files().len(), report.processes.len()));
        let mut names = symbols.files()[0].slices[0].names();
        for at in &drawn.linked {
            black_box(names.lookup(VmAddr(at - 1)).is_ok());
        }
    });
    let unplaced = best(|| {
        let symbols = pair.symbols(&[0], None);
        let report = drawn.report.clone();
        black_box(
            kstack::resolve(report, &symbols, &ResolveOptions::default())
                .images
                .len(),
        );
    });
    println!(
        "\nLargest image, {} KB of text, 200 distinct frames: scan of all code {:.2} ms; open and name by symbol table alone {:.2} ms; open, weigh and name {:.2} ms; open, find the place, weigh and name {:.2} ms",
        pair.text / 1000,
        milliseconds(scan),
        milliseconds(without),
        milliseconds(with_evidence),
        milliseconds(unplaced),
    );
}

/// The shortest of several runs: what else the machine does only adds.
fn best(mut run: impl FnMut()) -> Duration {
    let times = (0..15).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
