//! Two reports of one machine.

use super::*;
use crate::diagnose::compare::{Comparison, Proof, compare};
use crate::diagnose::{ProcessorTime, diagnose};

fn compared(before: Hang, after: Hang) -> Comparison {
    let (before, after) = (before.trace(), after.trace());
    compare(&diagnose(&before), &diagnose(&after))
}

fn hang(id: u64, address: u64, cpu: u64) -> Hang {
    Hang::default()
        .process(1, "zpool")
        .thread(id, &[])
        .with(|thread| thread.stacks[0].frames = vec![at(address), at(0x20)])
        .fact("user_time", cpu)
}

#[test]
fn a_thread_with_the_same_frames_and_no_time_used_is_stuck() {
    let comparison = compared(hang(1, 0x10, 5), hang(1, 0x10, 5));
    assert_eq!(comparison.stuck.len(), 1);
    assert_eq!(comparison.stuck[0].proof, Proof::CpuTime);
    assert!(comparison.moved.is_empty() && comparison.grown.is_empty());
}

#[test]
fn a_thread_that_used_time_may_have_come_back() {
    let comparison = compared(hang(1, 0x10, 5), hang(1, 0x10, 9));
    assert_eq!(comparison.stuck[0].proof, Proof::Frames);
    assert_eq!(comparison.grown, [(0, ProcessorTime::Ticks(4))]);
}

#[test]
fn an_unchanged_time_of_the_last_run_is_the_best_proof() {
    let before = hang(1, 0x10, 5).fact("ths_last_run_time", 77);
    let after = hang(1, 0x10, 5).fact("ths_last_run_time", 77);
    assert_eq!(compared(before, after).stuck[0].proof, Proof::LastRun);
}

#[test]
fn another_offset_in_the_same_function_is_a_move() {
    let comparison = compared(hang(1, 0x10, 5), hang(1, 0x14, 5));
    assert!(comparison.stuck.is_empty());
    assert_eq!(comparison.moved, [(0, 0)]);
}

#[test]
fn threads_of_one_report_only_are_new_or_gone() {
    let comparison = compared(hang(1, 0x10, 5), hang(2, 0x10, 5));
    assert_eq!((comparison.new, comparison.gone), (vec![0], vec![0]));
}

#[test]
fn threads_of_two_boots_are_not_compared() {
    let mut after = hang(1, 0x10, 5);
    after.0.machine.os_build = Some("12F45".to_owned());
    let mut before = hang(1, 0x10, 5);
    before.0.machine.os_build = Some("12A1".to_owned());
    let comparison = compared(before, after);
    assert!(comparison.not_one_boot.unwrap().contains("12A1 and 12F45"));
    assert!(comparison.stuck.is_empty());
}

#[test]
fn two_panics_are_one_or_part_at_a_frame() {
    let panic = |last: &str| {
        let frames = ["k:panic", "zfs:vdev_io", "zfs:arc_read", last];
        Hang::default()
            .process(1, "a")
            .thread(1, &frames)
            .panicked()
    };
    let same = compared(panic("zfs:a"), panic("zfs:a")).panics.unwrap();
    assert!(same.are_one());
    assert_eq!(same.parts, None);
    let other = compared(panic("zfs:a"), panic("zfs:b")).panics.unwrap();
    assert!(!other.are_one());
    assert_eq!(other.common.len(), 2);
    assert_eq!(
        other.parts,
        Some((Some("a (in zfs)".to_owned()), Some("b (in zfs)".to_owned())))
    );
}

#[test]
fn reports_in_the_wrong_order_prove_nothing() {
    let comparison = compared(hang(1, 0x10, 9), hang(1, 0x10, 5));
    assert_eq!((comparison.shrunk, comparison.grown), (1, vec![]));
    assert_eq!(
        comparison.stuck.first().map(|stuck| stuck.proof),
        Some(Proof::Frames)
    );
}

#[test]
fn threads_of_two_machines_are_not_compared() {
    let of = |model: &str| {
        let mut trace = hang(1, 0x10, 9).trace();
        trace.report.machine.model = Some(model.to_owned());
        trace
    };
    let (one, other) = (of("MacPro5,1"), of("MacBookPro9,1"));
    let comparison = compare(&diagnose(&one), &diagnose(&other));
    let why = comparison.not_one_boot.unwrap();
    assert!(
        why.contains("the machines differ (MacPro5,1 and MacBookPro9,1)"),
        "{why}"
    );
    assert_eq!(comparison.stuck, []);
}

#[test]
fn reports_that_state_their_systems_in_other_ways_are_told_apart_all_the_same() {
    let on = |os: Option<&str>, kernel: Option<&str>| {
        let mut hang = hang(1, 0x10, 5);
        hang.0.machine.os_version = os.map(str::to_owned);
        hang.0.machine.kernel_version = kernel.map(str::to_owned);
        hang
    };
    let darwin =
        |number: u32| format!("Darwin Kernel Version {number}.9.9: Fri Jun  1; root:xnu-1/RELEASE");
    for (os, number) in [
        ("OS X 10.8", 12),
        ("macOS 12.3 (21E230)", 21),
        ("macOS 26.1", 25),
    ] {
        let differ = |number: u32| {
            let kernel = darwin(number);
            compared(on(Some(os), None), on(None, Some(&kernel))).not_one_boot
        };
        assert_eq!(differ(number), None, "{os}");
        let why = differ(number + 1).unwrap();
        assert!(
            why.contains(&format!("Darwin {number} and {}", number + 1)),
            "{why}"
        );
    }
    // A telephone's version says nothing of the kind.
    let kernel = darwin(19);
    let phone = compared(on(Some("iPhone OS 15.0"), None), on(None, Some(&kernel)));
    assert_eq!(phone.not_one_boot, None);
}

#[test]
fn threads_that_a_panic_does_not_tell_of_looked_new() {
    let comparison = compared(hang(1, 0x10, 5).panicked(), hang(2, 0x10, 5));
    assert!(
        comparison
            .not_one_boot
            .unwrap()
            .contains("one is of a panic")
    );
    assert!(comparison.new.is_empty() && comparison.gone.is_empty());
}
