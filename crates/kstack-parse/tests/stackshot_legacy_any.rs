//! Binary stackshots that are random, damaged or cut anywhere.

use kstack_model::{Report, Thread as ReadThread};
use kstack_parse::{FORMATS, Limits, Sniff, parse_as};
use kstack_synth::legacy::{Generation, Kind, Task, Thread, Trace};
use proptest::collection::vec;
use proptest::prelude::*;

/// Reads the bytes as this format, whatever they look like.
fn read(bytes: &[u8]) -> Vec<Report> {
    let format = FORMATS
        .iter()
        .find(|format| format.name == "stackshot-legacy")
        .unwrap();
    parse_as(format, bytes, &Limits::default()).unwrap_or_default()
}

fn is_recognised(bytes: &[u8]) -> bool {
    FORMATS
        .iter()
        .any(|format| format.name == "stackshot-legacy" && (format.sniff)(bytes) == Sniff::Yes)
}

fn threads(reports: &[Report]) -> Vec<&ReadThread> {
    reports
        .iter()
        .flat_map(|report| &report.processes)
        .flat_map(|process| &process.threads)
        .collect()
}

fn id_of(report: &Report) -> &str {
    let variant = report.variant.as_deref().unwrap();
    variant.split(',').next().unwrap()
}

/// A trace, and where each of its threads ends.
#[derive(Clone, Debug)]
struct Random {
    generation: Generation,
    bytes: Vec<u8>,
    thread_ends: Vec<usize>,
}

fn frames(text_start: u64, least: usize) -> impl Strategy<Value = Vec<(u64, u64)>> {
    vec((0..0x10_0000_u64, 1..64_u64), least..12).prop_map(move |steps| {
        let mut frame_pointer = 0x1000;
        let mut frames: Vec<_> = steps
            .into_iter()
            .map(|(text, step)| {
                frame_pointer += 16 * step;
                (text_start + text, frame_pointer)
            })
            .collect();
        if let Some(last) = frames.last_mut() {
            last.1 = 0;
        }
        frames
    })
}

fn thread() -> impl Strategy<Value = Thread> {
    let serial = proptest::option::of(1..1_000_000_u64);
    (
        any::<(u32, u64, bool, bool)>(),
        serial,
        frames(0xffff_ff80_0020_0000, 0),
        // A thread without frames but with a serial is as long as one of the
        // next system without either: nothing tells 10.7 from 10.8 then.
        frames(0x4000, 1),
    )
        .prop_map(|(plain, queue_serial, kernel, user)| {
            let (state, id, is_kernel_wide, is_user_wide) = plain;
            Thread {
                id,
                state: state & 0xff,
                is_kernel_wide,
                is_user_wide,
                queue_serial,
                kernel,
                user,
                ..Thread::default()
            }
        })
}

fn trace_of(generation: Generation) -> impl Strategy<Value = Random> {
    let task = (
        any::<bool>(),
        vec(0..0x1_0000_u64, 0..5),
        vec(thread(), 1..5),
    );
    (any::<bool>(), vec(task, 2..5)).prop_map(move |(has_memory, tasks)| {
        let mut trace = Trace::new(generation);
        let mut thread_ends = Vec::new();
        if has_memory && generation.has(Kind::Memory) {
            trace = trace.memory(&[("wired_pages", 0x1234)]);
        }
        for (pid, (is_wide, images, threads)) in (0..).zip(tasks) {
            let name = format!("exampled{pid}");
            let load_infos = images
                .iter()
                .map(|image| (image << 12, kstack_model::Uuid::from_u64_pair(*image, 7)))
                .collect();
            if generation.has(Kind::Task) {
                trace = trace.task(&Task {
                    pid,
                    name: name.clone(),
                    is_wide,
                    load_infos,
                    ..Task::default()
                });
            }
            for thread in threads {
                trace = trace.thread(&Thread {
                    pid,
                    process: name.clone(),
                    ..thread
                });
                thread_ends.push(trace.len());
            }
        }
        Random {
            generation,
            bytes: trace.build(),
            thread_ends,
        }
    })
}

