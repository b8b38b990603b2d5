//! Which generation a file is: the one whose record sizes carry a walk furthest.

use super::item::{Dialect, Item};
use super::layout::{GENERATIONS, Generation};
use super::limit::FrameLimit;
use super::walk::{Follow, Step, Walk, stored};
use crate::reader::Endian;

/// The generation found, and how surely.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) dialect: Dialect,
    /// Whether at least one whole thread is there, with frames or another record after it.
    pub(super) has_thread: bool,
    /// Younger generations that fit as well.
    pub(super) rivals: Vec<&'static str>,
}

/// Finds the generation of a file; `None` if no record of any is in it.
pub(super) fn find(bytes: &[u8]) -> Option<Found> {
    let first_known: Vec<Dialect> = dialects()
        .filter(|dialect| starts_with_magic_of(bytes, *dialect))
        .collect();
    let candidates = if first_known.is_empty() {
        dialects().collect()
    } else {
        first_known
    };
    let mut best: Option<(Score, Found)> = None;
    for dialect in candidates {
        let score = Score::of(bytes, dialect);
        if score == Score::default() {
            continue;
        }
        match &mut best {
            Some((top, found)) if *top == score => found.rivals.push(dialect.generation.id),
            Some((top, _)) if *top > score => {}
            _ => {
                let found = Found {
                    dialect,
                    has_thread: score.has_thread,
                    rivals: Vec::new(),
                };
                best = Some((score, found));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// Whether the first word of a file is a magic of any generation.
pub(super) fn starts_with_magic(bytes: &[u8]) -> bool {
    dialects().any(|dialect| starts_with_magic_of(bytes, dialect))
}

fn starts_with_magic_of(bytes: &[u8], dialect: Dialect) -> bool {
    dialect
        .generation
        .layouts()
        .any(|layout| bytes.starts_with(&stored(layout.magic, dialect.endian)))
}

/// Every form a file can have, oldest first.
fn dialects() -> impl Iterator<Item = Dialect> {
    let little = GENERATIONS.iter().map(|generation| Dialect {
        generation,
        endian: Endian::Little,
    });
    // PowerPC Macs could run 10.5 and nothing later.
    let big = GENERATIONS
        .iter()
        .take(1)
        .map(|generation: &Generation| Dialect {
            generation,
            endian: Endian::Big,
        });
    big.chain(little)
}

/// How well a dialect fits: the first field decides, then the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// Records after which another stands. A wrong size does not find one by chance.
    followed: usize,
    /// Records after which the file or its zero tail begins; frame pointers
    /// of zero make this likely with a size that is a little too small.
    last: usize,
    has_thread: bool,
}

impl Score {
    fn of(bytes: &[u8], dialect: Dialect) -> Score {
        let mut score = Score::default();
        for step in Walk::new(bytes, dialect, FrameLimit::at_first(dialect)) {
            let Step::Found { item, follow, .. } = step else {
                continue;
            };
            score.add(&item, follow);
        }
        score
    }

    fn add(&mut self, item: &Item<'_>, follow: Follow) {
        let is_named = match item {
            Item::Memory(_) => true,
            Item::Task(task) => task.record.is_printable("p_comm"),
            Item::Thread(thread) => thread.record.is_printable("p_comm"),
        };
        if !is_named {
            return;
        }
        let is_last = match follow {
            Follow::Nothing => return,
            Follow::Record => false,
            Follow::Zeros | Follow::End => true,
        };
        if is_last {
            self.last += 1;
        } else {
            self.followed += 1;
        }
        if let Item::Thread(thread) = item {
            // A magic before a file of zeros reads as a thread without frames.
            let has_frames = thread.kernel.pairs.declared + thread.user.pairs.declared > 0;
            self.has_thread |= has_frames || !is_last;
        }
    }
}
