//! Call trees become weighted stacks.
//!
//! A line counts the samples that passed through it, its children count those
//! that went on. What is left ended there: one stack of that weight. A path
//! has user frames and then the kernel frames they led to; these become two
//! stacks of one weight, the kernel's first, because each side has an address
//! space of its own.

use kstack_model::{At, Frame, FrameKind, Note, Position, Said, Side, Stack, StackEnd};

use super::node::{Content, Node};
use crate::formats::budget::Budget;
use crate::formats::numbers::is_arm64_kernel;

/// Takes the lines of one tree and gives its stacks.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The path of the line read last, outermost first.
    path: Vec<Open>,
    /// Stacks that ended, in the order of the tree.
    stacks: Vec<Stack>,
    /// How many samples the thread says it has; finds trees without indentation.
    expected: Option<u64>,
    /// Samples in the outermost lines so far.
    seen: u64,
    /// Whether children are told by their counts, because the indentation is lost.
    flat: bool,
    /// Whether counts that do not add up were noted; once a tree is enough.
    uneven: bool,
    notes: Vec<Note>,
}

/// A line whose children may still come.
#[derive(Debug)]
struct Open {
    column: usize,
    samples: u64,
    /// Samples that its children took.
    passed_on: u64,
    side: Side,
    frame: Frame,
    position: Position,
}

impl Tree {
    /// A tree whose outermost lines should add up to `expected`.
    pub(super) fn new(expected: Option<u64>) -> Tree {
        Tree {
            expected,
            ..Tree::default()
        }
    }

    /// How many samples the thread says it has.
    pub(super) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Adds the next line.
    pub(super) fn push(&mut self, node: Node, side: Side, position: Position, budget: &mut Budget) {
        self.notice_lost_indentation(&node, position);
        while let Some(open) = self.path.last()
            && !self.is_child(&node, open)
        {
            self.close_innermost(budget);
        }
        match self.path.last_mut() {
            Some(parent) => parent.passed_on = parent.passed_on.saturating_add(node.samples),
            None => self.seen = self.seen.saturating_add(node.samples),
        }
        self.path.push(Open {
            column: node.column,
            samples: node.samples,
            passed_on: 0,
            side,
            frame: frame(node.content),
            position,
        });
    }

    /// The stacks of the whole tree, and what was odd about it.
    pub(super) fn finish(mut self, budget: &mut Budget) -> (Vec<Stack>, Vec<Note>) {
        while !self.path.is_empty() {
            self.close_innermost(budget);
        }
        (self.stacks, self.notes)
    }

    fn is_child(&self, node: &Node, open: &Open) -> bool {
        if self.flat {
            return open.samples.saturating_sub(open.passed_on) >= node.samples;
        }
        node.column > open.column
    }

    /// Web forms eat leading blanks. Then every line looks outermost, and their counts exceed the thread's.
    fn notice_lost_indentation(&mut self, node: &Node, position: Position) {
        let Some(outermost) = self.path.first() else {
            return;
        };
        let exceeds = self
            .expected
            .is_some_and(|expected| self.seen.saturating_add(node.samples) > expected);
        if !self.flat && exceeds && node.column <= outermost.column {
            self.flat = true;
            self.notes.push(Note::at(
                position,
                "the indentation of this tree is lost; who called whom is taken from the counts and can be wrong where they are equal",
            ));
        }
    }

    fn close_innermost(&mut self, budget: &mut Budget) {
        let Some(innermost) = self.path.last() else {
            return;
        };
        if innermost.passed_on > innermost.samples && !self.uneven {
            self.uneven = true;
            self.notes.push(Note::at(
                innermost.position,
                format!(
                    "{} samples passed through this frame, {} through those below it",
                    innermost.samples, innermost.passed_on
                ),
            ));
        }
        let ended_here = innermost.samples.saturating_sub(innermost.passed_on);
        if ended_here > 0 && budget.take_frames(self.path.len()) {
            for side in [Side::Kernel, Side::User] {
                self.stacks.extend(stack(&self.path, side, ended_here));
            }
        }
        self.path.pop();
    }
}

fn frame(content: Content) -> Frame {
    match content {
        Content::Frame { address, said, .. } => {
            Frame::new(address, FrameKind::ReturnAddress).saying(said)
        }
        // The words stand where a name would, and are all that is known.
        Content::Gap(words) => {
            let said = Said {
                symbol: Some(words),
                ..Said::default()
            };
            Frame::unplaced(said, FrameKind::ReturnAddress)
        }
    }
}

/// The frames of one side of a path.
fn stack(path: &[Open], side: Side, samples: u64) -> Option<Stack> {
    let ours = |open: &&Open| open.side == side;
    let mut frames = Vec::with_capacity(path.iter().filter(ours).count());
    frames.extend(
        path.iter()
            .rev()
            .filter(ours)
            .map(|open| open.frame.clone()),
    );
    let alone = frames.len() == 1;
    let innermost = frames.first_mut()?;
    innermost.kind = kind_of_innermost(innermost, side, alone);
    let cut = frames.iter().any(|frame| frame.at == At::Unknown);
    Some(Stack {
        side,
        frames,
        samples,
        end: if cut {
            StackEnd::Truncated
        } else {
            StackEnd::Unknown
        },
    })
}