fn any_trace() -> impl Strategy<Value = Random> {
    proptest::sample::select(Generation::ALL.to_vec()).prop_flat_map(trace_of)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..600)) {
        read(&bytes);
        for magic in [0xfeed_face_u32, 0xcefa_edfe, 0xdeca_fbad, 0xabcd_dcba, 0xbfca_bcde] {
            let mut marked = magic.to_le_bytes().to_vec();
            marked.extend(&bytes);
            is_recognised(&marked);
            read(&marked);
        }
    }

    #[test]
    fn a_random_trace_is_recognised_and_read_whole(trace in any_trace(), zeros in 0..300_usize) {
        let mut bytes = trace.bytes;
        bytes.resize(bytes.len() + zeros, 0);
        prop_assert!(is_recognised(&bytes));
        let reports = read(&bytes);
        prop_assert_eq!(reports.len(), 1);
        prop_assert_eq!(id_of(&reports[0]), format!("{:?}", trace.generation));
        prop_assert_eq!(threads(&reports).len(), trace.thread_ends.len());
        // A trace of 32-bit threads that all have serials fits 10.7 and 10.8 alike.
        prop_assert!(reports[0].notes.iter().all(|note| note.at.is_none()));
    }

    #[test]
    fn a_cut_costs_only_what_it_cuts(trace in any_trace(), at in any::<proptest::sample::Index>()) {
        // The generation shows once a thread is followed by a record.
        let sure = trace.thread_ends[0] + 4;
        let cut = sure + at.index(trace.bytes.len() - sure);
        let bytes = &trace.bytes[..cut];
        prop_assert!(is_recognised(bytes));
        let reports = read(bytes);
        prop_assert_eq!(id_of(&reports[0]), format!("{:?}", trace.generation));
        let whole = read(&trace.bytes);
        let whole = threads(&whole);
        let left = threads(&reports);
        let intact = trace.thread_ends.iter().filter(|&&end| end <= cut).count();
        prop_assert!(left.len() == intact || left.len() == intact + 1);
        prop_assert_eq!(&left[..intact], &whole[..intact]);
    }

    #[test]
    fn damaged_bytes_are_read_without_a_panic(
        trace in any_trace(),
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let mut bytes = trace.bytes;
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        is_recognised(&bytes);
        read(&bytes);
    }

    #[test]
    fn a_gap_costs_no_thread(trace in any_trace(), junk in vec(0x80..0xa0_u8, 17..40)) {
        // Up to 16 bytes could be the words that a frame limit leaves behind.
        let at = trace.thread_ends[0];
        let mut bytes = trace.bytes.clone();
        bytes.splice(at..at, junk);
        let whole = read(&trace.bytes);
        let reports = read(&bytes);
        prop_assert_eq!(id_of(&reports[0]), id_of(&whole[0]));
        let notes = &reports[0].notes;
        prop_assert!(threads(&reports) == threads(&whole), "{notes:?}");
    }
}

#[test]
fn every_prefix_of_a_trace_is_read_without_a_panic() {
    for generation in Generation::ALL {
        let mut trace = Trace::new(generation);
        for pid in 1..3 {
            trace = trace
                .memory(&[])
                .task(&Task {
                    pid,
                    name: "exampled".into(),
                    load_infos: vec![(0x1000, kstack_model::Uuid::from_u64_pair(1, 2))],
                    donating_pids: vec![4],
                    ..Task::default()
                })
                .thread(&Thread {
                    pid,
                    queue_serial: Some(1),
                    kernel: vec![(0x20_0000, 0x10), (0x20_1000, 0)],
                    user: vec![(0x4000, 0)],
                    ..Thread::default()
                });
        }
        let bytes = trace.build();
        for length in 0..bytes.len() {
            let prefix = &bytes[..length];
            is_recognised(prefix);
            read(prefix);
        }
    }
}
