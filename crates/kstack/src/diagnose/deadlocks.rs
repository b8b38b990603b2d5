//! Circles of threads that wait for one another.

use std::collections::VecDeque;

use super::components::components;
use super::threads::{ThreadIndex, Threads};
use super::waits::{Node, Strength, WaitEdge, Waits};

/// A circle of threads, each of which waits for the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadlock {
    /// Its waits, from the thread with the smallest id on. Where one ends at a process, the next thread is
    /// one of that process.
    pub waits: Vec<WaitEdge>,
    /// Whether the kernel names every owner. Otherwise it may be none.
    pub is_certain: bool,
}

impl Deadlock {
    /// The threads in it, in order.
    pub fn threads(&self) -> impl Iterator<Item = ThreadIndex> {
        self.waits.iter().map(|edge| edge.from)
    }
}

/// Every certain deadlock once, and of each tangle of uncertain waits one way around.
///
/// A thread waits for at most one owner at a time, so certain waits form
/// paths that meet and no path that forks, and following each once finds
/// every circle. Uncertain waits fork; in them the strongly connected
/// parts are found first.
pub(crate) fn deadlocks(threads: &Threads<'_>, waits: &Waits) -> Vec<Deadlock> {
    let certain = certain(threads, waits);
    let mut in_certain = vec![false; threads.all.len()];
    for thread in certain.iter().flat_map(Deadlock::threads) {
        mark(&mut in_certain, thread);
    }
    let mut all = certain;
    all.extend(possible(threads, waits, &in_certain));
    all
}

fn certain(threads: &Threads<'_>, waits: &Waits) -> Vec<Deadlock> {
    // The walk in which a thread was first met; 0 is none.
    let mut met = vec![0_usize; threads.all.len()];
    let mut found = Vec::new();
    for start in 0..threads.all.len() {
        let walk = start + 1;
        let mut thread = start;
        while let Some(slot @ 0) = met.get_mut(thread) {
            *slot = walk;
            match next(waits, thread) {
                Some((_, owner)) => thread = owner,
                None => break,
            }
        }
        let closes = met.get(thread) == Some(&walk) && next(waits, thread).is_some();
        // A circle of an earlier walk has that walk's number.
        if closes {
            found.push(Deadlock {
                waits: rotated(threads, around(waits, thread)),
                is_certain: true,
            });
        }
    }
    found
}

/// The owner that a thread certainly waits for.
fn next(waits: &Waits, thread: ThreadIndex) -> Option<(WaitEdge, ThreadIndex)> {
    let edge = waits.from(thread).first()?;
    match (edge.strength, edge.to) {
        (Strength::Certain, Node::Thread(to)) => Some((*edge, to)),
        _ => None,
    }
}

fn around(waits: &Waits, start: ThreadIndex) -> Vec<WaitEdge> {
    let mut edges = Vec::new();
    let mut thread = start;
    while let Some((edge, to)) = next(waits, thread) {
        edges.push(edge);
        thread = to;
        if thread == start {
            break;
        }
    }
    edges
}

fn rotated(threads: &Threads<'_>, mut edges: Vec<WaitEdge>) -> Vec<WaitEdge> {
    let id = |edge: &WaitEdge| threads.get(edge.from).and_then(|thread| thread.thread.id);
    let smallest = edges.iter().enumerate().min_by_key(|(_, edge)| id(edge));
    if let Some((at, _)) = smallest {
        edges.rotate_left(at);
    }
    edges
}

/// Circles that use a wait for a process, or for the end of an inheritance.
fn possible(threads: &Threads<'_>, waits: &Waits, in_certain: &[bool]) -> Vec<Deadlock> {
    let graph = Graph::of(threads, waits);
    let mut found = Vec::new();
    for component in components(&graph.starts, &graph.targets) {
        let members = component.iter().copied();
        let inside: Vec<ThreadIndex> = members.filter(|node| *node < graph.threads).collect();
        let is_known = inside
            .iter()
            .any(|thread| in_certain.get(*thread) == Some(&true));
        // One thread that waits for its own process waits for another thread of it.
        if inside.len() < 2 || is_known {
            continue;
        }
        let id = |thread: &&ThreadIndex| threads.get(**thread).and_then(|entry| entry.thread.id);
        let Some(start) = inside.iter().min_by_key(id) else {
            continue;
        };
        let way = graph.shortest_way_around(*start, &component);
        let edges: Vec<WaitEdge> = way
            .iter()
            .filter_map(|at| waits.edges.get(*at))
            .copied()
            .collect();
        if edges.len() > 1 {
            found.push(Deadlock {
                waits: rotated(threads, edges),
                is_certain: false,
            });
        }
    }
    found.sort_by_key(|deadlock| deadlock.threads().next());
    found
}

