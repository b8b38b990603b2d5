//! Who waits for whom.

use super::*;
use crate::diagnose::{Diagnosis, Node, SharedBy, Strength, WaitKind, diagnose};

const MUTEX_STACK: [&str; 4] = [
    "mach_kernel:thread_block",
    "mach_kernel:lck_mtx_lock",
    "net.lundman.zfs:arc_reclaim",
    "net.lundman.zfs:arc_thread",
];

fn ids(diagnosis: &Diagnosis<'_>, deadlock: usize) -> Vec<u64> {
    let threads = diagnosis.deadlocks[deadlock].threads();
    let id = |thread| diagnosis.threads.get(thread).unwrap().thread.id.unwrap();
    threads.map(id).collect()
}

#[test]
fn three_threads_that_own_what_the_next_wants_are_one_deadlock_from_the_smallest_id_on() {
    let trace = Hang::default()
        .process(1, "zpool")
        .thread(30, &MUTEX_STACK)
        .waits(MUTEX, 10, 0xa)
        .thread(20, &MUTEX_STACK)
        .waits(MUTEX, 30, 0xb)
        .process(2, "kernel_task")
        .thread(10, &MUTEX_STACK)
        .waits(MUTEX, 20, 0xc)
        .thread(40, &MUTEX_STACK)
        .waits(MUTEX, 20, 0xc)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.deadlocks.len(), 1);
    assert_eq!(ids(&diagnosis, 0), [10, 20, 30]);
    assert!(diagnosis.deadlocks[0].is_certain);
    assert_eq!(diagnosis.chains.waiters_of(&diagnosis.deadlocks[0]), 1);
    assert!(diagnosis.chains.roots.is_empty());
}

#[test]
fn two_circles_are_two_deadlocks() {
    let mut hang = Hang::default().process(1, "a");
    for (thread, owner) in [(1, 2), (2, 1), (3, 4), (4, 3), (5, 3)] {
        hang = hang.thread(thread, &MUTEX_STACK).waits(MUTEX, owner, 1);
    }
    let trace = hang.trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(ids(&diagnosis, 0), [1, 2]);
    assert_eq!(ids(&diagnosis, 1), [3, 4]);
    assert_eq!(diagnosis.deadlocks.len(), 2);
}

#[test]
fn a_thread_that_owns_what_it_waits_for_locked_twice() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(7, &MUTEX_STACK)
        .waits(MUTEX, 7, 1)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(ids(&diagnosis, 0), [7]);
}

#[test]
fn a_sleep_with_inheritor_may_push_itself_and_is_no_deadlock() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(7, &MUTEX_STACK)
        .waits(INHERITOR, 7, 1)
        .trace();
    assert!(diagnose(&trace).deadlocks.is_empty());
}

#[test]
fn two_processes_that_wait_for_each_others_answers_may_be_a_deadlock() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(11, &MUTEX_STACK)
        .waits(PORT_SEND, 2, 1)
        .process(2, "b")
        .thread(21, &MUTEX_STACK)
        .waits(PORT_SEND, 1, 2)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(ids(&diagnosis, 0), [11, 21]);
    assert!(!diagnosis.deadlocks[0].is_certain);
}

#[test]
fn a_thread_that_waits_for_its_own_process_is_no_deadlock() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(11, &MUTEX_STACK)
        .waits(PORT_SEND, 1, 1)
        .trace();
    assert!(diagnose(&trace).deadlocks.is_empty());
}

#[test]
fn the_longest_chain_ends_at_the_thread_that_everyone_waits_for() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .waits(MUTEX, 2, 1)
        .thread(2, &MUTEX_STACK)
        .waits(MUTEX, 3, 2)
        .thread(3, &["mach_kernel:msleep", "net.lundman.zfs:zio_wait"])
        .thread(4, &MUTEX_STACK)
        .waits(MUTEX, 3, 3)
        .trace();
    let diagnosis = diagnose(&trace);
    let [root] = diagnosis.chains.roots.as_slice() else {
        panic!("{:?}", diagnosis.chains.roots)
    };
    assert_eq!(root.node, Node::Thread(2));
    assert_eq!(root.waiters, 3);
    let from: Vec<usize> = root.longest.iter().map(|edge| edge.from).collect();
    assert_eq!(from, [0, 1]);
    assert_eq!(
        diagnosis.doing(2),
        [
            "blocked",
            "waits for a wake-up (told by its frames)",
            "at zio_wait (in zfs)"
        ]
    );
}

#[test]
fn an_owner_that_is_not_in_the_report_is_said_to_be_missing() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .waits(MUTEX, 0x99, 0xabc)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.chains.roots[0].node, Node::LostThread(0x99));
    assert_eq!(
        diagnosis.doing(0)[1],
        "waits for KernelMutex 0xabc, owned by thread 0x99, not captured"
    );
}

#[test]
fn the_end_of_an_inheritance_is_no_direct_owner() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .pushes(2, 3)
        .thread(2, &MUTEX_STACK)
        .trace();
    let diagnosis = diagnose(&trace);
    assert!(
        diagnosis.doing(0)[1].contains("through 3 turnstiles"),
        "{:?}",
        diagnosis.doing(0)
    );
}

#[test]
fn a_lock_that_readers_hold_has_no_owner_and_groups_its_waiters() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .waits(RW_WRITE, 0, 0x77)
        .thread(2, &MUTEX_STACK)
        .waits(RW_WRITE, 0, 0x77)
        .thread(3, &MUTEX_STACK)
        .waits(RW_WRITE, 0, 0x78)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.shared.len(), 1);
    assert_eq!(diagnosis.shared[0].threads, [0, 1]);
    assert!(!diagnosis.shared[0].by.is_inferred());
}

