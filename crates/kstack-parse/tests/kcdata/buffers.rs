//! Files: several buffers, compressed ones, cut ones, and what is no stackshot.

use kstack_model::{Report, Side};
use kstack_parse::{Limits, parse};
use kstack_synth::kcdata::{self, Buffer};

use super::{INTEL, KERNEL, addresses, one_thread, only_thread, report, reports};

#[test]
fn unknown_tags_are_noted_once_and_cost_nothing_else() {
    let bytes = one_thread(INTEL, |thread| {
        thread
            .item(0x9ee, b"?")
            .item(0x9ee, b"!")
            .array(0x916, &kcdata::words(&[1]))
    });
    let report = report(&bytes.end());
    assert_eq!(addresses(only_thread(&report), Side::User), [1]);
    assert!(
        report.notes[0].text.ends_with("0x9ee (2)"),
        "{}",
        report.notes[0]
    );
}

#[test]
fn several_buffers_in_one_file_are_several_reports() {
    let one = one_thread(INTEL, |thread| thread.array(0x916, &kcdata::words(&[1]))).end();
    let file = [
        one.clone(),
        vec![0; 40],
        Buffer::delta().end(),
        one.clone(),
        Buffer::stackshot().compressed(),
    ]
    .concat();
    let variants: Vec<_> = reports(&file)
        .into_iter()
        .map(|report| report.variant.unwrap())
        .collect();
    assert_eq!(variants, ["full", "delta", "full", "full, compressed"]);
}

#[test]
fn a_compressed_buffer_says_the_same_as_a_plain_one() {
    let buffer = || {
        one_thread(INTEL, |thread| {
            thread.array(0x914, &kcdata::words(&[KERNEL; 9000]))
        })
    };
    let plain = undamaged_but_without_kernel(&buffer().end());
    let mut packed = undamaged_but_without_kernel(&buffer().compressed());
    assert_eq!(packed.variant.as_deref(), Some("full, compressed"));
    packed.variant.clone_from(&plain.variant);
    assert_eq!(packed, plain);
}

fn undamaged_but_without_kernel(bytes: &[u8]) -> Report {
    let report = report(bytes);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(
        report.notes[0]
            .text
            .starts_with("no kernel or kext is listed")
    );
    report
}

#[test]
fn a_compressed_buffer_stops_at_the_limit_that_the_note_names() {
    let limits = Limits {
        decompressed_bytes: 5000,
        ..Limits::default()
    };
    let bytes = one_thread(INTEL, |thread| {
        thread.array(0x914, &kcdata::words(&[KERNEL; 9000]))
    })
    .compressed();
    let report = parse(&bytes, &limits).unwrap().remove(0);
    let note = report
        .notes
        .iter()
        .find(|note| note.text.contains("limit of 5000 decompressed bytes"));
    assert!(note.is_some(), "{:?}", report.notes);
    assert_eq!(report.processes[0].pid, Some(77));
}

#[test]
fn a_buffer_without_an_end_keeps_what_came() {
    let record = kcdata::task_snapshot(5, 5, "zed");
    let bytes = Buffer::stackshot()
        .open(0x903, 5)
        .item(0x905, &record)
        .open(0x904, 9)
        .cut();
    let report = report(&bytes);
    assert_eq!(report.processes[0].threads[0].id, Some(9));
    let notes: Vec<_> = report.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(
        notes,
        [
            "no end item: the buffer is incomplete",
            "2 containers have no end; what was read of them is kept"
        ]
    );
}

#[test]
fn an_item_longer_than_the_file_costs_only_what_follows() {
    let bytes = one_thread(INTEL, |thread| {
        thread
            .array(0x916, &kcdata::words(&[1]))
            .raw(0x914, 4096, 0, &[0; 8])
    })
    .cut();
    let report = report(&bytes);
    assert_eq!(addresses(only_thread(&report), Side::User), [1]);
    assert!(
        report.notes[0]
            .text
            .starts_with("item 0x914 should have 4096 bytes"),
        "{}",
        report.notes[0]
    );
}

#[test]
fn corpses_and_exit_reasons_are_told_and_not_taken_for_stackshots() {
    let said = |tag| {
        parse(&Buffer::begin(tag).end(), &Limits::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        said(0xdead_f157),
        "this kcdata is the crash information of a corpse, not a stackshot; `kstack dump` shows what is in it"
    );
    assert!(said(0x53a2_0900).contains("an exit reason"));
}

#[test]
fn a_stackshot_inside_another_buffer_is_read() {
    let inner = one_thread(INTEL, |thread| thread.array(0x916, &kcdata::words(&[1]))).end();
    let report = report(&Buffer::begin(0xdead_f157).nested(&inner).end());
    assert_eq!(addresses(only_thread(&report), Side::User), [1]);
}

#[test]
fn a_trace_header_in_front_of_a_stackshot_is_stepped_over() {
    let bytes = [vec![0x55; 16], Buffer::stackshot().end()].concat();
    assert_eq!(report(&bytes).notes, []);
}

#[test]
fn frames_beyond_the_limit_are_left_out_and_told() {
    let limits = Limits {
        frames: 3,
        ..Limits::default()
    };
    let bytes = one_thread(INTEL, |thread| {
        thread
            .array(0x916, &kcdata::words(&[1, 2]))
            .array(0x914, &kcdata::words(&[3, 4]))
    });
    let report = parse(&bytes.end(), &limits).unwrap().remove(0);
    let thread = only_thread(&report);
    assert_eq!(
        (
            addresses(thread, Side::Kernel),
            addresses(thread, Side::User)
        ),
        (vec![3], vec![1, 2])
    );
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text == "frames are left out beyond the limit of 3")
    );
}
