//! Wait chains of whole systems against what the expected dictionaries imply.
//!
//! `KSTACK_KCDATA` names a folder with the samples of Apple's `libkdd/tests`,
//! each with its `NAME.plist` or `NAME.plist.gz`. Who waits for whom is worked
//! out here a second time, the slow way and from the dictionary alone: every
//! waiter is followed by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use kstack::diagnose::{Diagnosis, Node, diagnose};
use kstack::parse::{Limits, parse};
use plist::{Dictionary, Value};

/// At the end of a chain: how many wait for it, and the length of the longest chain.
type Ends = BTreeMap<Who, (usize, usize)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Thread(u64),
    Process(u64),
    Kernel,
}

#[test]
fn wait_chains_of_whole_systems_are_those_that_the_records_imply() {
    let Some(folder) = std::env::var_os("KSTACK_KCDATA") else {
        println!("skipped: KSTACK_KCDATA does not name a folder with samples");
        return;
    };
    let (mut stackshots, mut recorded, mut waiters) = (0, 0, 0);
    for file in fs::read_dir(folder).unwrap() {
        let sample = file.unwrap().path();
        let Some(expected) = dictionary(&sample) else {
            continue;
        };
        let Ok(mut reports) = parse(&fs::read(&sample).unwrap(), &Limits::default()) else {
            continue;
        };
        let trace = kstack::resolve(reports.remove(0), &Default::default(), &Default::default());
        let diagnosis = diagnose(&trace);
        let graph = graph(&expected);
        let sample = sample.display();
        assert_eq!(found_records(&diagnosis), records(&expected), "{sample}");
        assert_eq!(found_waits(&diagnosis), graph, "{sample}");
        let (ends, circles) = follow(&graph);
        assert_eq!(found_ends(&diagnosis), ends, "{sample}");
        assert_eq!(found_circles(&diagnosis), circles, "{sample}");
        stackshots += 1;
        recorded += records(&expected).len();
        waiters += graph.len();
    }
    println!("{stackshots} stackshots, {recorded} waits, {waiters} of them for somebody");
    assert!(waiters > 0, "no sample records a wait");
}

/// The kind, the owner as written and the object of each recorded wait.
fn records(root: &Value) -> BTreeMap<u64, [u64; 3]> {
    let records = tasks(root).flat_map(|task| list(task, "thread_waitinfo"));
    records
        .map(|record| {
            let facts = ["wait_type", "owner", "context"].map(|name| number(record, name));
            (number(record, "waiter"), facts)
        })
        .collect()
}

/// For each thread the one it waits for: the surest record counts.
fn graph(root: &Value) -> BTreeMap<u64, Who> {
    let mut records: BTreeMap<u64, Vec<(u8, Who)>> = BTreeMap::new();
    let mut keep = |waiter, sureness, who| {
        if who != Who::Thread(waiter) {
            records.entry(waiter).or_default().push((sureness, who));
        }
    };
    for task in tasks(root) {
        let pid = number(task["task_snapshot"].as_dictionary().unwrap(), "ts_pid");
        for record in list(task, "thread_waitinfo") {
            let (waiter, owner) = (number(record, "waiter"), number(record, "owner"));
            let of_thread = [0x1, 0x7, 0x8, 0x9, 0xa, 0xb, 0x10, 0x12, 0x13, 0x14];
            match number(record, "wait_type") {
                // Receiving tells of no owner; a parked worker waits for nobody.
                0x11 if owner.cast_signed() > 0 => keep(waiter, 0, Who::Process(owner)),
                0x11 => {}
                _ if owner == u64::MAX - 1 => keep(waiter, 2, Who::Kernel),
                _ if owner == 0 || owner > u64::MAX - 16 => {}
                0x4 | 0x6 if owner != pid => keep(waiter, 2, Who::Process(owner)),
                other if of_thread.contains(&other) => keep(waiter, 0, Who::Thread(owner)),
                _ => {}
            }
        }
        for record in list(task, "thread_turnstileinfo") {
            let (waiter, at) = (
                number(record, "waiter"),
                number(record, "turnstile_context"),
            );
            let hops = number(record, "number_of_hops");
            match number(record, "turnstile_flags") & 0x3e {
                0x8 => keep(waiter, u8::from(hops > 1), Who::Thread(at)),
                flags if flags & 0x30 == 0x10 => keep(waiter, 2, Who::Process(at)),
                _ => {}
            }
        }
    }
    let surest = |(waiter, records): (u64, Vec<(u8, Who)>)| {
        let (_, who) = records.into_iter().min_by_key(|(sureness, _)| *sureness)?;
        Some((waiter, who))
    };
    records.into_iter().filter_map(surest).collect()
}

