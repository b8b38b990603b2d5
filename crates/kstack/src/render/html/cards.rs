//! Threads whose stacks read the same, together: their stacks are on the page once.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::rc::Rc;

use kstack_model::{At, FrameKind, Side};

use super::{View, frames};
use crate::diagnose::ThreadIndex;
use crate::render::document::{ProcessBlock, ThreadBlock};
use crate::render::standing::Part;
use crate::resolve::SpaceId;

/// Threads with the same stacks.
#[derive(Debug)]
pub(super) struct Card<'a> {
    pub(super) part: Part,
    pub(super) members: Vec<Member<'a>>,
    pub(super) stacks: Rc<Stacks>,
    /// The group of the diagnosis; cards of one group differ only in user frames, in the depth of a
    /// recursion, or in where in the functions they are.
    group: usize,
}

/// Stacks as they stand on the page.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Stacks {
    pub(super) html: String,
    /// Images of the kernel's space that they name.
    pub(super) images: BTreeSet<String>,
}

/// One thread of a card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) index: ThreadIndex,
    /// Which process of the document.
    pub(super) process: usize,
    pub(super) block: &'a ProcessBlock<'a>,
    pub(super) thread: &'a ThreadBlock<'a>,
}

/// The threads of the page in cards, what matters most first.
pub(super) fn of<'a>(view: &View<'a>) -> io::Result<Vec<Card<'a>>> {
    let mut shapes = Shapes::default();
    let mut cards: Vec<Card<'a>> = Vec::new();
    let mut known: HashMap<(Part, usize, usize), usize> = HashMap::new();
    for (process, block) in view.document.processes.iter().enumerate() {
        for thread in &block.threads {
            let Some(index) = view.index(thread.thread) else {
                continue;
            };
            let (part, group) = view.standings.at(index);
            let shape = shapes.of(view, thread)?;
            let at = *known.entry((part, group, shape)).or_insert_with(|| {
                cards.push(Card {
                    part,
                    group,
                    members: Vec::new(),
                    stacks: shapes.all.get(shape).cloned().unwrap_or_default(),
                });
                cards.len() - 1
            });
            if let Some(card) = cards.get_mut(at) {
                card.members.push(Member {
                    index,
                    process,
                    block,
                    thread,
                });
            }
        }
    }
    // Stable: within a group the shape that most have comes first, of equals the report's first.
    cards.sort_by_key(|card| (card.part, card.group, Reverse(card.members.len())));
    Ok(cards)
}

/// What tells stacks apart before they are written.
type Key = Vec<(Side, u64, bool, Vec<(SpaceId, At, FrameKind, usize)>)>;

/// The different stacks, each written once. Those of different processes can read the same.
#[derive(Default)]
struct Shapes {
    all: Vec<Rc<Stacks>>,
    by_key: HashMap<Key, usize>,
    by_text: HashMap<Rc<Stacks>, usize>,
}

impl Shapes {
    fn of(&mut self, view: &View<'_>, thread: &ThreadBlock<'_>) -> io::Result<usize> {
        let stacks = thread.stacks.iter();
        let key: Key = stacks
            .map(|stack| {
                (
                    stack.side,
                    stack.samples,
                    stack.cut,
                    stack.places().collect(),
                )
            })
            .collect();
        if let Some(shape) = self.by_key.get(&key) {
            return Ok(*shape);
        }
        let mut written = Stacks::default();
        for stack in &thread.stacks {
            let stack = frames::stack(view, stack, &mut written.images)?;
            written.html.push_str(&stack.into_string());
        }
        let written = Rc::new(written);
        let shape = *self.by_text.entry(Rc::clone(&written)).or_insert_with(|| {
            self.all.push(written);
            self.all.len() - 1
        });
        self.by_key.insert(key, shape);
        Ok(shape)
    }
}
