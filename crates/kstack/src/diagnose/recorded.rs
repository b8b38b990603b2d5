//! What the kernel recorded about the waits of one process, by thread and in words.

use std::collections::BTreeMap;

use kstack_model::{Address, PortLabelId, Process, Turnstile, WaitInfo, WaitType, WaitsFor};

use crate::resolve::Trace;

/// The waits of one process, to be asked by thread id.
#[derive(Debug)]
pub(crate) struct RecordedWaits<'a> {
    trace: &'a Trace,
    /// Services by the ids of the labels of their ports.
    services: BTreeMap<u64, &'a str>,
    waits: BTreeMap<u64, Vec<&'a WaitInfo>>,
    turnstiles: BTreeMap<u64, Vec<&'a Turnstile>>,
}

impl<'a> RecordedWaits<'a> {
    pub(crate) fn of(trace: &'a Trace, process: &'a Process) -> RecordedWaits<'a> {
        let mut waits: BTreeMap<u64, Vec<&WaitInfo>> = BTreeMap::new();
        for wait in &process.waits {
            waits.entry(wait.waiter).or_default().push(wait);
        }
        let mut turnstiles: BTreeMap<u64, Vec<&Turnstile>> = BTreeMap::new();
        for turnstile in &process.turnstiles {
            turnstiles
                .entry(turnstile.waiter)
                .or_default()
                .push(turnstile);
        }
        let mut services = BTreeMap::new();
        for label in &process.port_labels {
            if let Some(name) = &label.name {
                // Ids are unique; of two in a damaged report the first is taken.
                services.entry(label.id).or_insert(name.as_str());
            }
        }
        RecordedWaits {
            trace,
            services,
            waits,
            turnstiles,
        }
    }

    /// What a thread waits for, in the order of the artefact.
    pub(crate) fn waits(&self, thread: Option<u64>) -> impl Iterator<Item = &'a WaitInfo> {
        let waits = thread.and_then(|id| self.waits.get(&id));
        waits.into_iter().flatten().copied()
    }

    /// Where the priority of a waiting thread ends up, in the order of the artefact.
    pub(crate) fn turnstiles(&self, thread: Option<u64>) -> impl Iterator<Item = &'a Turnstile> {
        let turnstiles = thread.and_then(|id| self.turnstiles.get(&id));
        turnstiles.into_iter().flatten().copied()
    }

    /// The service behind a port.
    pub(crate) fn service(&self, label: PortLabelId) -> Option<&'a str> {
        match label {
            PortLabelId::Id(id) => self.services.get(&id).copied(),
            PortLabelId::None | PortLabelId::Lost => None,
        }
    }

    /// A wait as the record has it: "`KernelMutex` 0x…, owned by thread 0x4e2".
    pub(crate) fn in_words(&self, wait: &WaitInfo) -> String {
        let owner = match (wait.waits_for(), wait.wait_type) {
            (WaitsFor::Thread(id), _) => format!(", owned by thread {id:#x}"),
            (WaitsFor::Process(pid), WaitType::ON_PROCESS) => format!(", the end of PID {pid}"),
            (WaitsFor::Process(pid), _) => format!(", served by PID {pid}"),
            (WaitsFor::Kernel, _) => ", served by the kernel".to_owned(),
            // Whoever receives has the port itself.
            (WaitsFor::Unknown, WaitType::PORT_RECEIVE | WaitType::PORT_SET_RECEIVE) => {
                String::new()
            }
            _ => owner_in_words(wait),
        };
        self.object(wait) + &owner
    }

    /// What a record says a thread waits for: the kind, the address, the service behind a port.
    pub(crate) fn object(&self, wait: &WaitInfo) -> String {
        let mut words = kind_of_wait(wait.wait_type);
        if wait.context != 0 {
            words.push_str(&format!(" {:#x}", wait.context));
            if let Some(at) = self.kernel_object(wait) {
                words.push_str(&self.trace.awaited_in_words(at, false));
            }
        }
        if wait.is_for_a_reply() {
            words.push_str(" (the answer to a synchronous call)");
        }
        if let Some(name) = self.service(wait.port_label) {
            words.push_str(&format!(" of the service {name}"));
        } else if wait.port_label == PortLabelId::Lost {
            words.push_str(" of a service whose name was not recorded");
        }
        words
    }

    /// Where the kernel's object is that a thread waits for.
    pub(crate) fn kernel_object(&self, wait: &WaitInfo) -> Option<Address> {
        let is_of_kernel = wait.context != 0 && !wait.wait_type.is_of_user_space();
        is_of_kernel.then_some(Address(wait.context))
    }

    /// A turnstile as the record has it: "thread 0x4e2 at priority 81, 2 turnstiles on". `None` where
    /// nobody stands at its end.
    pub(crate) fn turnstile_in_words(&self, turnstile: &Turnstile) -> Option<String> {
        let end = match turnstile.waits_for() {
            WaitsFor::Thread(id) => format!("thread {id:#x}"),
            WaitsFor::Process(pid) => format!("PID {pid}"),
            WaitsFor::WorkQueue(queue) => format!("work queue {queue:#x}"),
            _ => return None,
        };
        let hops = match turnstile.hops {
            0 | 1 => String::new(),
            hops => format!(", {hops} turnstiles on"),
        };
        let service = self.service(turnstile.port_label);
        let service = service.map_or_else(String::new, |name| format!(", the service {name}"));
        Some(format!(
            "{end} at priority {}{hops}{service}",
            turnstile.priority
        ))
    }
}

/// The kernel's word for what is waited for, or its number.
pub(crate) fn kind_of_wait(wait_type: WaitType) -> String {
    match wait_type.name() {
        Some(name) => name.to_owned(),
        None => format!("wait type {:#x}", wait_type.0),
    }
}

/// Who has it, where that is no thread and no process that could be named.
pub(crate) fn owner_in_words(wait: &WaitInfo) -> String {
    match wait.waits_for() {
        WaitsFor::Process(_) => ", which any thread of its own process may answer".to_owned(),
        WaitsFor::AnyChild => ", any child".to_owned(),
        WaitsFor::ProcessGroup(0) => ", a child in its own process group".to_owned(),
        WaitsFor::ProcessGroup(group) => format!(", a child in process group {group}"),
        WaitsFor::PortName(name) => format!(" {name:#x}, which it receives on"),
        WaitsFor::PortDestination(port) => format!(", which travels to port {port:#x}"),
        WaitsFor::PortInTransit => ", which is travelling in a message".to_owned(),
        WaitsFor::PortLocked => ", which was locked: nothing more is known".to_owned(),
        WaitsFor::SpinningMutex => ", held by a spinning thread".to_owned(),
        WaitsFor::ThreadRequested => ", which waits for a thread to be made".to_owned(),
        WaitsFor::WorkloopSuspended => ", which is suspended".to_owned(),
        // Nobody owns a condition; somebody signals it. Nor does anybody own a page or an object of the VM.
        _ if wait.wait_type == WaitType::CONDITION => ", which nobody owns".to_owned(),
        _ if wait.wait_type.has_owner() => ", whose owner is not recorded".to_owned(),
        _ => String::new(),
    }
}
