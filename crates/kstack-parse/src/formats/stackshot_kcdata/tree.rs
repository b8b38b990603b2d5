//! The items of a buffer as a tree of containers, flat in one list.

use kstack_model::{Note, Position};

use super::buffer::{Buffer, Kind, cut_in_words};
use super::item::{Cut, Item, tag};
use crate::Limits;

/// An item, and how many of the nodes after it lie inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) item: Item<'a>,
    inside: usize,
}

/// The items of a buffer. Ends of containers are not among them.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    /// What is wrong with the buffer as a buffer.
    pub(crate) notes: Vec<Note>,
}

/// Goes over nodes and steps over what lies inside each.
#[derive(Clone, Debug)]
pub(crate) struct Children<'n, 'a> {
    nodes: &'n [Node<'a>],
}

/// The nodes at the top of a list; each comes with the list of those inside it.
pub(crate) fn children<'n, 'a>(nodes: &'n [Node<'a>]) -> Children<'n, 'a> {
    Children { nodes }
}

impl<'n, 'a> Iterator for Children<'n, 'a> {
    type Item = (Item<'a>, &'n [Node<'a>]);

    fn next(&mut self) -> Option<Self::Item> {
        let (node, rest) = self.nodes.split_first()?;
        let (inside, rest) = rest.split_at_checked(node.inside).unwrap_or((rest, &[]));
        self.nodes = rest;
        Some((node.item, inside))
    }
}

/// Reads the items of a buffer up to its end, its cut, or a limit. What was read stands either way.
pub(crate) fn read<'a>(buffer: &'a Buffer<'_>, limits: &Limits) -> Tree<'a> {
    let bytes = buffer.bytes.as_ref();
    let mut tree = Growing::default();
    let mut offset = buffer.items_at;
    loop {
        let item = match Item::read(bytes, offset) {
            Ok(item) => item,
            // The stream of a compressed buffer has no end item.
            Err(Cut::AtItem) if buffer.compressed => break,
            Err(cut) => {
                tree.note(offset, cut_in_words(cut));
                break;
            }
        };
        if item.tag == tag::END {
            break;
        }
        if item.payload.is_empty() && Kind::of(item.tag).is_some() {
            tree.note(
                offset,
                "no end item before the next buffer: this one is incomplete",
            );
            break;
        }
        if tree.nodes.len() >= limits.items {
            let text = format!("reading ends here at the limit of {} items", limits.items);
            tree.note(offset, text);
            break;
        }
        if item.tag == tag::CONTAINER_BEGIN && tree.open.len() >= limits.depth {
            let text = format!(
                "reading ends here at the limit of {} nested containers",
                limits.depth
            );
            tree.note(offset, text);
            break;
        }
        tree.push(item);
        offset = item.next_offset();
    }
    tree.close_all(offset)
}

#[derive(Default)]
struct Growing<'a> {
    nodes: Vec<Node<'a>>,
    /// Indices of the containers that have not ended, outermost first.
    open: Vec<usize>,
    notes: Vec<Note>,
}

impl<'a> Growing<'a> {
    fn push(&mut self, item: Item<'a>) {
        if item.tag == tag::CONTAINER_END {
            return self.end(&item);
        }
        if item.tag == tag::CONTAINER_BEGIN {
            self.open.push(self.nodes.len());
        }
        self.nodes.push(Node { item, inside: 0 });
    }

    /// Closes the innermost container with the id of this end, and with it those inside that lack an end.
    fn end(&mut self, end: &Item<'_>) {
        let matching = self.open.iter().rposition(|&index| {
            let begin = self.nodes.get(index);
            begin.is_some_and(|begin| begin.item.flags == end.flags)
        });
        let Some(depth) = matching else {
            let text = format!("the end of container {} has no beginning", end.flags);
            return self.note(end.offset, text);
        };
        let unended = self.open.len() - depth - 1;
        if unended > 0 {
            let text = format!(
                "{unended} containers within container {} have no end",
                end.flags
            );
            self.note(end.offset, text);
        }
        for index in self.open.split_off(depth) {
            self.close(index);
        }
    }

    fn close(&mut self, index: usize) {
        let count = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(index) {
            node.inside = count - index - 1;
        }
    }

    fn close_all(mut self, offset: usize) -> Tree<'a> {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            let count = open.len();
            self.note(
                offset,
                format!("{count} containers have no end; what was read of them is kept"),
            );
        }
        for index in open {
            self.close(index);
        }
        Tree {
            nodes: self.nodes,
            notes: self.notes,
        }
    }

    fn note(&mut self, offset: usize, text: impl Into<String>) {
        /// A buffer of nothing but stray ends must not cost a note each.
        const MOST: usize = 100;
        if self.notes.len() < MOST {
            self.notes
                .push(Note::at(Position::Byte(offset as u64), text));
        }
    }
}
