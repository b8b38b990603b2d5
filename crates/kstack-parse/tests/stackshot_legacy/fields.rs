//! Every field of every record, in the place it belongs.

use kstack_model::{Address, Basis, Value};
use kstack_synth::legacy::{Generation, Kind, Task, Thread, Trace};

use super::{fact, generations_with, number, read_one, task, thread};

/// Fields that the report has a place for; all others are facts.
const TYPED: &[&str] = &[
    "pid",
    "p_comm",
    "thread_id",
    "pth_name",
    "state",
    "wait_event",
    "continuation",
    "nkern_frames",
    "nuser_frames",
    "nloadinfos",
    "donating_pid_count",
];

/// A value of its own for every field that takes a number.
fn distinct(generation: Generation, kind: Kind, but: &[&str]) -> Vec<(&'static str, u64)> {
    let slots = generation.slots(kind).iter().zip(1..);
    slots
        .filter(|((name, _, size), _)| *size <= 8 && !TYPED.contains(name) && !but.contains(name))
        .map(|((name, _, size), index)| {
            let mask = u64::MAX >> (64 - 8 * size);
            (*name, (0x8182_8384_8586_8700 + index) & mask)
        })
        .collect()
}

#[test]
fn every_field_of_a_memory_record_is_a_fact() {
    for generation in generations_with(Kind::Memory) {
        let values = distinct(generation, Kind::Memory, &[]);
        let trace = Trace::new(generation).memory(&values);
        let report = read_one(&trace.task(&task(1)).thread(&thread(1, 1)).build());
        assert_eq!(report.facts.len(), values.len());
        for (name, value) in values {
            assert_eq!(number(&report.facts, name), value, "{generation:?} {name}");
        }
    }
}

#[test]
fn every_field_of_a_task_record_lands_in_the_process() {
    for generation in generations_with(Kind::Task) {
        let values = distinct(generation, Kind::Task, &["ss_flags"]);
        let given = Task {
            flags: 0x50,
            donating_pids: vec![11, 12],
            values: values.clone(),
            ..task(321)
        };
        let trace = Trace::new(generation).task(&given).thread(&thread(321, 1));
        let process = &read_one(&trace.build()).processes[0];
        assert_eq!(process.pid, Some(321));
        assert_eq!(process.name.as_deref(), Some("exampled321"));
        assert_eq!(process.space.basis, Basis::Slid);
        assert_eq!(fact(&process.facts, "ss_flags"), Some(&Value::Hex(0x51)));
        for (name, value) in values {
            assert_eq!(number(&process.facts, name), value, "{generation:?} {name}");
        }
        let has_donors = matches!(generation, Generation::G7 | Generation::G8);
        assert_eq!(
            fact(&process.facts, "donating_pids"),
            has_donors.then_some(&Value::List(vec![11, 12]))
        );
    }
}

#[test]
fn every_field_of_a_thread_record_lands_in_the_thread() {
    for generation in Generation::ALL {
        let values = distinct(generation, Kind::Thread, &["ss_flags", "user64_p"]);
        let given = Thread {
            state: 0x8001,
            wait_event: 0x0876_5432,
            continuation: 0x0023_4567,
            name: "worker".into(),
            queue_serial: Some(99),
            values: values.clone(),
            ..thread(321, 0x0101)
        };
        let mut trace = Trace::new(generation);
        if generation.has(Kind::Task) {
            trace = trace.task(&task(321));
        }
        let process = &read_one(&trace.thread(&given).build()).processes[0];
        assert_eq!(process.pid, Some(321));
        assert_eq!(process.name.as_deref(), Some("exampled321"));
        let thread = &process.threads[0];
        assert_eq!(thread.id, Some(0x0101));
        assert_eq!(thread.state.unwrap().0, 0x8001);
        assert_eq!(thread.wait_event, Some(Address(0x0876_5432)));
        assert_eq!(thread.continuation, Some(Address(0x0023_4567)));
        let is_named = matches!(generation, Generation::G7 | Generation::G8);
        assert_eq!(thread.name.as_deref(), is_named.then_some("worker"));
        for (name, value) in values {
            assert_eq!(number(&thread.facts, name), value, "{generation:?} {name}");
        }
        if generation == Generation::G1 {
            assert_eq!(number(&thread.facts, "user64_p"), 1);
        } else {
            assert_eq!(fact(&thread.facts, "ss_flags"), Some(&Value::Hex(0x7)));
            assert_eq!(number(&thread.facts, "dispatch_queue_serial"), 99);
        }
    }
}

#[test]
fn zero_means_no_wait_event_no_continuation_and_no_name() {
    let trace = Trace::new(Generation::G7).task(&task(1));
    let report = read_one(&trace.thread(&thread(1, 1)).build());
    let thread = &report.processes[0].threads[0];
    assert_eq!(thread.wait_event, None);
    assert_eq!(thread.continuation, None);
    assert_eq!(thread.name, None);
}