/// The innermost user frame is where the thread left user space or was stopped.
/// The innermost kernel frame is a saved instruction pointer on Intel and a
/// saved link register on Apple silicon (xnu-11417.101.15,
/// `machine_trace_thread64`); alone it is where a thread without a kernel stack
/// will continue, the start of a function.
fn kind_of_innermost(frame: &Frame, side: Side, alone: bool) -> FrameKind {
    match (side, frame.at) {
        (Side::Kernel, At::Absolute(address)) if !alone && is_arm64_kernel(address.0) => {
            FrameKind::ReturnAddress
        }
        _ => FrameKind::InstructionPointer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn budget(frames: usize) -> Budget {
        Budget::new(&Limits {
            frames,
            ..Limits::default()
        })
    }

    fn stacks(expected: Option<u64>, lines: &[&str]) -> (Vec<Stack>, Vec<Note>) {
        let (mut tree, mut budget) = (Tree::new(expected), budget(1000));
        for line in lines {
            let node = Node::read(line).unwrap();
            let side = if node.kernel {
                Side::Kernel
            } else {
                Side::User
            };
            tree.push(node, side, Position::Line(1), &mut budget);
        }
        tree.finish(&mut budget)
    }

    fn shape(stacks: &[Stack]) -> Vec<(Side, u64, Vec<u64>)> {
        let address = |frame: &Frame| match frame.at {
            At::Absolute(address) => address.0,
            _ => 0,
        };
        stacks
            .iter()
            .map(|stack| {
                let frames = stack.frames.iter().map(address).collect();
                (stack.side, stack.samples, frames)
            })
            .collect()
    }

    #[test]
    fn what_no_child_took_ended_there() {
        let (stacks, notes) = stacks(
            None,
            &[
                "  10  a (i + 1) [0x1]",
                "    4   b (i + 2) [0x2]",
                "      3   c (i + 3) [0x3]",
                "    5   d (i + 4) [0x4]",
            ],
        );
        assert_eq!(
            shape(&stacks),
            [
                (Side::User, 3, vec![3, 2, 1]),
                (Side::User, 1, vec![2, 1]),
                (Side::User, 5, vec![4, 1]),
                (Side::User, 1, vec![1]),
            ]
        );
        assert_eq!(notes, []);
    }

    #[test]
    fn a_path_into_the_kernel_is_two_stacks_of_one_weight() {
        let (stacks, _) = stacks(
            None,
            &[
                "  4  a (i + 1) [0x1]",
                "    4  b (i + 2) [0x2]",
                "     *4  k (kernel + 3) [0xffffff8000200003]",
                "       *4  l (kernel + 4) [0xffffff8000200004]",
            ],
        );
        assert_eq!(
            shape(&stacks),
            [
                (
                    Side::Kernel,
                    4,
                    vec![0xffff_ff80_0020_0004, 0xffff_ff80_0020_0003]
                ),
                (Side::User, 4, vec![2, 1]),
            ]
        );
        assert_eq!(stacks[0].frames[0].kind, FrameKind::InstructionPointer);
        assert_eq!(stacks[0].frames[1].kind, FrameKind::ReturnAddress);
        assert_eq!(stacks[1].frames[0].kind, FrameKind::InstructionPointer);
    }

    #[test]
    fn on_apple_silicon_the_innermost_kernel_frame_returns_unless_it_is_alone() {
        let (two, _) = stacks(
            None,
            &[
                " *4  k (kernel + 3) [0xfffffe0007b34004]",
                "   *4  l (kernel + 4) [0xfffffe0007b34008]",
            ],
        );
        assert_eq!(two[0].frames[0].kind, FrameKind::ReturnAddress);
        let (one, _) = stacks(None, &[" *4  k + 0 (kernel + 4) [0xfffffe0007b34004]"]);
        assert_eq!(one[0].frames[0].kind, FrameKind::InstructionPointer);
    }

    #[test]
    fn a_gap_stays_in_its_stack_and_says_that_it_is_cut() {
        let (stacks, _) = stacks(
            None,
            &[
                "1  a (i + 1) [0x1]",
                "  1  <truncated backtrace>",
                "    1  b (i + 2) [0x2]",
            ],
        );
        assert_eq!(shape(&stacks), [(Side::User, 1, vec![2, 0, 1])]);
        assert_eq!(stacks[0].end, StackEnd::Truncated);
    }

    #[test]
    fn lost_indentation_is_told_from_the_counts() {
        let (stacks, notes) = stacks(
            Some(10),
            &[
                "10  a (i + 1) [0x1]",
                "4  b (i + 2) [0x2]",
                "4  c (i + 3) [0x3]",
                "6  d (i + 4) [0x4]",
            ],
        );
        assert_eq!(
            shape(&stacks),
            [(Side::User, 4, vec![3, 2, 1]), (Side::User, 6, vec![4, 1])]
        );
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn children_that_outnumber_their_parent_are_noted() {
        let (stacks, notes) = stacks(None, &["1  a (i + 1) [0x1]", "  5  b (i + 2) [0x2]"]);
        assert_eq!(shape(&stacks), [(Side::User, 5, vec![2, 1])]);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn a_tree_larger_than_the_budget_stops_making_stacks() {
        let mut budget = budget(1);
        let mut tree = Tree::new(None);
        for line in ["1  a (i + 1) [0x1]", "1  b (i + 2) [0x2]"] {
            tree.push(
                Node::read(line).unwrap(),
                Side::User,
                Position::Line(1),
                &mut budget,
            );
        }
        assert_eq!(tree.finish(&mut budget).0.len(), 1);
        assert!(budget.note().is_some());
    }
}
