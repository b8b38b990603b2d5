//! Microstackshots built for the purpose; none is published.

use kstack_model::{
    Address, Arch, At, FrameKind, ImageKind, Report, Side, Slide, SlideOf, StackEnd, Thread, Uuid,
    Value,
};
use kstack_parse::{Limits, parse};
use kstack_synth::legacy::{self, Generation};
use kstack_synth::micro::Sample;
use proptest::collection::vec;
use proptest::prelude::*;

const FORMS: [Generation; 3] = [Generation::G6, Generation::G7, Generation::G8];
/// 29 February 2000, noon.
const NOON: u64 = 951_825_600_000_000;

fn sample(time: u64, thread: u64, frames: &[u64]) -> Sample {
    Sample {
        time,
        cpu: 3,
        flags: 0x4,
        task: legacy::Task {
            pid: 77,
            name: "zed".to_owned(),
            is_wide: true,
            shared_cache: [5; 16],
            load_infos: vec![(0x1_0000_0000, Uuid::from_bytes([6; 16]))],
            values: vec![("shared_cache_slide", 0x4000)],
            ..legacy::Task::default()
        },
        thread: legacy::Thread {
            id: thread,
            state: 0x4,
            flags: 0x8,
            is_user_wide: true,
            queue_serial: Some(12),
            ..legacy::Thread::default()
        },
        frames: frames.to_vec(),
        async_start: None,
    }
}