#[test]
fn without_records_equal_events_and_equal_callers_group_and_say_that_they_are_inferred() {
    let event = |thread: &mut Thread| thread.wait_event = Some(Address(0xffff_ff80_0660_8a6c));
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .with(event)
        .thread(2, &MUTEX_STACK)
        .with(event)
        .thread(3, &["net.lundman.zfs:busy"])
        .with(|thread| thread.state = Some(ThreadState::RUN))
        .trace();
    let diagnosis = diagnose(&trace);
    let by: Vec<SharedBy> = diagnosis.shared.iter().map(|shared| shared.by).collect();
    assert!(matches!(by[0], SharedBy::Event(_)));
    assert!(matches!(by[1], SharedBy::Function(WaitKind::Mutex, _)));
    assert!(by.iter().all(|by| by.is_inferred()));
    assert_eq!(
        diagnosis.shared_object(by[1]),
        "a mutex in arc_reclaim (in zfs)"
    );
}

#[test]
fn a_waiter_above_the_owner_is_a_priority_inversion() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .fact("ths_sched_priority", 80)
        .waits(MUTEX, 2, 1)
        .thread(2, &["net.lundman.zfs:busy"])
        .fact("ths_sched_priority", 31)
        .trace();
    let doing = diagnose(&trace).doing(0);
    assert_eq!(
        doing.last().unwrap(),
        "priority inversion: its priority is 80, the owner's 31"
    );
}

#[test]
fn a_semaphore_of_its_own_process_names_nobody() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &MUTEX_STACK)
        .waits(SEMAPHORE, 1, 0x5)
        .thread(2, &MUTEX_STACK)
        .waits(MUTEX, 1, 0x6)
        .trace();
    let diagnosis = diagnose(&trace);
    assert!(diagnosis.deadlocks.is_empty());
    assert_eq!(diagnosis.chains.roots[0].node, Node::Thread(0));
    assert_eq!(
        diagnosis.doing(0)[1],
        "waits for Semaphore 0x5, which any thread of its own process may answer"
    );
}

#[test]
fn a_thread_that_receives_on_a_set_of_ports_is_idle_whatever_its_frames() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &["kernel:"])
        .waits(PORT_SET_RECEIVE, 0, 0x5)
        .trace();
    assert_eq!(diagnose(&trace).idle[0].threads, 1);
}

#[test]
fn the_label_of_a_port_leads_from_who_asks_to_who_offers_the_service() {
    let ask = "com.example.zfsd";
    let trace = Hang::default()
        .process(1, "zfs")
        .thread(1, &["kernel:ipc_mqueue_receive"])
        .waits(PORT_RECEIVE, 0x503, 0xa)
        .labelled(ask, 1)
        .process(2, "zfsd")
        .thread(2, &["kernel:ipc_mqueue_receive"])
        .waits(PORT_RECEIVE, 0x903, 0xb)
        .labelled(ask, 0)
        .process(3, "mds")
        .thread(3, &["kernel:ipc_mqueue_receive"])
        .waits(PORT_RECEIVE, 0x603, 0xc)
        .labelled("com.example.lost", 1)
        .trace();
    let diagnosis = diagnose(&trace);
    let to: Vec<Node> = diagnosis.waits.edges.iter().map(|edge| edge.to).collect();
    assert_eq!(to, [Node::Process(1), Node::Service(1)]);
    assert!(
        diagnosis
            .waits
            .edges
            .iter()
            .all(|edge| edge.strength == Strength::Weak)
    );
    let told: Vec<String> = diagnosis
        .waits
        .edges
        .iter()
        .map(|edge| diagnosis.edge(edge))
        .collect();
    assert_eq!(
        told,
        [
            "waits for PortReceive 0xa (the answer to a synchronous call) of the service com.example.zfsd, \
             served by any thread of zfsd (PID 2)",
            "waits for PortReceive 0xc (the answer to a synchronous call) of the service com.example.lost",
        ]
    );
}

#[test]
fn a_thread_that_is_not_in_the_records_may_share_its_event() {
    let event = |thread: &mut Thread| thread.wait_event = Some(Address(0x77));
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &["kernel:lck_mtx_lock", "zfs:f"])
        .waits(MUTEX, 9, 0xa)
        .thread(2, &["kernel:msleep", "zfs:g"])
        .with(event)
        .thread(3, &["kernel:msleep", "zfs:h"])
        .with(event)
        .trace();
    let diagnosis = diagnose(&trace);
    let by_event = diagnosis
        .shared
        .iter()
        .find(|shared| shared.by == SharedBy::Event(Address(0x77)));
    assert_eq!(
        by_event.map(|shared| shared.threads.clone()),
        Some(vec![1, 2])
    );
}

#[test]
fn a_thread_that_waits_for_an_answer_is_not_idle_although_nobody_is_named() {
    let receive = |flags: u32| {
        let mut trace = Hang::default()
            .process(1, "a")
            .thread(1, &["kernel:mach_msg_receive_continue"])
            .waits(PORT_RECEIVE, 0x503, 0xa)
            .trace();
        trace.report.processes[0].waits[0].flags = flags;
        diagnose(&trace).idle.len()
    };
    assert_eq!((receive(0), receive(1)), (1, 0));
}

#[test]
fn the_end_of_an_inheritance_is_not_called_an_owner_of_lower_priority() {
    let priority = |hops: u8| {
        let trace = Hang::default()
            .process(1, "a")
            .thread(1, &["zfs:f"])
            .fact("ths_sched_priority", 80)
            .pushes(2, hops)
            .thread(2, &["zfs:g"])
            .fact("ths_sched_priority", 31)
            .trace();
        diagnose(&trace).doing(0).join("; ")
    };
    assert!(priority(1).contains("priority inversion"));
    assert!(!priority(2).contains("priority inversion"));
}
