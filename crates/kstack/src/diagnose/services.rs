//! Services by the labels that the kernel put to ports: who offers one, and who waits for it.

use std::collections::BTreeMap;

use kstack_model::{PortLabelId, Process, Report, Turnstile, WaitInfo, WaitType};

/// The services that threads of a report wait on.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// Their names, in the order of the report.
    pub(super) names: Vec<String>,
    /// For each the process that receives on its port, when one does: the index in the report.
    offered_by: Vec<Option<usize>>,
    by_label: BTreeMap<(usize, u64), usize>,
}

impl Services {
    pub(super) fn of(report: &Report) -> Services {
        let mut services = Services::default();
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for (process, of) in report.processes.iter().enumerate() {
            for label in &of.port_labels {
                let Some(name) = &label.name else { continue };
                let service = *by_name.entry(name).or_insert_with(|| {
                    services.names.push(name.clone());
                    services.offered_by.push(None);
                    services.names.len() - 1
                });
                // Ids are unique; of two in a damaged report the first is taken.
                services
                    .by_label
                    .entry((process, label.id))
                    .or_insert(service);
            }
        }
        for (process, of) in report.processes.iter().enumerate() {
            for label in received(of) {
                let service = services.with_label(process, label);
                if let Some(empty @ None) = service.and_then(|at| services.offered_by.get_mut(at)) {
                    *empty = Some(process);
                }
            }
        }
        services
    }

    /// The service that a wait record asks something of.
    pub(super) fn asked_by_wait(&self, process: usize, info: &WaitInfo) -> Option<usize> {
        self.with_label(process, info.port_label)
            .filter(|_| !receives(info))
    }

    /// The service that a thread with a turnstile asks something of.
    pub(super) fn asked_by_turnstile(
        &self,
        process: usize,
        turnstile: &Turnstile,
    ) -> Option<usize> {
        let label = Some(turnstile.port_label).filter(|_| turnstile.is_for_a_send_port())?;
        self.with_label(process, label)
    }

    /// Who receives on its port.
    pub(super) fn offered_by(&self, service: usize) -> Option<usize> {
        self.offered_by.get(service).copied().flatten()
    }

    fn with_label(&self, process: usize, label: PortLabelId) -> Option<usize> {
        match label {
            PortLabelId::Id(id) => self.by_label.get(&(process, id)).copied(),
            PortLabelId::None | PortLabelId::Lost => None,
        }
    }
}

/// Labels of the ports that threads of a process receive requests on.
fn received(process: &Process) -> impl Iterator<Item = PortLabelId> {
    let waits = process.waits.iter().filter(|info| receives(info));
    let turnstiles = process.turnstiles.iter();
    let turnstiles = turnstiles.filter(|turnstile| turnstile.is_for_a_receive_port());
    waits
        .map(|info| info.port_label)
        .chain(turnstiles.map(|turnstile| turnstile.port_label))
}

/// Whether a thread waits for whoever may ask. One that waits for the answer to its own call receives too.
fn receives(info: &WaitInfo) -> bool {
    let receives = [WaitType::PORT_RECEIVE, WaitType::PORT_SET_RECEIVE];
    receives.contains(&info.wait_type) && !info.is_for_a_reply()
}
