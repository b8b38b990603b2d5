//! Who waits for whom, from what the kernel recorded: one edge for each record that names somebody.

use std::collections::HashMap;

use kstack_model::{Process, Report, Turnstile, WaitInfo, WaitType, WaitsFor};

use super::services::Services;
use super::threads::{ThreadIndex, Threads};

/// Somebody who is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A thread of the report.
    Thread(ThreadIndex),
    /// A process of the report, by its index; which of its threads is not known.
    Process(usize),
    /// A thread that is not in the report, by id.
    LostThread(u64),
    /// A process that is not in the report, by pid.
    LostProcess(i32),
    /// A service whose process is not known; an index into [`Waits::services`].
    Service(usize),
    /// The kernel.
    Kernel,
}

/// How sure it is that one waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// The kernel names the owner.
    Certain,
    /// The end of a chain of priority inheritance: somebody between the two is the direct owner.
    Inherited,
    /// Only the process is known.
    Weak,
}

/// One thread that waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WaitEdge {
    /// Who waits.
    pub from: ThreadIndex,
    /// For whom.
    pub to: Node,
    /// How sure that is.
    pub strength: Strength,
    /// The record that says so.
    pub via: Via,
}

/// The record behind an edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Via {
    /// Wait information.
    Wait(WaitInfo),
    /// A turnstile.
    Turnstile(Turnstile),
}

/// What the kernel recorded of the waits of all threads.
#[derive(Debug, Default)]
pub struct Waits {
    /// The wait record of each thread, by its index.
    pub info: Vec<Option<WaitInfo>>,
    /// The turnstile of each thread, by its index.
    pub turnstile: Vec<Option<Turnstile>>,
    /// Who waits for whom; the edges of one thread together, the surest first.
    pub edges: Vec<WaitEdge>,
    /// Services that threads wait on.
    pub services: Vec<String>,
    /// Where the edges of each thread start; one more than there are threads.
    starts: Vec<usize>,
    /// Records of threads that are not in the report, and second records of one thread.
    pub dropped: usize,
}

impl Waits {
    pub(crate) fn of(report: &Report, threads: &Threads<'_>) -> Waits {
        let mut waits = Waits {
            info: vec![None; threads.all.len()],
            turnstile: vec![None; threads.all.len()],
            ..Waits::default()
        };
        for process in &report.processes {
            for info in &process.waits {
                let kept = keep(&mut waits.info, threads.with_id(info.waiter), *info);
                waits.dropped += usize::from(!kept);
            }
            for turnstile in &process.turnstiles {
                let waiter = threads.with_id(turnstile.waiter);
                let kept = keep(&mut waits.turnstile, waiter, *turnstile);
                waits.dropped += usize::from(!kept);
            }
        }
        let nodes = Nodes::of(report, threads);
        for from in 0..threads.all.len() {
            waits.starts.push(waits.edges.len());
            let edges = waits.edges_of_records(from, &nodes);
            waits.edges.extend(edges);
        }
        waits.starts.push(waits.edges.len());
        waits.services = nodes.services.names;
        waits
    }

    /// Whether the report records any wait.
    #[must_use]
    pub fn are_recorded(&self) -> bool {
        self.info.iter().any(Option::is_some) || self.turnstile.iter().any(Option::is_some)
    }

    /// Whether the report records what a thread waits for.
    #[must_use]
    pub fn has_record(&self, thread: ThreadIndex) -> bool {
        let info = self.info.get(thread).is_some_and(Option::is_some);
        info || self.turnstile.get(thread).is_some_and(Option::is_some)
    }

    /// For whom a thread waits, the surest first.
    #[must_use]
    pub fn from(&self, thread: ThreadIndex) -> &[WaitEdge] {
        let range = self.starts.get(thread).zip(self.starts.get(thread + 1));
        let edges = range.and_then(|(start, end)| self.edges.get(*start..*end));
        edges.unwrap_or_default()
    }

