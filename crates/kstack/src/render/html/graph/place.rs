//! Where boxes stand: a waiter right of whom it waits for, a circle as a column on the left.

use super::choose::{Part, Tree, Who};
use crate::diagnose::{Strength, WaitEdge};

/// The size of a box.
pub(super) const WIDTH: usize = 288;
pub(super) const HEIGHT: usize = 58;

/// Room for the arrows between columns and rows.
const BESIDE: usize = 52;
const BELOW: usize = 22;

/// Room for the arrow that closes a circle.
const MARGIN: usize = 34;

/// Between one tree or circle and the next.
const APART: usize = 8;

/// A picture as boxes and arrows.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) boxes: Vec<Placing>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// One box.
#[derive(Debug)]
pub(super) struct Placing {
    pub(super) who: Who,
    pub(super) wait: Option<WaitEdge>,
    /// Whether it is part of a circle.
    pub(super) in_circle: bool,
    /// The upper left corner.
    pub(super) x: usize,
    pub(super) y: usize,
}

/// An arrow between two boxes, by their places in the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) path: Path,
    /// Whether the direct owner is recorded.
    pub(super) is_certain: bool,
}

/// The way an arrow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// To the left, to whom is waited for.
    Left,
    /// Down, to the next of a circle.
    Down,
    /// Around the left, from the last of a circle to the first.
    Around,
}

pub(super) fn place(parts: &[Part]) -> Placed {
    let mut placed = Placed::default();
    let has_circle = parts.iter().any(|part| matches!(part, Part::Circle(_)));
    let left = if has_circle { MARGIN } else { 2 };
    let mut y = 2;
    for part in parts {
        match part {
            Part::Root(tree) => {
                placed.tree(tree, false, left, y);
                y += span(tree);
            }
            Part::Circle(trees) => y = placed.circle(trees, left, y),
        }
        y += APART;
    }
    placed.height = y - APART;
    placed.width += 2;
    placed
}

/// How much height a box needs with all that waits for it.
fn span(tree: &Tree) -> usize {
    let waiters: usize = tree.waiters.iter().map(span).sum();
    waiters.max(HEIGHT + BELOW)
}

fn is_certain(wait: Option<&WaitEdge>) -> bool {
    wait.is_none_or(|wait| wait.strength == Strength::Certain)
}

impl Placed {
    fn circle(&mut self, trees: &[Tree], left: usize, top: usize) -> usize {
        let mut y = top;
        let mut ring = Vec::new();
        for tree in trees {
            ring.push((
                self.tree(tree, true, left, y),
                is_certain(tree.wait.as_ref()),
            ));
            y += span(tree);
        }
        for pair in ring.windows(2) {
            if let [(from, is_certain), (to, _)] = *pair {
                self.arrow(from, to, Path::Down, is_certain);
            }
        }
        if let (Some((first, _)), Some((last, is_certain))) = (ring.first(), ring.last()) {
            self.arrow(*last, *first, Path::Around, *is_certain);
        }
        y
    }

    /// Places a box and its waiters; the box stands beside the middle of them, one of a circle at its top.
    fn tree(&mut self, tree: &Tree, in_circle: bool, x: usize, top: usize) -> usize {
        let middle = (span(tree) - HEIGHT - BELOW) / 2;
        let at = self.boxes.len();
        self.boxes.push(Placing {
            who: tree.who,
            wait: tree.wait,
            in_circle,
            x,
            y: if in_circle { top } else { top + middle },
        });
        self.width = self.width.max(x + WIDTH);
        let mut y = top;
        for waiter in &tree.waiters {
            let from = self.tree(waiter, false, x + WIDTH + BESIDE, y);
            self.arrow(from, at, Path::Left, is_certain(waiter.wait.as_ref()));
            y += span(waiter);
        }
        at
    }

    fn arrow(&mut self, from: usize, to: usize, path: Path, is_certain: bool) {
        self.arrows.push(Arrow {
            from,
            to,
            path,
            is_certain,
        });
    }
}