fn report(bytes: &[u8]) -> Report {
    let mut reports = parse(bytes, &Limits::default()).unwrap();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn stacks(thread: &Thread) -> Vec<(Side, Vec<u64>, u64)> {
    let address = |frame: &kstack_model::Frame| match frame.at {
        At::Absolute(Address(address)) => address,
        _ => panic!("frames are absolute"),
    };
    let stacks = thread.stacks.iter();
    stacks
        .map(|stack| {
            (
                stack.side,
                stack.frames.iter().map(address).collect(),
                stack.samples,
            )
        })
        .collect()
}

#[test]
fn each_form_is_told_by_its_records() {
    for (generation, since) in
        FORMS
            .into_iter()
            .zip(["OS X 10.9", "OS X 10.10", "OS X 10.11 and later"])
    {
        let bytes = [
            sample(NOON, 9, &[0x10, 0x20]),
            sample(NOON + 1, 10, &[0x30]),
        ];
        let report = report(&bytes.map(|sample| sample.record(generation)).concat());
        assert_eq!(report.variant.as_deref(), Some(since));
        assert_eq!(report.notes, []);
        let threads = &report.processes[0].threads;
        assert_eq!(stacks(&threads[0]), [(Side::User, vec![0x10, 0x20], 1)]);
        assert_eq!(threads[1].id, Some(10));
    }
}

#[test]
fn what_a_sample_says_of_its_process_has_its_places() {
    let report = report(&sample(NOON, 9, &[0x10]).record(Generation::G6));
    let process = &report.processes[0];
    assert_eq!(
        (process.pid, process.name.as_deref()),
        (Some(77), Some("zed"))
    );
    let kinds: Vec<_> = process
        .space
        .images
        .iter()
        .map(|image| image.kind)
        .collect();
    assert_eq!(kinds, [ImageKind::SharedCache, ImageKind::User]);
    assert_eq!(
        process.space.images[0].uuid,
        Some(Uuid::from_bytes([5; 16]))
    );
    assert_eq!(
        process.space.slides,
        [(SlideOf::SharedCache, Slide(0x4000))]
    );
    assert_eq!(
        report.machine.captured_at.as_deref(),
        Some("2000-02-29 12:00:00.000000 UTC")
    );
}

#[test]
fn equal_stacks_of_a_thread_are_one_that_is_heavier() {
    let samples = [
        sample(NOON, 9, &[0x10, 0x20]),
        sample(NOON + 5, 9, &[0x11, 0x20]),
        sample(NOON + 9, 9, &[0x10, 0x20]),
    ];
    let report = report(&samples.map(|sample| sample.record(Generation::G8)).concat());
    let thread = &report.processes[0].threads[0];
    assert_eq!(
        stacks(thread),
        [
            (Side::User, vec![0x10, 0x20], 2),
            (Side::User, vec![0x11, 0x20], 1)
        ]
    );
    let times = thread
        .facts
        .iter()
        .find(|fact| fact.name == "sample_times_usecs");
    assert_eq!(
        times.unwrap().value,
        Value::List(vec![NOON, NOON + 5, NOON + 9])
    );
    assert_eq!(report.processes[0].space.images.len(), 2);
}

#[test]
fn a_sample_that_two_fetches_returned_counts_once() {
    let one = sample(NOON, 9, &[0x10]).record(Generation::G8);
    let report = report(&[one.clone(), one].concat());
    assert_eq!(
        stacks(&report.processes[0].threads[0]),
        [(Side::User, vec![0x10], 1)]
    );
    assert_eq!(
        report.notes[0].text,
        "samples that come twice are read once: 1"
    );
}

#[test]
fn frames_from_the_asynchronous_index_on_are_another_stack() {
    let mut sample = sample(NOON, 9, &[0x10, 0x20, 0x30]);
    sample.async_start = Some(1);
    let report = report(&sample.record(Generation::G8));
    let thread = &report.processes[0].threads[0];
    assert_eq!(
        stacks(thread),
        [
            (Side::User, vec![0x10], 1),
            (Side::UserAsync, vec![0x20, 0x30], 1)
        ]
    );
    assert_eq!(thread.stacks[1].frames[0].kind, FrameKind::ReturnAddress);
}

#[test]
fn new_kernels_put_the_rest_of_a_long_name_where_counts_were() {
    let mut sample = sample(NOON, 9, &[0x10]);
    sample.async_start = Some(u16::MAX);
    sample.task.name = "com.example.long".to_owned();
    sample.task.values.push(("p_start_sec", 4242));
    let mut bytes = sample.record(Generation::G8);
    bytes[27 + 161..][..7].copy_from_slice(b".helper");
    let report = report(&bytes);
    assert_eq!(
        report.processes[0].name.as_deref(),
        Some("com.example.long.helper")
    );
    let fact = |name: &str| {
        report.processes[0]
            .facts
            .iter()
            .find(|fact| fact.name == name)
    };
    assert_eq!(
        fact("resource_coalition_id").unwrap().value,
        Value::Number(4242)
    );
    assert!(fact("p_start_sec").is_none());
    assert_eq!(report.processes[0].threads[0].stacks.len(), 1);
}

#[test]
fn kernel_samples_have_kernel_frames_and_no_last_zero() {
    let mut sample = sample(NOON, 9, &[0xffff_fe00_0712_3456, 0xffff_fe00_0712_0000, 0]);
    sample.flags = 0x40;
    sample.task.pid = 0;
    sample.thread.is_user_wide = false;
    let report = report(&sample.record(Generation::G8));
    assert_eq!(
        stacks(&report.processes[0].threads[0]),
        [(
            Side::Kernel,
            vec![0xffff_fe00_0712_3456, 0xffff_fe00_0712_0000],
            1
        )]
    );
    assert_eq!(report.machine.arch, Some(Arch::Arm64));
}

#[test]
fn a_zero_ends_a_user_stack() {
    let report = report(&sample(NOON, 9, &[0x10, 0x20, 0]).record(Generation::G8));
    let stack = &report.processes[0].threads[0].stacks[0];
    assert_eq!((stack.frames.len(), stack.end), (2, StackEnd::Complete));
}

#[test]
fn a_damaged_sample_costs_only_itself() {
    let good = sample(NOON, 9, &[0x10]).record(Generation::G8);
    let mut bad = sample(NOON + 1, 10, &[0x20]).record(Generation::G8);
    bad[27] ^= 0xff;
    let report = report(
        &[
            good,
            bad.clone(),
            sample(NOON + 2, 11, &[0x30]).record(Generation::G8),
        ]
        .concat(),
    );
    let ids: Vec<_> = report.processes[0]
        .threads
        .iter()
        .map(|thread| thread.id.unwrap())
        .collect();
    assert_eq!(ids, [9, 11]);
    assert_eq!(
        report.notes[0].text,
        format!("{} bytes skipped: they are no whole sample", bad.len())
    );
}

proptest! {
    #[test]
    fn every_prefix_and_any_flip_is_read(cut: prop::sample::Index, flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        for generation in FORMS {
            let samples = [sample(NOON, 9, &[0x10, 0x20]), sample(NOON + 1, 9, &[0x30])];
            let mut bytes = samples.map(|sample| sample.record(generation)).concat();
            for (index, value) in &flips {
                *index.get_mut(&mut bytes) ^= *value;
            }
            let _ = parse(&bytes, &Limits::default());
            let _ = parse(&bytes[..cut.index(bytes.len())], &Limits::default());
        }
    }

    #[test]
    fn any_bytes_after_the_magic_are_read(bytes in vec(any::<u8>(), 0..1500)) {
        let _ = parse(&[vec![0x11, 0x40, 0xc5, 0x31], bytes].concat(), &Limits::default());
    }
}