    fn edges_of_records(&self, from: ThreadIndex, nodes: &Nodes<'_>) -> Vec<WaitEdge> {
        let mut edges = Vec::new();
        let info = self.info.get(from).copied().flatten();
        if let Some(info) = info
            && let Some((to, strength)) = nodes.of_wait(&info)
            // Semaphores are made by the process that waits for them, nearly always: that says nobody's name.
            && !nodes.is_own_process(from, to)
        {
            // These two record whom the thread pushes, which may be itself.
            let may_push_itself = matches!(info.wait_type, WaitType(0x12 | 0x13));
            if !(may_push_itself && to == Node::Thread(from)) {
                edges.push(WaitEdge {
                    from,
                    to,
                    strength,
                    via: Via::Wait(info),
                });
            }
        }
        let turnstile = self.turnstile.get(from).copied().flatten();
        if let Some(turnstile) = turnstile
            && let Some((to, strength)) = nodes.of_turnstile(&turnstile)
            // Where both name one thread, the wait record says more: the kind of the lock and its address.
            && edges.iter().all(|edge| edge.to != to)
            // Inheritance that ends at the waiter itself says that nobody else is pushed.
            && to != Node::Thread(from)
        {
            edges.push(WaitEdge {
                from,
                to,
                strength,
                via: Via::Turnstile(turnstile),
            });
        }
        if edges.is_empty() {
            edges.extend(nodes.service_edge(from, info, turnstile));
        }
        edges.sort_by_key(|edge| edge.strength);
        edges
    }
}

/// Keeps the first record of a thread.
fn keep<T>(records: &mut [Option<T>], thread: Option<ThreadIndex>, record: T) -> bool {
    match thread.and_then(|thread| records.get_mut(thread)) {
        Some(empty @ None) => {
            *empty = Some(record);
            true
        }
        Some(Some(_)) | None => false,
    }
}

/// Finds threads and processes by the numbers in the records.
struct Nodes<'a> {
    threads: &'a Threads<'a>,
    by_pid: HashMap<u32, usize>,
    services: Services,
}

impl<'a> Nodes<'a> {
    fn of(report: &Report, threads: &'a Threads<'_>) -> Nodes<'a> {
        let mut by_pid = HashMap::new();
        for (index, process) in report.processes.iter().enumerate() {
            // A pid below zero is a task on its way out, recorded by the pid it had.
            if let Process { pid: Some(pid), .. } = process {
                by_pid.entry(pid.unsigned_abs()).or_insert(index);
            }
        }
        Nodes {
            threads,
            by_pid,
            services: Services::of(report),
        }
    }

    /// The wait of a thread whose records name nobody, for the service behind the port.
    fn service_edge(
        &self,
        from: ThreadIndex,
        info: Option<WaitInfo>,
        turnstile: Option<Turnstile>,
    ) -> Option<WaitEdge> {
        let process = self.threads.get(from)?.process_index;
        let services = &self.services;
        let of_wait = info.and_then(|info| {
            let service = services.asked_by_wait(process, &info)?;
            Some((service, Via::Wait(info)))
        });
        let (service, via) = of_wait.or_else(|| {
            let turnstile = turnstile?;
            let service = services.asked_by_turnstile(process, &turnstile)?;
            Some((service, Via::Turnstile(turnstile)))
        })?;
        let to = match services.offered_by(service) {
            Some(process) => Node::Process(process),
            None => Node::Service(service),
        };
        (!self.is_own_process(from, to)).then_some(WaitEdge {
            from,
            to,
            strength: Strength::Weak,
            via,
        })
    }

    fn of_wait(&self, info: &WaitInfo) -> Option<(Node, Strength)> {
        match info.waits_for() {
            WaitsFor::Thread(id) => Some((self.thread(id), Strength::Certain)),
            WaitsFor::Process(pid) if info.wait_type == WaitType::ON_PROCESS => {
                Some((self.process(pid), Strength::Certain))
            }
            WaitsFor::Process(pid) => Some((self.process(pid), Strength::Weak)),
            WaitsFor::Kernel => Some((Node::Kernel, Strength::Weak)),
            _ => None,
        }
    }

    fn of_turnstile(&self, turnstile: &Turnstile) -> Option<(Node, Strength)> {
        match turnstile.waits_for() {
            WaitsFor::Thread(id) => {
                let strength = match turnstile.hops {
                    0 | 1 => Strength::Certain,
                    _ => Strength::Inherited,
                };
                Some((self.thread(id), strength))
            }
            WaitsFor::Process(pid) => Some((self.process(pid), Strength::Weak)),
            _ => None,
        }
    }

    fn is_own_process(&self, from: ThreadIndex, to: Node) -> bool {
        let own = self
            .threads
            .get(from)
            .map(|entry| Node::Process(entry.process_index));
        own == Some(to)
    }

    fn thread(&self, id: u64) -> Node {
        let known = self.threads.with_id(id);
        known.map_or(Node::LostThread(id), Node::Thread)
    }

    fn process(&self, pid: i32) -> Node {
        let known = self.by_pid.get(&pid.unsigned_abs());
        known.map_or(Node::LostProcess(pid), |index| Node::Process(*index))
    }
}
