//! The frame limit of a trace, which decides where a dangling word can be.

use super::item::{Dangling, Dialect, Item};
use super::separate::Separator;
use super::walk::{Step, Walk};

/// The kernel's own frame limit.
pub(super) const MOST_FRAMES: usize = 1000;

/// At which frame counts a walk of the kernel may have ended early.
#[derive(Clone, Debug)]
pub(super) enum FrameLimit {
    /// At any: the limit is still to be found.
    Unknown,
    /// At the kernel's own limit.
    Fixed,
    /// At the limit of the trace, for traces in the order of their first byte.
    ///
    /// Until 10.6.2 the caller could set a lower one (xnu-1456, `stack_snapshot`).
    PerTrace(Vec<(usize, usize)>),
}

impl FrameLimit {
    /// What is known before the file is read.
    pub(super) fn at_first(dialect: Dialect) -> FrameLimit {
        // Kernels that write task records no longer take a limit from the caller.
        if dialect.generation.task.is_some() {
            FrameLimit::Fixed
        } else {
            FrameLimit::Unknown
        }
    }

    /// Finds the limits of a file.
    pub(super) fn find(bytes: &[u8], dialect: Dialect) -> FrameLimit {
        let at_first = FrameLimit::at_first(dialect);
        if matches!(at_first, FrameLimit::Fixed) {
            return at_first;
        }
        let mut traces = Vec::new();
        let mut separator = Separator::default();
        let mut trace = Seen::default();
        for step in Walk::new(bytes, dialect, at_first) {
            let Step::Found { at, item, .. } = step else {
                continue;
            };
            if separator.starts_another(&item) {
                traces.push((trace.start, trace.limit()));
                trace = Seen {
                    start: at,
                    ..Seen::default()
                };
            }
            trace.add(&item);
        }
        traces.push((trace.start, trace.limit()));
        FrameLimit::PerTrace(traces)
    }

    /// Whether a block of so many frames, of the thread at `at`, may be followed by a dangling word.
    pub(super) fn is_reached(&self, at: usize, count: usize) -> bool {
        let limit = match self {
            FrameLimit::Unknown => return count > 0,
            FrameLimit::Fixed => MOST_FRAMES,
            FrameLimit::PerTrace(traces) => {
                let after = traces.partition_point(|(start, _)| *start <= at);
                let own = after.checked_sub(1).and_then(|index| traces.get(index));
                own.map_or(MOST_FRAMES, |(_, limit)| *limit)
            }
        };
        count == limit
    }

    /// Dangling words in the order of likelihood.
    ///
    /// A block as long as the limit nearly always has one: walks that end by
    /// themselves exactly there are rare.
    pub(super) fn order(&self) -> [Dangling; 4] {
        let mut order = [(true, true), (true, false), (false, true), (false, false)];
        if matches!(self, FrameLimit::Unknown) {
            order.reverse();
        }
        order.map(|(kernel, user)| Dangling { kernel, user })
    }
}

/// What one trace shows about its limit.
#[derive(Debug, Default)]
struct Seen {
    start: usize,
    largest: usize,
    has_dangling: bool,
}

impl Seen {
    fn add(&mut self, item: &Item<'_>) {
        let Item::Thread(thread) = item else {
            return;
        };
        for frames in [&thread.kernel, &thread.user] {
            self.largest = self.largest.max(frames.pairs.declared);
            self.has_dangling |= frames.dangling;
        }
    }

    fn limit(&self) -> usize {
        if self.has_dangling {
            self.largest
        } else {
            MOST_FRAMES
        }
    }
}
