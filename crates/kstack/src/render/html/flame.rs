//! The flame graph: still, so that it needs no script, and as wide as the page.
//!
//! `flamegraph.rs` draws the picture that stands alone; that one brings a
//! style and a script of its own, and handlers in attributes, which the
//! policy of the page refuses.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::View;
use crate::render::folded::Folded;
use crate::render::words::Count;

/// Rows that are drawn. What is called deeper in is counted.
const DEEPEST: usize = 100;

/// Boxes that are drawn.
const MOST: usize = 4000;

/// A box thinner than this part of the whole is not seen.
const THINNEST: f64 = 1.0 / 1500.0;

/// Processes that are told apart.
const MOST_PROCESSES: usize = 40;

/// The height of a row.
const ROW: usize = 18;

pub(super) fn section(view: &View<'_>) -> Markup {
    let trace = view.document.options.trace_index.index;
    let (folded, top) = folded(view);
    let tree = Tree::of(&folded);
    let drawing = tree.drawing();
    html! {
        section id={ "t" (trace) "-flame" } {
            h2 { "Flame graph" }
            @if drawing.boxes.is_empty() {
                p.aside { "There is no stack to draw." }
            } @else {
                p.aside {
                    (top) ", the innermost functions at the bottom; as wide as there are "
                    (folded.unit.many()) "."
                    @if drawing.left_out > 0 {
                        " " (Count(drawing.left_out, "box")) " too thin or too deep to be seen."
                    }
                }
                (picture(view, &folded, &tree, &drawing))
            }
        }
    }
}

/// The processes one beside the other; of a whole system those would be stripes, of which nothing can be
/// read, so there the kernel's side of all of them is one.
fn folded(view: &View<'_>) -> (Folded, &'static str) {
    let (trace, options) = (view.document.trace, view.document.options);
    if view.document.processes.len() > MOST_PROCESSES {
        let folded = Folded::of_kernel(trace, options);
        if !folded.weighs_nothing() {
            return (
                folded,
                "The kernel's side of all processes together, its entries at the top",
            );
        }
    }
    (Folded::of(trace, options), "Processes at the top")
}

fn picture(view: &View<'_>, folded: &Folded, tree: &Tree<'_>, drawing: &Drawing) -> Markup {
    let count = folded.unit.one();
    let whole = tree.weight(0);
    html! {
        svg.flame width="100%" height=(drawing.rows * ROW) role="img"
            aria-label="Flame graph; the stacks are listed above as text" {
            @for Boxed { node, row, from, share } in &drawing.boxes {
                @let name = tree.name(*node);
                @let hue = folded.kin.get(name).map_or("hn", |kin| view.hues.of_kin(kin));
                @let weight = tree.weight(*node);
                // An inner picture cuts its text off at its border.
                svg class=(hue) x=(percent(*from)) y=(row * ROW) width=(percent(*share)) height=(ROW) {
                    title { (name) ": " (Count(weight, count)) " of " (whole) ", " (percent(*share)) }
                    rect width="100%" height="100%" {}
                    @if *share > 0.012 { text x="3" y="13" { (name) } }
                }
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

/// Stacks from the process on, those that begin alike together. The first node holds all.
struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Default)]
struct Node<'a> {
    name: &'a str,
    weight: usize,
    inner: BTreeMap<&'a str, usize>,
}

/// What is seen of a tree.
struct Drawing {
    boxes: Vec<Boxed>,
    rows: usize,
    left_out: usize,
}

struct Boxed {
    node: usize,
    row: usize,
    /// Parts of the whole width.
    from: f64,
    share: f64,
}

impl<'a> Tree<'a> {
    fn of(folded: &'a Folded) -> Tree<'a> {
        let mut tree = Tree {
            nodes: vec![Node::default()],
        };
        for (path, weight) in &folded.weights {
            let weight = usize::try_from(*weight).unwrap_or(usize::MAX);
            let mut at = 0;
            tree.add(at, weight);
            for name in path.split(';') {
                at = tree.inner(at, name);
                tree.add(at, weight);
            }
        }
        tree
    }

    fn add(&mut self, node: usize, more: usize) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.weight = node.weight.saturating_add(more);
        }
    }

    /// The node of that name inside another.
    fn inner(&mut self, outer: usize, name: &'a str) -> usize {
        let new = self.nodes.len();
        let Some(outer) = self.nodes.get_mut(outer) else {
            return 0;
        };
        let at = *outer.inner.entry(name).or_insert(new);
        if at == new {
            self.nodes.push(Node {
                name,
                ..Node::default()
            });
        }
        at
    }

    fn name(&self, node: usize) -> &'a str {
        self.nodes.get(node).map_or("", |node| node.name)
    }

    fn weight(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.weight)
    }

    /// Row by row, so that what is left out where there are too many is what lies deepest.
    fn drawing(&self) -> Drawing {
        let whole = self.weight(0).max(1);
        let mut drawing = Drawing {
            boxes: Vec::new(),
            rows: 0,
            left_out: 0,
        };
        let mut seen = 0;
        let mut row = vec![(0, 0.0)];
        for depth in 0..DEEPEST {
            let mut next = Vec::new();
            for (outer, mut from) in row {
                let inner = self.nodes.get(outer).map(|node| &node.inner);
                for (_, node) in inner.into_iter().flatten() {
                    let share = ratio(self.weight(*node), whole);
                    if share >= THINNEST && drawing.boxes.len() < MOST {
                        drawing.boxes.push(Boxed {
                            node: *node,
                            row: depth,
                            from,
                            share,
                        });
                        drawing.rows = depth + 1;
                        next.push((*node, from));
                        seen += 1;
                    }
                    from += share;
                }
            }
            row = next;
        }
        drawing.left_out = self.nodes.len() - 1 - seen;
        drawing
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture does not show the fifteenth digit"
)]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
