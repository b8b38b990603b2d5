//! Whom everybody waits for, and the longest way there.

use std::collections::{BTreeMap, VecDeque};

use super::deadlocks::Deadlock;
use super::threads::{ThreadIndex, Threads};
use super::waits::{Node, WaitEdge, Waits};

/// The end of chains of waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// Who is waited for.
    pub node: Node,
    /// Threads that wait for it, through others too.
    pub waiters: usize,
    /// The longest chain that ends here, its waits from the far end on.
    pub longest: Vec<WaitEdge>,
}

/// Every end of a chain, the one that most wait for first. A deadlock is no end; those who wait for a
/// thread in one are counted in [`Chains::waiters_of`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chains {
    /// The ends.
    pub roots: Vec<Root>,
    /// For each thread how many wait for it, through others too; those that wait in a circle are not counted.
    pub waiters: Vec<usize>,
}

impl Chains {
    /// Follows each thread's surest wait. Linear: each is followed once, from the far ends on.
    pub(crate) fn of(threads: &Threads<'_>, waits: &Waits) -> Chains {
        let count = threads.all.len();
        let next = |thread: ThreadIndex| waits.from(thread).first().copied();
        let mut incoming = vec![0_usize; count];
        for edge in (0..count).filter_map(next) {
            if let Node::Thread(to) = edge.to {
                add(&mut incoming, to, 1);
            }
        }
        let mut waiters = vec![0_usize; count];
        // The length of the longest chain that arrives at a thread, and the thread at its far end.
        let mut longest: Vec<(usize, ThreadIndex)> = (0..count).map(|thread| (0, thread)).collect();
        let mut ends: BTreeMap<Node, End> = BTreeMap::new();
        let is_far_end = |thread: &ThreadIndex| incoming.get(*thread) == Some(&0);
        let mut queue: VecDeque<ThreadIndex> = (0..count).filter(is_far_end).collect();
        while let Some(thread) = queue.pop_front() {
            let behind = waiters.get(thread).copied().unwrap_or_default();
            let (length, far_end) = longest.get(thread).copied().unwrap_or((0, thread));
            match next(thread).map(|edge| edge.to) {
                Some(Node::Thread(to)) => {
                    add(&mut waiters, to, behind + 1);
                    if let Some(best) = longest.get_mut(to)
                        && best.0 < length + 1
                    {
                        *best = (length + 1, far_end);
                    }
                    if let Some(left) = incoming.get_mut(to) {
                        *left -= 1;
                        if *left == 0 {
                            queue.push_back(to);
                        }
                    }
                }
                Some(end) => ends
                    .entry(end)
                    .or_default()
                    .take(behind + 1, length + 1, far_end),
                None if behind > 0 => ends
                    .entry(Node::Thread(thread))
                    .or_default()
                    .take(behind, length, far_end),
                None => {}
            }
        }
        let mut roots: Vec<Root> = ends
            .into_iter()
            .map(|(node, end)| end.root(node, waits))
            .collect();
        roots.sort_by_key(|root| std::cmp::Reverse(root.waiters));
        Chains { roots, waiters }
    }

    /// Threads that wait for one in the circle and are not in it.
    #[must_use]
    pub fn waiters_of(&self, deadlock: &Deadlock) -> usize {
        let waiters = deadlock
            .threads()
            .filter_map(|thread| self.waiters.get(thread));
        waiters.sum()
    }
}

#[derive(Default)]
struct End {
    waiters: usize,
    length: usize,
    far_end: ThreadIndex,
}

impl End {
    fn take(&mut self, waiters: usize, length: usize, far_end: ThreadIndex) {
        self.waiters += waiters;
        if self.length < length {
            (self.length, self.far_end) = (length, far_end);
        }
    }

    fn root(self, node: Node, waits: &Waits) -> Root {
        let mut longest = Vec::new();
        let mut thread = self.far_end;
        for _ in 0..self.length {
            let Some(edge) = waits.from(thread).first() else {
                break;
            };
            longest.push(*edge);
            match edge.to {
                Node::Thread(to) => thread = to,
                _ => break,
            }
        }
        Root {
            node,
            waiters: self.waiters,
            longest,
        }
    }
}

fn add(counts: &mut [usize], index: usize, more: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += more;
    }
}
