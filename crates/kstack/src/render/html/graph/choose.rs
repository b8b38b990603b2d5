//! What of the waits is drawn: circles first, then those whom most wait for, as far as there is room.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnose::{Diagnosis, Node, ThreadIndex, WaitEdge};

/// Waiters of one that have boxes of their own.
const WIDEST: usize = 5;

/// Waits in a row that have boxes of their own, beside a circle.
const LONGEST: usize = 6;

/// Threads of a circle that are drawn at each of the two ends where it is cut.
const ENDS: usize = 4;

/// What is drawn, and how many trees and circles are not.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) parts: Vec<Part>,
    pub(super) left_out: usize,
}

/// One tree or circle.
#[derive(Debug)]
pub(super) enum Part {
    /// Somebody who waits for nobody.
    Root(Tree),
    /// Each waits for the next, the last for the first.
    Circle(Vec<Tree>),
}

/// Somebody with those who wait for him.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) who: Who,
    /// His own wait.
    pub(super) wait: Option<WaitEdge>,
    pub(super) waiters: Vec<Tree>,
}

/// What one box stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Who {
    /// Somebody.
    One(Node),
    /// So many threads.
    More(usize),
}

impl Part {
    fn size(&self) -> usize {
        match self {
            Part::Root(tree) => tree.size(),
            Part::Circle(trees) => trees.iter().map(Tree::size).sum(),
        }
    }
}

impl Tree {
    fn size(&self) -> usize {
        1 + self.waiters.iter().map(Tree::size).sum::<usize>()
    }

    fn more(count: usize) -> Tree {
        Tree {
            who: Who::More(count),
            wait: None,
            waiters: Vec::new(),
        }
    }
}

pub(super) fn choose(diagnosis: &Diagnosis<'_>, boxes: usize, parts: usize) -> Chosen {
    let chooser = Chooser::new(diagnosis);
    let circles = diagnosis.deadlocks.iter();
    let circles = circles.map(|deadlock| chooser.circle(&deadlock.waits));
    let roots = diagnosis.chains.roots.iter();
    let roots = roots.map(|root| Part::Root(chooser.tree(root.node, None, 0)));
    let mut chosen = Chosen::default();
    let mut room = boxes;
    for part in circles.chain(roots) {
        let size = part.size();
        // The first is drawn however large it is: rather that than nothing.
        if size > room && !chosen.parts.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        chosen.parts.push(part);
        if chosen.parts.len() == parts {
            break;
        }
    }
    let all = diagnosis.deadlocks.len() + diagnosis.chains.roots.len();
    chosen.left_out = all - chosen.parts.len();
    chosen
}

struct Chooser<'a> {
    diagnosis: &'a Diagnosis<'a>,
    /// Who waits for each, by their surest waits; those in circles are not among them.
    waiters: BTreeMap<Node, Vec<WaitEdge>>,
}

impl<'a> Chooser<'a> {
    fn new(diagnosis: &'a Diagnosis<'a>) -> Chooser<'a> {
        let in_circles: BTreeSet<ThreadIndex> = diagnosis
            .deadlocks
            .iter()
            .flat_map(|deadlock| deadlock.threads())
            .collect();
        let mut waiters: BTreeMap<Node, Vec<WaitEdge>> = BTreeMap::new();
        for thread in 0..diagnosis.threads.all.len() {
            if let Some(edge) = diagnosis.waits.from(thread).first()
                && !in_circles.contains(&thread)
            {
                waiters.entry(edge.to).or_default().push(*edge);
            }
        }
        for all in waiters.values_mut() {
            // Those who keep most waiting first; of equals the report's first.
            all.sort_by_key(|edge| Reverse(behind(diagnosis, edge.from)));
        }
        Chooser { diagnosis, waiters }
    }

    fn circle(&self, waits: &[WaitEdge]) -> Part {
        let cut = waits.len().saturating_sub(2 * ENDS);
        let whole = |edge: &WaitEdge| {
            // A circle is wide enough with its own threads.
            self.tree(Node::Thread(edge.from), Some(*edge), LONGEST - 1)
        };
        // For one that is left out a box would need no less room.
        if cut < 2 {
            return Part::Circle(waits.iter().map(whole).collect());
        }
        let mut trees: Vec<Tree> = waits.iter().take(ENDS).map(whole).collect();
        trees.push(Tree::more(cut));
        trees.extend(waits.iter().skip(ENDS + cut).map(whole));
        Part::Circle(trees)
    }

    /// Somebody with his waiters; `depth` waits lie between him and the root.
    fn tree(&self, node: Node, wait: Option<WaitEdge>, depth: usize) -> Tree {
        let all = self.waiters.get(&node).map_or(&[][..], Vec::as_slice);
        let shown = match all.len() {
            _ if depth >= LONGEST => 0,
            count if count <= WIDEST => count,
            _ => WIDEST - 1,
        };
        let mut waiters: Vec<Tree> = all
            .iter()
            .take(shown)
            .map(|edge| self.tree(Node::Thread(edge.from), Some(*edge), depth + 1))
            .collect();
        let rest = all.iter().skip(shown);
        let more: usize = rest.map(|edge| 1 + behind(self.diagnosis, edge.from)).sum();
        if more > 0 {
            waiters.push(Tree::more(more));
        }
        Tree {
            who: Who::One(node),
            wait,
            waiters,
        }
    }
}

/// How many wait for a thread, through others too.
fn behind(diagnosis: &Diagnosis<'_>, thread: ThreadIndex) -> usize {
    let waiters = &diagnosis.chains.waiters;
    waiters.get(thread).copied().unwrap_or_default()
}
