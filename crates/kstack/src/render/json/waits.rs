//! Waits that the kernel recorded, as JSON.

use kstack_model::{Turnstile, WaitInfo, WaitsFor};

use super::wire;
use crate::diagnose::{RecordedWaits, kind_of_wait};

pub(super) fn wait<'a>(recorded: &RecordedWaits<'a>, wait: &WaitInfo) -> wire::Wait<'a> {
    wire::Wait {
        wait_type: kind_of_wait(wait.wait_type),
        context: wire::Hex(wait.context),
        owner: owner(wait.waits_for()),
        for_a_reply: wait.is_for_a_reply(),
        service: recorded.service(wait.port_label),
    }
}

pub(super) fn turnstile<'a>(
    recorded: &RecordedWaits<'a>,
    turnstile: &Turnstile,
) -> wire::Turnstile<'a> {
    wire::Turnstile {
        end: owner(turnstile.waits_for()),
        priority: turnstile.priority,
        hops: turnstile.hops,
        service: recorded.service(turnstile.port_label),
    }
}

fn owner(waits_for: WaitsFor) -> wire::Owner {
    let plain = |kind| wire::Owner {
        kind,
        ..wire::Owner::default()
    };
    match waits_for {
        WaitsFor::Thread(id) => wire::Owner {
            thread: Some(id),
            ..plain("thread")
        },
        WaitsFor::Process(pid) => wire::Owner {
            pid: Some(pid),
            ..plain("process")
        },
        WaitsFor::AnyChild => plain("any-child"),
        WaitsFor::ProcessGroup(group) => wire::Owner {
            process_group: Some(group),
            ..plain("process-group")
        },
        WaitsFor::Kernel => plain("kernel"),
        WaitsFor::PortName(name) => wire::Owner {
            port: Some(wire::Hex(name)),
            ..plain("port-name")
        },
        WaitsFor::PortDestination(port) => wire::Owner {
            port: Some(wire::Hex(port)),
            ..plain("port-destination")
        },
        WaitsFor::PortInTransit => plain("port-in-transit"),
        WaitsFor::PortLocked => plain("port-locked"),
        WaitsFor::SpinningMutex => plain("spinning-mutex"),
        WaitsFor::ThreadRequested => plain("thread-requested"),
        WaitsFor::WorkloopSuspended => plain("workloop-suspended"),
        WaitsFor::WorkQueue(queue) => wire::Owner {
            work_queue: Some(wire::Hex(queue)),
            ..plain("work-queue")
        },
        // Also what a later model may tell apart and this schema does not.
        _ => plain("unknown"),
    }
}
