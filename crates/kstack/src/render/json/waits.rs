//! Waits that the kernel recorded, as JSON.

use kstack_model::{Address, Turnstile, WaitInfo, WaitsFor};
use kstack_symbols::Certainty;

use super::{Writer, wire};
use crate::diagnose::{RecordedWaits, kind_of_wait};
use crate::resolve::TraceImage;

impl<'a> Writer<'a> {
    pub(super) fn wait(&self, recorded: &RecordedWaits<'a>, wait: &WaitInfo) -> wire::Wait<'_> {
        let object = recorded.kernel_object(wait);
        wire::Wait {
            wait_type: kind_of_wait(wait.wait_type),
            context: (wait.context != 0).then_some(wire::Hex(wait.context)),
            context_at: object.and_then(|at| self.awaited(at)),
            owner: owner(wait.waits_for()),
            for_a_reply: wait.is_for_a_reply(),
            service: recorded.service(wait.port_label),
        }
    }

    /// What lies at an address that threads wait at.
    pub(super) fn awaited(&self, at: Address) -> Option<wire::Awaited<'_>> {
        let awaited = self.trace.awaited(at)?;
        let datum = awaited.datum.as_ref();
        let image = self.trace.image(awaited.image);
        Some(wire::Awaited {
            image: self.names.get(awaited.image)?,
            segment: &awaited.segment,
            symbol: datum.map(|datum| &*datum.name),
            symbol_raw: datum.map(|datum| &*datum.raw),
            offset: awaited.offset(),
            nearest: datum.is_some_and(|datum| datum.certainty == Certainty::Nearest),
            other_build: image.is_some_and(TraceImage::is_of_another_build),
        })
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