/// Threads, then processes; a process leads to those of its threads that wait for somebody.
struct Graph {
    threads: usize,
    starts: Vec<usize>,
    targets: Vec<usize>,
    /// For each target the index of its wait; none for the step from a process to a thread of it.
    edges: Vec<Option<usize>>,
}

impl Graph {
    fn of(threads: &Threads<'_>, waits: &Waits) -> Graph {
        let mut graph = Graph {
            threads: threads.all.len(),
            starts: Vec::new(),
            targets: Vec::new(),
            edges: Vec::new(),
        };
        let mut edge_index = 0;
        let mut waiting_of: Vec<Vec<ThreadIndex>> = Vec::new();
        for (index, thread) in threads.all.iter().enumerate() {
            graph.starts.push(graph.targets.len());
            if waiting_of.len() <= thread.process_index {
                waiting_of.resize(thread.process_index + 1, Vec::new());
            }
            let edges = waits.from(index);
            if !edges.is_empty()
                && let Some(waiting) = waiting_of.get_mut(thread.process_index)
            {
                waiting.push(index);
            }
            for edge in edges {
                let target = match edge.to {
                    Node::Thread(to) => Some(to),
                    Node::Process(process) => Some(threads.all.len() + process),
                    Node::LostThread(_)
                    | Node::LostProcess(_)
                    | Node::Service(_)
                    | Node::Kernel => None,
                };
                if let Some(target) = target {
                    graph.targets.push(target);
                    graph.edges.push(Some(edge_index));
                }
                edge_index += 1;
            }
        }
        for waiting in waiting_of {
            graph.starts.push(graph.targets.len());
            graph.edges.extend(waiting.iter().map(|_| None));
            graph.targets.extend(waiting);
        }
        graph.starts.push(graph.targets.len());
        graph
    }

    fn out(&self, node: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
        let range = self.starts.get(node).zip(self.starts.get(node + 1));
        let (start, end) = range.map_or((0, 0), |(start, end)| (*start, *end));
        let targets = self.targets.get(start..end).unwrap_or_default();
        let edges = self.edges.get(start..end).unwrap_or_default();
        targets.iter().copied().zip(edges.iter().copied())
    }

    /// The waits on the shortest way from a thread back to it inside its component.
    fn shortest_way_around(&self, start: usize, component: &[usize]) -> Vec<usize> {
        let mut sorted = component.to_vec();
        sorted.sort_unstable();
        // From where each member was first reached, and by which wait.
        let mut reached: Vec<Option<(usize, Option<usize>)>> = vec![None; sorted.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for (target, edge) in self.out(node) {
                let Ok(at) = sorted.binary_search(&target) else {
                    continue;
                };
                // A process leads back to the thread that asked it only around another one.
                let turns_back = target == start
                    && edge.is_none()
                    && came_from(&sorted, &reached, node) == Some(start);
                if turns_back {
                    continue;
                }
                if let Some(empty @ None) = reached.get_mut(at) {
                    *empty = Some((node, edge));
                    if target == start {
                        return self.way_back(start, &sorted, &reached);
                    }
                    queue.push_back(target);
                }
            }
        }
        Vec::new()
    }

    fn way_back(
        &self,
        start: usize,
        sorted: &[usize],
        reached: &[Option<(usize, Option<usize>)>],
    ) -> Vec<usize> {
        let mut edges = Vec::new();
        let mut node = start;
        for _ in 0..=sorted.len() {
            let at = sorted.binary_search(&node).ok();
            let Some(Some((from, edge))) = at.and_then(|at| reached.get(at)) else {
                break;
            };
            edges.extend(edge);
            node = *from;
            if node == start {
                break;
            }
        }
        edges.reverse();
        edges
    }
}

fn came_from(
    sorted: &[usize],
    reached: &[Option<(usize, Option<usize>)>],
    node: usize,
) -> Option<usize> {
    let at = sorted.binary_search(&node).ok()?;
    reached.get(at).copied().flatten().map(|(from, _)| from)
}

fn mark(marks: &mut [bool], index: usize) {
    if let Some(mark) = marks.get_mut(index) {
        *mark = true;
    }
}
