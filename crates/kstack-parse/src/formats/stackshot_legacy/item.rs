//! Records together with what follows each: load information, pids, frames.

use super::kernels::Generation;
use super::record::Record;
use crate::reader::{Endian, Reader};

const USER_64: u64 = 0x1;
const KERNEL_64: u64 = 0x2;
const HAS_QUEUE_SERIAL: u64 = 0x4;
const STACK_CUT: u64 = 0x80;
const TASK_64: u64 = 0x1;
const TASK_KERNEL_64: u64 = 0x2;
const TASK_TERMINATED: u64 = 0x8;

/// A generation in one byte order. Only 10.5 on PowerPC wrote big-endian.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) generation: &'static Generation,
    pub(super) endian: Endian,
}

/// One step of a trace.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Memory(Record<'a>),
    Task(Task<'a>),
    Thread(Thread<'a>),
}

impl Item<'_> {
    /// Whether bytes that belong to the item are missing.
    pub(super) fn is_cut(&self) -> bool {
        match self {
            Item::Memory(_) => false,
            Item::Task(task) => task.is_cut(),
            Item::Thread(thread) => thread.is_cut(),
        }
    }
}

/// A task record and the lists after it.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) record: Record<'a>,
    pub(super) load_infos: List<'a>,
    pub(super) donating_pids: List<'a>,
}

impl<'a> Task<'a> {
    /// The task whose record starts `rest`, with as much of its lists as `rest` holds.
    pub(super) fn new(record: Record<'a>, rest: &'a [u8]) -> Task<'a> {
        let rest = rest.get(record.layout().size..).unwrap_or_default();
        let entry = load_info_size(&record);
        let (load_infos, rest) = List::take(rest, record.count("nloadinfos"), entry);
        let (donating_pids, _) = List::take(rest, record.count("donating_pid_count"), 4);
        Task {
            record,
            load_infos,
            donating_pids,
        }
    }

    /// Bytes of a task with all its lists.
    pub(super) fn size(record: &Record<'_>) -> usize {
        record.layout().size
            + record.count("nloadinfos") * load_info_size(record)
            + record.count("donating_pid_count") * 4
    }

    /// Load addresses with their UUIDs, as far as they are there.
    pub(super) fn load_infos(&self) -> impl Iterator<Item = (u64, [u8; 16])> {
        let endian = self.record.endian();
        self.load_infos.entries().filter_map(move |entry| {
            let mut reader = Reader::new(entry, endian);
            let address = word(&mut reader, entry.len() == LOAD_INFO_64)?;
            Some((address, reader.array().ok()?))
        })
    }

    /// The pids this task works for, as far as they are there.
    pub(super) fn donating_pids(&self) -> Vec<u64> {
        let endian = self.record.endian();
        self.donating_pids
            .entries()
            .filter_map(|entry| Reader::new(entry, endian).u32().ok().map(u64::from))
            .collect()
    }

    pub(super) fn is_kernel_64(&self) -> bool {
        self.flags() & TASK_KERNEL_64 != 0
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.flags() & TASK_TERMINATED != 0
    }

    pub(super) fn has_wide_addresses(&self) -> bool {
        load_info_size(&self.record) == LOAD_INFO_64
    }

    fn flags(&self) -> u64 {
        self.record.number("ss_flags").unwrap_or(0)
    }

    fn is_cut(&self) -> bool {
        self.load_infos.is_cut() || self.donating_pids.is_cut()
    }
}

const LOAD_INFO_32: usize = 20;
const LOAD_INFO_64: usize = 24;

/// Bytes of one entry. Pid 0 goes by the kernel's width, which it flags apart from the task's.
fn load_info_size(record: &Record<'_>) -> usize {
    let wide = if record.signed("pid") == Some(0) {
        TASK_64 | TASK_KERNEL_64
    } else {
        TASK_64
    };
    if record.number("ss_flags").unwrap_or(0) & wide != 0 {
        LOAD_INFO_64
    } else {
        LOAD_INFO_32
    }
}

/// Entries of one size, as many as are there.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    bytes: &'a [u8],
    entry: usize,
    /// How many there should be.
    pub(super) declared: usize,
}

impl<'a> List<'a> {
    fn take(rest: &'a [u8], declared: usize, entry: usize) -> (List<'a>, &'a [u8]) {
        let size = declared.saturating_mul(entry).min(rest.len());
        let (bytes, rest) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        let list = List {
            bytes,
            entry,
            declared,
        };
        (list, rest)
    }

    fn entries(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks_exact(self.entry)
    }

    /// How many are there.
    pub(super) fn present(&self) -> usize {
        self.bytes.len() / self.entry
    }

    pub(super) fn is_cut(&self) -> bool {
        self.present() < self.declared
    }
}

/// A thread record, the serial of its dispatch queue, and its two stacks.
#[derive(Debug)]
pub(super) struct Thread<'a> {
    pub(super) record: Record<'a>,
    pub(super) queue_serial: Option<u64>,
    pub(super) kernel: Frames<'a>,
    pub(super) user: Frames<'a>,
}

