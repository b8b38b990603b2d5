//! What binary stackshots say lands in the report: all of it, for every generation.

mod damage;
mod fields;
mod generation;
mod images;
mod stacks;

use kstack_model::{At, Fact, Process, Report, Stack, Value};
use kstack_parse::{Limits, parse};
use kstack_synth::legacy::{Generation, Kind, Task, Thread, Trace};

fn read(bytes: &[u8]) -> Vec<Report> {
    parse(bytes, &Limits::default()).expect("a stackshot")
}

fn read_one(bytes: &[u8]) -> Report {
    let mut reports = read(bytes);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn fact<'r>(facts: &'r [Fact], name: &str) -> Option<&'r Value> {
    let found = facts.iter().find(|fact| fact.name == name);
    found.map(|fact| &fact.value)
}

fn number(facts: &[Fact], name: &str) -> u64 {
    let (name, index) = match name.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse().unwrap()),
        None => (name, 0),
    };
    match fact(facts, name) {
        Some(Value::Number(value) | Value::Hex(value)) => *value,
        Some(Value::Signed(value)) => value.cast_unsigned() & 0xffff_ffff,
        Some(Value::List(values)) => values[index],
        other => panic!("{name} is {other:?}"),
    }
}

/// Frames whose return addresses jump about and whose frame pointers rise.
fn pairs(start: u64, count: u64) -> Vec<(u64, u64)> {
    (0..count)
        .map(|index| (start + 16 * (index * 700 % 1009), 0x1000 + 32 * index))
        .collect()
}

fn addresses(stack: &Stack) -> Vec<u64> {
    let address = |at: At| match at {
        At::Absolute(address) => address.0,
        At::InImage { .. } | At::Unknown => panic!("stackshots have addresses"),
    };
    stack.frames.iter().map(|frame| address(frame.at)).collect()
}

fn task(pid: i32) -> Task {
    Task {
        pid,
        name: format!("exampled{pid}"),
        is_wide: true,
        ..Task::default()
    }
}

fn thread(pid: i32, id: u64) -> Thread {
    Thread {
        pid,
        process: format!("exampled{pid}"),
        id,
        state: 0x9,
        is_kernel_wide: true,
        is_user_wide: true,
        kernel: pairs(0xffff_ff80_0020_0000, 3),
        user: pairs(0x1_0000_0000, 4),
        ..Thread::default()
    }
}

/// A trace of two processes with two threads each.
fn small(generation: Generation) -> Trace {
    let mut trace = Trace::new(generation);
    if generation.has(Kind::Memory) {
        trace = trace.memory(&[("free_pages", 77)]);
    }
    for pid in [0, 321] {
        if generation.has(Kind::Task) {
            trace = trace.task(&task(pid));
        }
        for id in 1..=2 {
            trace = trace.thread(&thread(pid, 16 * u64::from(pid.cast_unsigned()) + id));
        }
    }
    trace
}

fn shape(report: &Report) -> Vec<(Option<i32>, Vec<u64>)> {
    let threads = |process: &Process| process.threads.iter().filter_map(|one| one.id).collect();
    report
        .processes
        .iter()
        .map(|process| (process.pid, threads(process)))
        .collect()
}

fn assert_small(report: &Report) {
    let expected = [(Some(0), vec![1, 2]), (Some(321), vec![5137, 5138])];
    assert_eq!(shape(report), expected);
}

fn generations_with(kind: Kind) -> impl Iterator<Item = Generation> {
    Generation::ALL
        .into_iter()
        .filter(move |generation| generation.has(kind))
}