/// Follows each waiter to where it ends, or into a circle.
fn follow(graph: &BTreeMap<u64, Who>) -> (Ends, BTreeSet<BTreeSet<u64>>) {
    let (mut ends, mut circles) = (Ends::new(), BTreeSet::new());
    for start in graph.keys() {
        let mut way = vec![*start];
        let end = loop {
            match graph.get(way.last().unwrap()) {
                Some(Who::Thread(next)) => match way.iter().position(|seen| seen == next) {
                    Some(again) => {
                        circles.insert(way[again..].iter().copied().collect());
                        break None;
                    }
                    None => way.push(*next),
                },
                Some(other) => break Some((*other, way.len())),
                None => break Some((Who::Thread(*way.last().unwrap()), way.len() - 1)),
            }
        };
        if let Some((end, length)) = end {
            let (waiters, longest) = ends.entry(end).or_default();
            *waiters += 1;
            *longest = length.max(*longest);
        }
    }
    (ends, circles)
}

fn found_records(diagnosis: &Diagnosis<'_>) -> BTreeMap<u64, [u64; 3]> {
    let records = diagnosis.waits.info.iter().flatten();
    records
        .map(|info| {
            (
                info.waiter,
                [info.wait_type.0.into(), info.owner, info.context],
            )
        })
        .collect()
}

fn found_waits(diagnosis: &Diagnosis<'_>) -> BTreeMap<u64, Who> {
    let threads = 0..diagnosis.threads.all.len();
    threads
        .filter_map(|thread| {
            let edge = diagnosis.waits.from(thread).first()?;
            Some((id(diagnosis, thread), who(diagnosis, edge.to)))
        })
        .collect()
}

fn found_ends(diagnosis: &Diagnosis<'_>) -> Ends {
    let roots = diagnosis.chains.roots.iter();
    roots
        .map(|root| {
            (
                who(diagnosis, root.node),
                (root.waiters, root.longest.len()),
            )
        })
        .collect()
}

fn found_circles(diagnosis: &Diagnosis<'_>) -> BTreeSet<BTreeSet<u64>> {
    let certain = diagnosis.deadlocks.iter().filter(|one| one.is_certain);
    certain
        .map(|one| one.threads().map(|thread| id(diagnosis, thread)).collect())
        .collect()
}

fn who(diagnosis: &Diagnosis<'_>, node: Node) -> Who {
    match node {
        Node::Thread(thread) => Who::Thread(id(diagnosis, thread)),
        Node::LostThread(id) => Who::Thread(id),
        Node::Process(process) => {
            let pid = diagnosis.trace.report.processes[process].pid.unwrap();
            Who::Process(pid.unsigned_abs().into())
        }
        Node::LostProcess(pid) => Who::Process(pid.unsigned_abs().into()),
        Node::Kernel => Who::Kernel,
        Node::Service(_) => panic!("no sample has a thread that asks a labelled service"),
    }
}

fn id(diagnosis: &Diagnosis<'_>, thread: usize) -> u64 {
    diagnosis.threads.get(thread).unwrap().thread.id.unwrap()
}

/// The dictionary beside a sample, if it has one.
fn dictionary(sample: &Path) -> Option<Value> {
    let name = sample.to_str()?;
    let mut content = Vec::new();
    if let Ok(packed) = fs::File::open(format!("{name}.plist.gz")) {
        GzDecoder::new(packed).read_to_end(&mut content).unwrap();
    } else {
        content = fs::read(format!("{name}.plist")).ok()?;
    }
    Value::from_reader(Cursor::new(content)).ok()
}

fn tasks(root: &Value) -> impl Iterator<Item = &Dictionary> {
    let stackshot = root.as_dictionary().and_then(|root| root.values().next());
    let tasks = stackshot
        .and_then(Value::as_dictionary)
        .and_then(|stackshot| stackshot.get("task_snapshots"))
        .and_then(Value::as_dictionary);
    let tasks = tasks.into_iter().flat_map(Dictionary::values);
    tasks
        .filter_map(Value::as_dictionary)
        .filter(|task| task.contains_key("task_snapshot"))
}

fn list<'a>(task: &'a Dictionary, name: &str) -> impl Iterator<Item = &'a Dictionary> {
    let records = task.get(name).and_then(Value::as_array);
    records
        .into_iter()
        .flatten()
        .filter_map(Value::as_dictionary)
}

fn number(record: &Dictionary, name: &str) -> u64 {
    let number = &record[name];
    let signed = || number.as_signed_integer().map(i64::cast_unsigned);
    number.as_unsigned_integer().or_else(signed).unwrap()
}