impl<'a> Thread<'a> {
    /// The thread whose record starts `rest`, with as many frames as `rest` holds.
    pub(super) fn new(record: Record<'a>, rest: &'a [u8], dangling: Dangling) -> Thread<'a> {
        let shape = ThreadShape::of(&record);
        let endian = record.endian();
        let block = |start: usize, declared: usize, wide: bool, dangling: bool| {
            let after = rest.get(start..).unwrap_or_default();
            Frames {
                pairs: List::take(after, declared, 2 * word_size(wide)).0,
                wide,
                dangling,
                endian,
            }
        };
        Thread {
            record,
            queue_serial: shape
                .has_serial
                .then(|| Reader::new(rest, endian).seek(shape.header).u64().ok())
                .flatten(),
            kernel: block(
                shape.kernel_start(),
                shape.kernel_count,
                shape.kernel_wide,
                dangling.kernel,
            ),
            user: block(
                shape.user_start(dangling),
                shape.user_count,
                shape.user_wide,
                dangling.user,
            ),
        }
    }

    /// The kernel's own word that one of the stacks is not whole.
    pub(super) fn is_flagged_cut(&self) -> bool {
        self.record.number("ss_flags").unwrap_or(0) & STACK_CUT != 0
    }

    pub(super) fn is_cut(&self) -> bool {
        let lacks_serial = self.queue_serial.is_none() && ThreadShape::of(&self.record).has_serial;
        lacks_serial || self.kernel.pairs.is_cut() || self.user.pairs.is_cut()
    }
}

/// Which blocks of frames are followed by a word that their count leaves out.
///
/// The kernel's walker writes the next return address before it looks whether
/// the frame limit is reached, and does not take it back
/// (`machine_trace_thread` in `osfmk/kdp/ml/i386/kdp_machdep.c`, all versions).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dangling {
    pub(super) kernel: bool,
    pub(super) user: bool,
}

/// Where the parts of a thread lie, counted from its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadShape {
    header: usize,
    has_serial: bool,
    pub(super) kernel_count: usize,
    pub(super) user_count: usize,
    kernel_wide: bool,
    user_wide: bool,
}

impl ThreadShape {
    pub(super) fn of(record: &Record<'_>) -> ThreadShape {
        let flags = record.number("ss_flags").unwrap_or(0);
        // Records of 10.5 have a field in place of the flag, and no 64-bit kernel.
        let user_wide = record.number("user64_p").unwrap_or(flags & USER_64) != 0;
        ThreadShape {
            header: record.layout().size,
            has_serial: flags & HAS_QUEUE_SERIAL != 0,
            kernel_count: record.count("nkern_frames"),
            user_count: record.count("nuser_frames"),
            kernel_wide: flags & KERNEL_64 != 0,
            user_wide,
        }
    }

    fn kernel_start(&self) -> usize {
        self.header + if self.has_serial { 8 } else { 0 }
    }

    fn kernel_end(&self) -> usize {
        self.kernel_start() + self.kernel_count * 2 * word_size(self.kernel_wide)
    }

    fn user_start(&self, dangling: Dangling) -> usize {
        let word = if dangling.kernel {
            word_size(self.kernel_wide)
        } else {
            0
        };
        self.kernel_end() + word
    }

    fn user_end(&self, dangling: Dangling) -> usize {
        self.user_start(dangling) + self.user_count * 2 * word_size(self.user_wide)
    }

    /// Bytes of the thread with all that belongs to it.
    pub(super) fn size(&self, dangling: Dangling) -> usize {
        let word = if dangling.user {
            word_size(self.user_wide)
        } else {
            0
        };
        self.user_end(dangling) + word
    }

    /// The bytes of the dangling words in `rest`, which starts with the record.
    pub(super) fn dangling_words<'a>(
        &self,
        rest: &'a [u8],
        dangling: Dangling,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let kernel = dangling
            .kernel
            .then(|| self.kernel_end()..self.user_start(dangling));
        let user = dangling
            .user
            .then(|| self.user_end(dangling)..self.size(dangling));
        [kernel, user]
            .into_iter()
            .flatten()
            .filter_map(|range| rest.get(range))
    }
}

/// One block of frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames<'a> {
    pub(super) pairs: List<'a>,
    pub(super) wide: bool,
    /// Whether the walk ended at the frame limit, which the word after the block shows.
    pub(super) dangling: bool,
    endian: Endian,
}

impl<'a> Frames<'a> {
    /// Addresses with their frame pointers, innermost first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let (endian, wide) = (self.endian, self.wide);
        self.pairs.entries().filter_map(move |pair| {
            let mut reader = Reader::new(pair, endian);
            Some((word(&mut reader, wide)?, word(&mut reader, wide)?))
        })
    }

    /// Whether the frame pointers rise, as those of every walk do but for its last.
    ///
    /// A block read from the wrong place has addresses where they should be,
    /// and shows it at once: some pairs are enough.
    pub(super) fn rise(&self) -> bool {
        const COMPARED: usize = 64;
        let but_last = self.pairs.declared.saturating_sub(1);
        self.iter()
            .take(but_last.min(COMPARED))
            .map(|(_, frame_pointer)| frame_pointer)
            .is_sorted_by(|inner, outer| inner < outer)
    }
}

fn word_size(wide: bool) -> usize {
    if wide { 8 } else { 4 }
}

fn word(reader: &mut Reader<'_>, wide: bool) -> Option<u64> {
    if wide {
        reader.u64().ok()
    } else {
        reader.u32().ok().map(u64::from)
    }
}
