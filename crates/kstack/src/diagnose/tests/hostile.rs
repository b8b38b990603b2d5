//! Graphs that no kernel writes.

use proptest::prelude::*;

use super::*;
use crate::diagnose::{Node, diagnose};

fn ring(size: u64) -> Hang {
    let mut hang = Hang::default().process(1, "a");
    for id in 1..=size {
        hang = hang
            .thread(id, &["k:lck_mtx_lock", "zfs:f"])
            .waits(MUTEX, id % size + 1, id);
    }
    hang
}

#[test]
fn a_circle_of_ten_thousand_is_one_deadlock() {
    let trace = ring(10_000).trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.deadlocks.len(), 1);
    assert_eq!(diagnosis.deadlocks[0].waits.len(), 10_000);
}

#[test]
fn a_chain_of_ten_thousand_is_followed_to_its_end() {
    let mut hang = Hang::default().process(1, "a");
    for id in 1..=10_000 {
        hang = hang
            .thread(id, &["k:lck_mtx_lock", "zfs:f"])
            .waits(MUTEX, id + 1, id);
    }
    let trace = hang.trace();
    let diagnosis = diagnose(&trace);
    let root = &diagnosis.chains.roots[0];
    assert_eq!(root.node, Node::LostThread(10_001));
    assert_eq!((root.waiters, root.longest.len()), (10_000, 10_000));
}

#[test]
fn records_of_absent_threads_and_second_records_are_dropped_and_counted() {
    let mut hang = ring(2).waits(MUTEX, 1, 9);
    hang.0.processes[0].waits[0].waiter = 0x4242;
    let trace = hang.trace();
    assert_eq!(diagnose(&trace).waits.dropped, 2);
}

proptest! {
    #[test]
    fn any_waits_give_true_deadlocks_and_count_every_waiter_at_most_once(
        waits in proptest::collection::vec((0_u8..0x22, 0_u64..20, 0_u64..12, 0_u8..4), 0..20)
    ) {
        let mut hang = Hang::default();
        for (id, (wait_type, owner, pushed, hops)) in (1..).zip(&waits) {
            if id % 4 == 1 {
                hang = hang.process(i32::try_from(id).unwrap(), "p");
            }
            hang = hang.thread(id, &["k:msleep", "zfs:f"]).waits(*wait_type, *owner, 1).pushes(*pushed, *hops);
        }
        let trace = hang.trace();
        let diagnosis = diagnose(&trace);
        let mut seen = std::collections::BTreeSet::new();
        for deadlock in &diagnosis.deadlocks {
            let threads: Vec<usize> = deadlock.threads().collect();
            for (position, edge) in deadlock.waits.iter().enumerate() {
                let next = threads[(position + 1) % threads.len()];
                match edge.to {
                    Node::Thread(to) => prop_assert_eq!(to, next),
                    Node::Process(process) => {
                        prop_assert_eq!(diagnosis.threads.all[next].process_index, process);
                        prop_assert!(!deadlock.is_certain);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
                prop_assert!(seen.insert(edge.from), "a thread is in two deadlocks");
            }
        }
        let waiting: usize = diagnosis.chains.roots.iter().map(|root| root.waiters).sum();
        prop_assert!(waiting <= waits.len());
    }
}
