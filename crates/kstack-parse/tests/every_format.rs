//! The table of formats, row by row: any bytes, every prefix, splices. A new row is tested without a line here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kstack_parse::{FORMATS, Limits, dump, parse, parse_as};
use kstack_synth::kcdata::{self, Buffer};
use kstack_synth::legacy::{self, Generation};
use kstack_synth::micro::Sample;
use proptest::prelude::*;

/// Room enough for the seeds, and little enough that a slip would show.
const LIMITS: Limits = Limits {
    items: 10_000,
    frames: 10_000,
    depth: 16,
    decompressed_bytes: 1 << 20,
};

/// The reports among the samples, and what no sample has.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut files = Vec::new();
    add_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples"),
        &mut files,
    );
    files.sort();
    let files = files.iter().map(|path| fs::read(path).unwrap());
    let mut seeds: Vec<Vec<u8>> = files
        .filter(|bytes| parse(bytes, &LIMITS).is_ok())
        .collect();
    seeds.push(kcdata_stackshot());
    seeds.push(microstackshot());
    seeds
});

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.file_name().unwrap().to_str().unwrap() {
            "src" | "expect" | "case.toml" => {}
            _ if path.is_dir() => add_files(&path, files),
            _ => files.push(path),
        }
    }
}

fn kcdata_stackshot() -> Vec<u8> {
    let record = kcdata::Thread {
        id: 8,
        ..Default::default()
    };
    let stack = kcdata::words(&[0xffff_ff80_0020_1000, 0xffff_ff7f_80e5_0000]);
    Buffer::stackshot()
        .task(0, |task| {
            task.item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
                .array(0x31, &[kcdata::load_info(0xffff_ff80_0020_0000, [1; 16])])
                .thread(8, |thread| {
                    thread.item(0x906, &record.record()).array(0x914, &stack)
                })
        })
        .end()
}

fn microstackshot() -> Vec<u8> {
    let sample = Sample {
        time: 951_825_600_000_000,
        task: legacy::Task {
            pid: 77,
            name: "zed".to_owned(),
            ..legacy::Task::default()
        },
        frames: vec![0x1_0000_0400, 0x1_0000_0500],
        ..Sample::default()
    };
    sample.record(Generation::G8)
}

/// Reads bytes in every way there is, and checks what holds for all of them.
fn read(bytes: &[u8]) {
    for format in FORMATS {
        let _ = (format.sniff)(bytes);
        check(parse_as(format, bytes, &LIMITS));
    }
    check(parse(bytes, &LIMITS));
    let _ = dump(bytes, &LIMITS);
}

fn check(answer: Result<Vec<kstack_model::Report>, kstack_parse::ParseError>) {
    match answer {
        Ok(reports) => assert!(!reports.is_empty(), "an empty answer is an error"),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

#[test]
fn every_format_has_a_seed_and_recognises_it() {
    for format in FORMATS {
        let is_read = |seed: &Vec<u8>| parse_as(format, seed, &LIMITS).is_ok();
        assert!(SEEDS.iter().any(is_read), "no seed of {}", format.name);
    }
}

#[test]
fn every_format_reads_or_refuses_every_prefix_of_every_seed() {
    /// Each prefix of a short seed; of a long one so many, at odd places.
    const MOST: usize = 60;
    for seed in SEEDS.iter() {
        for end in (0..seed.len()).step_by((seed.len() / MOST) | 1) {
            read(&seed[..end]);
        }
    }
}

fn seed() -> impl Strategy<Value = &'static [u8]> {
    (0..SEEDS.len()).prop_map(|index| SEEDS[index].as_slice())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_format_reads_or_refuses_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
    }

    #[test]
    fn every_format_reads_or_refuses_the_start_of_one_seed_and_the_end_of_another(
        (one, other) in (seed(), seed()),
        (cut, from) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let spliced = [&one[..cut.index(one.len())], &other[from.index(other.len())..]].concat();
        read(&spliced);
    }

    #[test]
    fn every_format_reads_or_refuses_a_seed_with_a_byte_changed(
        seed in seed(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut seed = seed.to_vec();
        let at = at.index(seed.len());
        seed[at] = byte;
        read(&seed);
    }
}
