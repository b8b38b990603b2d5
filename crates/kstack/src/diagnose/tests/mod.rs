//! Diagnoses of reports made by hand.

mod comparing;
mod finding;
mod hostile;
mod telling;
mod waiting;

use kstack_model::{
    Address, Fact, Frame, FrameKind, ImageKind, LoadedImage, Placement, PortLabel, PortLabelId,
    Process, Report, Said, Side, Stack, Thread, ThreadRole, ThreadState, Turnstile, Uuid, WaitInfo,
    WaitType,
};

use crate::resolve::Trace;

/// A report whose frames are named by itself.
#[derive(Default)]
pub(super) struct Hang(Report);

impl Hang {
    pub(super) fn process(mut self, pid: i32, name: &str) -> Hang {
        self.0.processes.push(Process {
            pid: Some(pid),
            name: Some(name.to_owned()),
            ..Process::default()
        });
        self
    }

    /// A blocked thread; frames are `zfs:arc_read`, innermost first.
    pub(super) fn thread(mut self, id: u64, frames: &[&str]) -> Hang {
        let frames = frames.iter().map(|frame| said(frame)).collect();
        self.last().threads.push(Thread {
            id: Some(id),
            state: Some(ThreadState::WAIT),
            stacks: vec![Stack::new(Side::Kernel, frames)],
            ..Thread::default()
        });
        self
    }

    /// A change to the last thread.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Thread)) -> Hang {
        change(self.last().threads.last_mut().unwrap());
        self
    }

    /// The last thread panicked.
    pub(super) fn panicked(self) -> Hang {
        self.with(|thread| thread.role = ThreadRole::Panicked)
    }

    pub(super) fn fact(self, name: &'static str, value: u64) -> Hang {
        self.with(|thread| thread.facts.push(Fact::new(name, value)))
    }

    /// A wait record of the last thread.
    pub(super) fn waits(mut self, wait_type: u8, owner: u64, context: u64) -> Hang {
        let process = self.last();
        let waiter = process.threads.last().unwrap().id.unwrap();
        process.waits.push(WaitInfo {
            waiter,
            wait_type: WaitType(wait_type),
            owner,
            context,
            flags: 0,
            port_label: PortLabelId::None,
        });
        self
    }

    /// A turnstile of the last thread that ends at another.
    pub(super) fn pushes(mut self, thread: u64, hops: u8) -> Hang {
        let process = self.last();
        let waiter = process.threads.last().unwrap().id.unwrap();
        process.turnstiles.push(Turnstile {
            waiter,
            context: thread,
            priority: 31,
            hops,
            flags: 0x8,
            port_label: PortLabelId::None,
        });
        self
    }

    /// The port of the last wait record is that of a service; with `flags` 1 the wait is for an answer.
    pub(super) fn labelled(mut self, service: &str, flags: u32) -> Hang {
        let process = self.last();
        let id = 1 + u64::try_from(process.port_labels.len()).unwrap();
        let wait = process.waits.last_mut().unwrap();
        (wait.port_label, wait.flags) = (PortLabelId::Id(id), flags);
        process.port_labels.push(PortLabel {
            id,
            name: Some(service.to_owned()),
            ..PortLabel::default()
        });
        self
    }

    pub(super) fn trace(self) -> Trace {
        crate::resolve(self.0, &Default::default(), &Default::default())
    }

    fn last(&mut self) -> &mut Process {
        self.0.processes.last_mut().unwrap()
    }
}

pub(super) const MUTEX: u8 = 0x1;
pub(super) const PORT_RECEIVE: u8 = 0x2;
pub(super) const PORT_SET_RECEIVE: u8 = 0x3;
pub(super) const PORT_SEND: u8 = 0x4;
pub(super) const SEMAPHORE: u8 = 0x6;
pub(super) const RW_WRITE: u8 = 0x8;
pub(super) const INHERITOR: u8 = 0x12;

pub(super) fn said(frame: &str) -> Frame {
    let (image, symbol) = frame.split_once(':').unwrap();
    let said = Said {
        image: Some(image.to_owned()),
        symbol: (!symbol.is_empty()).then(|| symbol.to_owned()),
        ..Said::default()
    };
    Frame::unplaced(said, FrameKind::ReturnAddress)
}

pub(super) fn at(address: u64) -> Frame {
    Frame::new(Address(address), FrameKind::ReturnAddress)
}
