//! From record to record through a buffer that has no counts, lengths or end mark.

use super::item::{Dangling, Dialect, Item, Task, Thread, ThreadShape};

use super::limit::{FrameLimit, MOST_FRAMES};
use super::record::{Layout, Record};
use crate::reader::Endian;

/// More list entries than any task has. The kernel sets no bound of its own.
const MOST_ENTRIES: usize = 10_000;

/// What a walk meets.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A record, and what is found where the next one should start.
    Found {
        at: usize,
        item: Item<'a>,
        follow: Follow,
    },
    /// Bytes between records that belong to none.
    Gap { at: usize, bytes: usize },
    /// A record whose fixed part the file's end cuts.
    Cut { at: usize, what: &'static str },
    /// Bytes after the last record that are neither records nor zeros.
    Rest { at: usize, bytes: usize },
}

/// What is found at a place where a record could start; better ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Follow {
    /// Neither of the others, or the file ends before.
    Nothing,
    /// Only zeros up to the file's end.
    Zeros,
    /// The file's end.
    End,
    /// A record, perhaps cut.
    Record,
}

/// A walk through a buffer as one dialect. Every byte is visited a bounded number of times.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    limit: FrameLimit,
    at: usize,
    /// From here on there are only zeros.
    zeros: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], dialect: Dialect, limit: FrameLimit) -> Walk<'a> {
        let zeros = bytes
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1);
        Walk {
            bytes,
            dialect,
            limit,
            at: 0,
            zeros,
        }
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The whole record at `at`, if its counts can be right.
    fn record(&self, at: usize) -> Option<Record<'a>> {
        self.dialect
            .generation
            .layouts()
            .find_map(|layout| Record::at(self.bytes, at, layout, self.dialect.endian))
            .filter(|record| {
                record.count("nkern_frames") <= MOST_FRAMES
                    && record.count("nuser_frames") <= MOST_FRAMES
                    && record.count("nloadinfos") <= MOST_ENTRIES
                    && record.count("donating_pid_count") <= MOST_ENTRIES
            })
    }

    /// The layout of a record that starts at `at` and is cut by the file's end.
    fn cut_header(&self, at: usize) -> Option<&'static Layout> {
        let rest = self.rest(at);
        self.dialect.generation.layouts().find(|layout| {
            let magic = stored(layout.magic, self.dialect.endian);
            rest.len() < layout.size && rest.iter().zip(magic).all(|(a, b)| *a == b)
        })
    }

    fn follow(&self, at: usize) -> Follow {
        if at > self.bytes.len() {
            Follow::Nothing
        } else if at == self.bytes.len() {
            Follow::End
        } else if at >= self.zeros {
            Follow::Zeros
        } else if self.record(at).is_some() || self.cut_header(at).is_some() {
            Follow::Record
        } else {
            Follow::Nothing
        }
    }

    /// The item at `at` with its end and what follows there.
    fn item(&self, at: usize) -> Option<(Item<'a>, usize, Follow)> {
        let record = self.record(at)?;
        let header_end = at + record.layout().size;
        let extent = self.extent(at, &record);
        if extent.follow != Follow::Nothing {
            let item = self.clipped(at, record, extent.end, extent.dangling);
            return Some((item, extent.end, extent.follow));
        }
        // Either the trace ends here or a count is damaged. A sound record
        // that starts before this one's end shows the latter and bounds it.
        let end = self
            .search(header_end)
            .unwrap_or(self.bytes.len())
            .min(extent.end);
        let item = self.clipped(at, record, end, extent.dangling);
        Some((item, end, Follow::Nothing))
    }

    fn clipped(&self, at: usize, record: Record<'a>, end: usize, dangling: Dangling) -> Item<'a> {
        let own = self.bytes.get(at..end).unwrap_or_default();
        if record.layout().magic == self.dialect.generation.thread.magic {
            Item::Thread(Thread::new(record, own, dangling))
        } else if record.number("pid").is_some() {
            Item::Task(Task::new(record, own))
        } else {
            Item::Memory(record)
        }
    }

    /// How far the item reaches whose record is at `at`.
    fn extent(&self, at: usize, record: &Record<'a>) -> Extent {
        let header_end = at + record.layout().size;
        if record.layout().magic == self.dialect.generation.thread.magic {
            return self.thread_extent(at, record);
        }
        // When a task's load information cannot be read, 10.6 ends the trace
        // right after the record, whose count stays as it was.
        let end = if header_end >= self.zeros && self.zeros < self.bytes.len() {
            header_end
        } else {
            at + Task::size(record)
        };
        Extent {
            dangling: Dangling::default(),
            end,
            follow: self.follow(end),
        }
    }

    /// Tries the places where the record after a thread can start.
    ///
    /// A record found decides. Else frame pointers that rise are worth more
    /// than an end that fits: a cut file can end anywhere.
    fn thread_extent(&self, at: usize, record: &Record<'a>) -> Extent {
        let shape = ThreadShape::of(record);
        let plain = Extent {
            dangling: Dangling::default(),
            end: at + shape.size(Dangling::default()),
            follow: Follow::Nothing,
        };
        let worth = |extent: &Extent| {
            let thread = Thread::new(*record, self.rest(at), extent.dangling);
            let is_record = extent.follow == Follow::Record;
            (is_record, thread.user.rise(), extent.follow)
        };
        let mut choices = self.choices(at, shape).peekable();
        let first = choices.next().unwrap_or(plain);
        if choices.peek().is_none() {
            return first;
        }
        let start = (worth(&first), first);
        let better = |best, choice| {
            let (most, _) = best;
            let worth = worth(&choice);
            if worth > most { (worth, choice) } else { best }
        };
        choices.fold(start, better).1
    }

    /// The extents a thread can have, the likeliest first.
    fn choices(&self, at: usize, shape: ThreadShape) -> impl Iterator<Item = Extent> {
        let kernel = self.limit.is_reached(at, shape.kernel_count);
        let user = self.limit.is_reached(at, shape.user_count);
        self.limit
            .order()
            .into_iter()
            .filter(move |choice| (kernel || !choice.kernel) && (user || !choice.user))
            .map(move |dangling| {
                let end = at + shape.size(dangling);
                let mut words = shape.dangling_words(self.rest(at), dangling);
                let follow = match self.follow(end) {
                    // A word of zeros is part of the tail, not an address.
                    Follow::Zeros if words.any(is_zero) => Follow::Nothing,
                    follow => follow,
                };
                Extent {
                    dangling,
                    end,
                    follow,
                }
            })
    }

    /// The next place from `from` on where a record starts that passes every test.
    fn search(&self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            at += self.next_magic(at)?;
            if self.is_sound(at) {
                return Some(at);
            }
            at += 1;
        }
    }

    fn next_magic(&self, from: usize) -> Option<usize> {
        let generation = self.dialect.generation;
        let stored = |layout: &Layout| stored(layout.magic, self.dialect.endian);
        let thread = stored(generation.thread);
        let task = generation.task.map_or(thread, stored);
        let memory = generation.memory.map_or(thread, stored);
        self.rest(from)
            .array_windows()
            .position(|word| *word == thread || *word == task || *word == memory)
    }

    /// Whether the record at `at` can be trusted although nothing leads to it.
    fn is_sound(&self, at: usize) -> bool {
        let Some(record) = self.record(at) else {
            return false;
        };
        if !record.is_printable("p_comm") {
            return false;
        }
        if record.layout().magic == self.dialect.generation.thread.magic {
            self.choices(at, ThreadShape::of(&record))
                .any(|choice| choice.follow != Follow::Nothing)
        } else {
            self.extent(at, &record).follow != Follow::Nothing
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let at = self.at;
        if at >= self.zeros {
            return None;
        }
        if let Some((item, end, follow)) = self.item(at) {
            self.at = end;
            return Some(Step::Found { at, item, follow });
        }
        if let Some(layout) = self.cut_header(at) {
            self.at = self.bytes.len();
            return Some(Step::Cut {
                at,
                what: layout.what,
            });
        }
        if let Some(next) = self.search(at) {
            self.at = next;
            return Some(Step::Gap {
                at,
                bytes: next - at,
            });
        }
        self.at = self.bytes.len();
        Some(Step::Rest {
            at,
            bytes: self.zeros - at,
        })
    }
}

/// How far an item reaches.
#[derive(Clone, Copy, Debug)]
struct Extent {
    dangling: Dangling,
    end: usize,
    follow: Follow,
}

fn is_zero(word: &[u8]) -> bool {
    word.iter().all(|&byte| byte == 0)
}

/// A magic as it lies in the file.
pub(super) fn stored(magic: u32, endian: Endian) -> [u8; 4] {
    match endian {
        Endian::Little => magic.to_le_bytes(),
        Endian::Big => magic.to_be_bytes(),
    }
}
