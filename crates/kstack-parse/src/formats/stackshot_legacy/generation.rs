//! Which generation a file is: the one whose record sizes carry a walk furthest.

use super::item::{Dialect, Item};
use super::kernels::{GENERATIONS, Generation};
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

/// How much of a file is read to find its generation, if that shows it beyond doubt.
const OPENING: usize = 1 << 18;

/// Finds the generation of a file; `None` if no record of any is in it.
pub(super) fn find(bytes: &[u8]) -> Option<Found> {
    if let Some(opening) = bytes.get(..OPENING)
        && let Some((found, true)) = best(opening)
    {
        return Some(found);
    }
    best(bytes).map(|(found, _)| found)
}

/// The best dialect, and whether more of the file could not change that.
fn best(bytes: &[u8]) -> Option<(Found, bool)> {
    let mut scores: Vec<(Score, Dialect)> = candidates(bytes)
        .into_iter()
        .map(|dialect| (Score::of(bytes, dialect), dialect))
        .filter(|(score, _)| *score != Score::default())
        .collect();
    // Stable: of those that fit alike, the older stays before the younger.
    scores.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let (&(top, dialect), others) = scores.split_first()?;
    let is_clear = others
        .iter()
        .all(|(other, _)| other.followed < top.followed);
    let found = Found {
        dialect,
        has_thread: top.has_thread,
        rivals: others
            .iter()
            .filter(|(other, _)| *other == top)
            .map(|(_, dialect)| dialect.generation.id)
            .collect(),
    };
    Some((found, is_clear && top.has_thread))
}

/// The dialects that know the first word of a file, or all if none does.
fn candidates(bytes: &[u8]) -> Vec<Dialect> {
    let knowing: Vec<Dialect> = dialects()
        .filter(|dialect| starts_with_magic_of(bytes, *dialect))
        .collect();
    if knowing.is_empty() {
        dialects().collect()
    } else {
        knowing
    }
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
    /// Those of the last ones that end with the file.
    exact: usize,
    has_thread: bool,
}

impl Score {
    fn of(bytes: &[u8], dialect: Dialect) -> Score {
        let mut score = Score::default();
        for step in Walk::new(bytes, dialect, FrameLimit::at_first(dialect)) {
            let Step::Found { item, follow, .. } = step else {
                continue;
            };
            if is_plausible(&item, dialect) {
                score.add(&item, follow);
            }
        }
        score
    }

    fn add(&mut self, item: &Item<'_>, follow: Follow) {
        let is_last = match follow {
            Follow::Nothing => return,
            Follow::Record => false,
            Follow::Zeros | Follow::End => true,
        };
        self.followed += usize::from(!is_last);
        self.last += usize::from(is_last);
        self.exact += usize::from(follow == Follow::End);
        if let Item::Thread(thread) = item {
            // A magic before a file of zeros reads as a thread without frames.
            let has_frames = thread.kernel.pairs.declared + thread.user.pairs.declared > 0;
            self.has_thread |= has_frames || !is_last;
        }
    }
}

/// Whether name and flags of a record are such as its kernels write.
///
/// The flags matter: to 10.7 the usual priority of a 10.8 thread, 31, reads as
/// flags that make up for the difference in size.
fn is_plausible(item: &Item<'_>, dialect: Dialect) -> bool {
    match item {
        Item::Memory(_) => true,
        Item::Task(task) => task.record.is_printable("p_comm"),
        Item::Thread(thread) => {
            let flags = thread.record.number("ss_flags").unwrap_or(0);
            let unknown = flags & !dialect.generation.thread_flags;
            unknown == 0 && thread.record.is_printable("p_comm")
        }
    }
}
