//! Traces that are cut, spoilt, or followed by something else.

use kstack_parse::{Limits, parse};
use kstack_synth::legacy::{Generation, Kind, Task, Thread};

use super::{assert_small, read, read_one, shape, small, task, thread};

#[test]
fn traces_that_follow_one_another_are_reports_of_their_own() {
    for generation in Generation::ALL {
        let one = small(generation).build();
        let file = small(generation).raw(&one).raw(&one).zero_tail(100);
        let reports = read(&file.build());
        assert_eq!(reports.len(), 3, "{generation:?}");
        reports.iter().for_each(assert_small);
    }
}

#[test]
fn tasks_without_a_process_do_not_begin_another_trace() {
    let gone = Task {
        flags: 0x8,
        ..task(-1)
    };
    let trace = small(Generation::G5)
        .task(&gone)
        .thread(&thread(0, 90))
        .task(&gone)
        .thread(&thread(0, 91));
    assert_eq!(read_one(&trace.build()).processes.len(), 4);
}

#[test]
fn a_tail_of_zeros_is_no_news() {
    for generation in Generation::ALL {
        for zeros in [1, 3, 4, 7, 8, 4096] {
            let report = read_one(&small(generation).zero_tail(zeros).build());
            assert_small(&report);
            assert_eq!(report.notes, [], "{generation:?}");
        }
    }
}

#[test]
fn a_task_whose_load_information_was_unreadable_ends_the_trace() {
    let last = Task {
        values: vec![("nloadinfos", 12)],
        ..task(400)
    };
    for zeros in [0, 1000] {
        let trace = small(Generation::G3).task(&last).zero_tail(zeros);
        let report = read_one(&trace.build());
        assert_eq!(report.processes.len(), 3);
        assert_eq!(report.processes[2].space.images, []);
        assert_eq!(
            report.notes[0].text,
            "task record cut: 0 of 12 images and 0 of 0 donating pids are there"
        );
    }
}

#[test]
fn stale_bytes_after_the_end_are_reported() {
    for generation in Generation::ALL {
        let report = read_one(&small(generation).raw(&[0x5a; 30]).build());
        assert_small(&report);
        assert_eq!(report.notes.len(), 1);
        assert_eq!(
            report.notes[0].text,
            "30 bytes left: they belong to no record of this trace"
        );
    }
}

#[test]
fn a_record_after_a_gap_is_found_again() {
    for generation in Generation::ALL {
        let mut trace = small(generation).raw(&[0x5a; 33]);
        if generation.has(Kind::Task) {
            trace = trace.task(&task(400));
        }
        let report = read_one(&trace.thread(&thread(400, 7)).build());
        assert_eq!(shape(&report)[2], (Some(400), vec![7]), "{generation:?}");
        assert_eq!(
            report.notes[0].text,
            "33 bytes skipped: no record starts here"
        );
    }
}

#[test]
fn threads_whose_task_record_is_lost_are_not_given_to_another() {
    let trace = small(Generation::G5).raw(&[0x5a; 33]);
    let report = read_one(&trace.thread(&thread(0, 7)).build());
    assert_eq!(shape(&report)[2], (None, vec![7]));
    assert_eq!(
        report.notes[1].text,
        "the task record of the threads from here on is missing"
    );
}

#[test]
fn a_damaged_frame_count_costs_one_thread() {
    for generation in Generation::ALL {
        let damaged = Thread {
            values: vec![("nuser_frames", 900)],
            ..thread(321, 3)
        };
        let trace = small(generation).thread(&damaged);
        let trace = trace.thread(&thread(321, 4)).thread(&thread(321, 5));
        let report = read_one(&trace.build());
        let threads = report.processes.iter().flat_map(|one| &one.threads);
        let ids: Vec<_> = threads.filter_map(|thread| thread.id).collect();
        assert_eq!(ids, [1, 2, 5137, 5138, 3, 4, 5], "{generation:?}");
        assert_eq!(
            report.notes[0].text,
            "thread record cut: 3 of 3 kernel frames and 4 of 900 user frames are there"
        );
    }
}

#[test]
fn limits_end_the_reading_with_a_note() {
    let bytes = small(Generation::G5).build();
    let defaults = Limits::default();
    let few_items = Limits {
        items: 4,
        ..defaults
    };
    let few_frames = Limits {
        frames: 8,
        ..defaults
    };
    for (limits, what, threads) in [(few_items, "items", 2), (few_frames, "frames", 1)] {
        let report = &parse(&bytes, &limits).unwrap()[0];
        let counts = report.processes.iter().map(|one| one.threads.len());
        assert_eq!(counts.sum::<usize>(), threads);
        assert_eq!(
            report.notes[0].text,
            format!("reading stopped here: the limit of {what} is reached")
        );
    }
}
