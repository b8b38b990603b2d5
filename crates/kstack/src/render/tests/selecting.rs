//! What is left out is counted, in every output.

use kstack_model::Thread;

use super::sample::{Answer, KERNEL, ZFS, empty, named, process, stack, thread};
use super::*;
use crate::resolve::Why;
use crate::select::Selection;

/// Two processes: one with a kernel thread and a zfs thread, one with a kernel thread.
fn two() -> Trace {
    let mut trace = empty();
    let idle = stack(
        &mut trace,
        vec![Answer::named(0, KERNEL, 8, 4, named("idle"))],
    );
    let zfs = stack(
        &mut trace,
        vec![Answer::in_image(2, ZFS, 8, Why::NoSymbolFile)],
    );
    trace.report.processes = vec![
        process(
            1,
            "launchd",
            vec![thread(10, vec![idle.clone()]), thread(11, vec![zfs])],
        ),
        process(2, "zpool", vec![thread(20, vec![idle])]),
    ];
    trace
}

fn shown(selection: &Selection) -> (Vec<u64>, usize, usize) {
    let trace = two();
    let selected = selection.of(&trace);
    let threads = selected
        .processes
        .iter()
        .flat_map(|process| &process.threads);
    let ids = threads.filter_map(|thread: &&Thread| thread.id).collect();
    (ids, selected.processes_left_out, selected.threads_left_out)
}

#[test]
fn the_default_shows_everything() {
    assert_eq!(shown(&Selection::default()), (vec![10, 11, 20], 0, 0));
}

#[test]
fn a_process_is_chosen_by_its_exact_name_or_its_pid() {
    let by_name = |name: &str| Selection {
        processes: vec![name.to_owned()],
        ..Selection::default()
    };
    assert_eq!(shown(&by_name("zpool")), (vec![20], 1, 2));
    assert_eq!(shown(&by_name("zpoo")), (vec![], 2, 3));
    let by_pid = Selection {
        pids: vec![1],
        ..Selection::default()
    };
    assert_eq!(shown(&by_pid), (vec![10, 11], 1, 1));
}

#[test]
fn a_process_goes_with_the_last_of_its_threads() {
    let selection = Selection {
        threads: vec![11],
        ..Selection::default()
    };
    assert_eq!(shown(&selection), (vec![11], 1, 2));
}

#[test]
fn a_thread_in_a_kext_counts_even_when_nothing_names_its_frame() {
    let selection = Selection {
        only_kexts: true,
        ..Selection::default()
    };
    assert_eq!(shown(&selection), (vec![11], 1, 2));
}

#[test]
fn every_output_says_how_much_was_left_out() {
    let options = RenderOptions {
        selection: Selection {
            only_kexts: true,
            ..Selection::default()
        },
        ..RenderOptions::default()
    };
    let sentence = "Left out by the selection: 1 process, 2 threads";
    assert!(rendered("text", &two(), &options).contains(sentence));
    assert!(rendered("markdown", &two(), &options).contains(sentence));
    let json: serde_json::Value =
        serde_json::from_str(&rendered("json", &two(), &options)).unwrap();
    assert_eq!(
        json["left_out"],
        serde_json::json!({"processes": 1, "threads": 2})
    );
}
