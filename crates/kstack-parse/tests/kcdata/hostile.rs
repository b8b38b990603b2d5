//! Any bytes, every prefix, flipped bits: reading kcdata never panics, and damage costs little.

use kstack_parse::{Limits, dump, parse};
use kstack_synth::kcdata::{self, Buffer};
use proptest::collection::vec;
use proptest::prelude::*;

/// Room enough for what these tests build, and little enough that a slip would show.
const LIMITS: Limits = Limits {
    items: 10_000,
    frames: 10_000,
    depth: 16,
    decompressed_bytes: 1 << 20,
};

/// A little of everything.
fn system() -> Buffer {
    let thread = |id| {
        move |thread: Buffer| {
            let record = kcdata::Thread {
                id,
                ..Default::default()
            };
            thread
                .item(0x906, &record.record())
                .text(0x909, "txg_sync_thread")
                .array(
                    0x914,
                    &kcdata::words(&[0xffff_ff80_0020_1000, 0xffff_ff7f_80e5_0000]),
                )
                .array(0x90d, &kcdata::pairs(&[(0x1000, 1), (0x2000, 2)]))
        }
    };
    Buffer::stackshot()
        .named_u32("stackshot_in_flags", 0x10)
        .text(
            0x90f,
            "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_X86_64",
        )
        .item(0x908, &[7; 40])
        .type_definition(0x9ee, "odd", &[])
        .task(0, |task| {
            task.item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
                .array(0x31, &[kcdata::load_info(0xffff_ff80_0020_0000, [1; 16])])
                .array(0x91d, &[kcdata::wait_info(8, 1, 9, 0)])
                .array(0x941, &[kcdata::Thread::default().delta_record()])
                .thread(8, thread(8))
                .thread(9, thread(9))
        })
        .container(0x949, 0, |exclaves| {
            exclaves.container(0x94a, 1, |one| one.item(0x94b, &[1; 16]))
        })
        .nested(&Buffer::begin(0xdead_f157).item(0x805, &[7, 0, 0, 0]).end())
}

/// Reads in every way there is; what comes back does not matter.
fn read(bytes: &[u8]) {
    let _ = parse(bytes, &LIMITS);
    let _ = dump(bytes, &LIMITS);
}

#[test]
fn every_prefix_of_a_stackshot_gives_what_came_before_the_cut() {
    let whole = system().end();
    let mut threads = 0;
    for end in 16..whole.len() {
        let reports = parse(&whole[..end], &LIMITS).unwrap();
        assert!(!reports[0].notes.is_empty(), "the cut at {end} is not told");
        let found = reports[0]
            .processes
            .iter()
            .map(|process| process.threads.len())
            .sum();
        assert!(found >= threads, "a longer prefix has fewer threads");
        threads = found;
        read(&whole[..end]);
    }
    assert_eq!(threads, 3);
}

#[test]
fn every_prefix_of_a_compressed_stackshot_is_read() {
    let whole = system().compressed();
    for end in 0..whole.len() {
        read(&whole[..end]);
    }
}

#[test]
fn containers_nested_beyond_the_limit_end_the_reading_there() {
    let deep = (0..100_000)
        .fold(Buffer::stackshot(), |buffer, id| buffer.open(0x949, id))
        .cut();
    let report = parse(&deep, &LIMITS).unwrap().remove(0);
    assert_eq!(
        report.notes[0].text,
        "reading ends here at the limit of 16 nested containers"
    );
    read(&deep);
}

#[test]
fn buffers_nested_beyond_the_limit_are_left_alone() {
    let nest = |inner: Vec<u8>, _| Buffer::stackshot().nested(&inner).end();
    let deep = (0..200).fold(Buffer::stackshot().end(), nest);
    assert_eq!(parse(&deep, &LIMITS).unwrap().len(), 17);
    read(&deep);
}

#[test]
fn compressed_buffers_share_one_limit() {
    let one = (0..40_000)
        .fold(Buffer::stackshot(), |buffer, _| buffer.item(0x9ee, &[]))
        .compressed();
    let reports = parse(&[one.clone(), one].concat(), &LIMITS).unwrap();
    let stopped = |index: usize| {
        reports[index]
            .notes
            .iter()
            .any(|note| note.text.contains("limit of 10000 items"))
    };
    assert!(stopped(0));
    let limited = reports[0]
        .notes
        .iter()
        .any(|note| note.text.contains("limit of 1048576 decompressed bytes"));
    assert!(limited, "{:?}", reports[0].notes);
}

#[test]
fn an_end_without_a_beginning_costs_only_itself() {
    let bytes = Buffer::stackshot()
        .close(3)
        .task(5, |task| task.thread(9, |thread| thread).close(77))
        .end();
    let report = parse(&bytes, &LIMITS).unwrap().remove(0);
    assert_eq!(report.processes[0].threads.len(), 1);
    assert_eq!(report.notes.len(), 2);
}

#[test]
fn a_container_without_an_end_is_closed_by_the_end_of_its_parent() {
    let bytes = Buffer::stackshot()
        .task(5, |task| task.open(0x904, 9))
        .task(6, |task| task)
        .end();
    let report = parse(&bytes, &LIMITS).unwrap().remove(0);
    assert_eq!(report.processes.len(), 2);
    assert_eq!(report.processes[0].threads[0].id, Some(9));
    assert_eq!(
        report.notes[0].text,
        "1 containers within container 5 have no end"
    );
}

/// Headers that look real with payloads that need not fit.
fn items() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![
        Just(0x11),
        Just(0x12),
        Just(0x13),
        Just(0x14),
        0x1_u32..0x7,
        0x20_u32..0x3a,
        0x900_u32..0x958,
        any::<u32>()
    ];
    let element = prop_oneof![Just(0x31_u64), 0x900_u64..0x958];
    let flags = (element, 0_u64..9).prop_map(|(element, low)| element << 32 | low);
    let item = (
        tag,
        prop_oneof![flags, 0_u64..0x90],
        vec(any::<u8>(), 0..140),
    );
    vec(item, 0..40).prop_map(|items| {
        let add = |buffer: Buffer, (tag, flags, payload): (u32, u64, Vec<u8>)| {
            buffer.raw(tag, payload.len() as u32, flags, &payload)
        };
        items.into_iter().fold(Buffer::stackshot(), add).end()
    })
}

proptest! {
    #[test]
    fn any_bytes_after_a_begin_tag_are_read(bytes in vec(any::<u8>(), 0..2000), delta: bool) {
        let begin = if delta { Buffer::delta() } else { Buffer::begin(0x434f_4d50) };
        read(&begin.bytes(&bytes).cut());
        read(&bytes);
    }

    #[test]
    fn any_items_are_read(bytes in items()) {
        read(&bytes);
    }

    #[test]
    fn a_stackshot_with_flipped_bits_is_read(flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        for whole in [system().end(), system().compressed()] {
            let mut bytes = whole;
            for (index, value) in &flips {
                *index.get_mut(&mut bytes) ^= *value;
            }
            read(&bytes);
        }
    }
}
