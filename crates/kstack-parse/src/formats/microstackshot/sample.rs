//! One sample after another through a buffer without header, count or end mark.
//!
//! A sample is a record of its own kind, then a task record and a thread
//! record of the ordinary stackshots of its time (xnu-2422 to 11417,
//! `osfmk/kern/telemetry.c` and `osfmk/kern/debug.h`).

use crate::formats::stackshot_legacy::kernels::GENERATIONS;
use crate::formats::stackshot_legacy::layout::MICRO_MAGIC;
use crate::formats::stackshot_legacy::record::{Layout, Record};
use crate::reader::{Endian, Reader};

/// Bytes of `struct micro_snapshot`, the same in every version.
const MICRO: usize = 27;
/// The kernel cuts lists at 128 entries; more than this is damage.
const MOST_IMAGES: usize = 10_000;
/// More frames than any walk gives.
const MOST_FRAMES: usize = 10_000;
const WIDE: u64 = 0x1;
const KERNEL_WIDE: u64 = 0x2;
const HAS_QUEUE_SERIAL: u64 = 0x4;

/// The task and thread records of a line of kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The first systems that wrote them.
    pub(super) since: &'static str,
    task: &'static Layout,
    thread: &'static Layout,
}

/// Everything about one observation of one thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    pub(super) micro: Micro,
    pub(super) task: Record<'a>,
    /// The bytes of the task record.
    pub(super) task_bytes: &'a [u8],
    pub(super) images: Entries<'a>,
    pub(super) thread: Record<'a>,
    /// The bytes of the thread record.
    pub(super) thread_bytes: &'a [u8],
    pub(super) queue_serial: Option<u64>,
    pub(super) frames: Entries<'a>,
    pub(super) end: usize,
}

/// What stands in front of the task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Micro {
    pub(super) cpu: u32,
    /// Microseconds since 1970.
    pub(super) time: u64,
    pub(super) flags: u8,
}

impl Micro {
    /// A sample of a kernel thread, with kernel frames (xnu-11417).
    pub(super) fn is_kernel(&self) -> bool {
        const KERNEL_THREAD: u8 = 0x40;
        self.flags & KERNEL_THREAD != 0
    }
}

/// Entries of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'a> {
    pub(super) bytes: &'a [u8],
    size: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks_exact(self.size)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.size
    }

    /// Bytes of an entry.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

pub(super) fn starts_with_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MICRO_MAGIC.to_le_bytes())
}

/// The form in which the samples lead to one another and to the end.
///
/// A buffer with a single sample and zeros behind it can fit two forms; then
/// the newer one is taken, which ten years of systems share.
pub(super) fn find_form(bytes: &[u8]) -> Option<Form> {
    /// So many tell the forms apart; the rest of a long buffer need not be walked three times.
    const ENOUGH: usize = 64;
    let worth = |form: &Form| -> usize {
        let steps = samples(bytes, *form).take(ENOUGH);
        steps.map(|step| step.worth()).sum()
    };
    let best = forms()
        .map(|form| (worth(&form), form))
        .max_by_key(|(worth, _)| *worth);
    best.filter(|(worth, _)| *worth > 0).map(|(_, form)| form)
}

/// The records of 10.9, of 10.10, and of 10.11 and later, which the ordinary stackshots of these systems have too.
fn forms() -> impl Iterator<Item = Form> {
    GENERATIONS.iter().filter_map(|generation| {
        let since = match generation.id {
            "G6" => "OS X 10.9",
            "G7" => "OS X 10.10",
            "G8" => "OS X 10.11 and later",
            _ => return None,
        };
        Some(Form {
            since,
            task: generation.task?,
            thread: generation.thread,
        })
    })
}

/// What the walk meets.
#[derive(Debug)]
pub(super) enum Step<'a> {
    Found {
        at: usize,
        sample: Sample<'a>,
        follow: Follow,
    },
    /// Bytes that belong to no whole sample.
    Skipped { at: usize, bytes: usize },
}

/// What stands behind a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// Another sample, or the end of the buffer.
    Fits,
    /// Zeros up to the end, which may as well be part of the last frame.
    Zeros,
    Nothing,
}

impl Step<'_> {
    /// How much it speaks for the form in which the buffer is read.
    fn worth(&self) -> usize {
        match self {
            Step::Found {
                follow: Follow::Fits,
                ..
            } => 2,
            Step::Found {
                follow: Follow::Zeros,
                ..
            } => 1,
            Step::Found {
                follow: Follow::Nothing,
                ..
            }
            | Step::Skipped { .. } => 0,
        }
    }
}

/// Goes from sample to sample, and over damage to the next magic.
pub(super) fn samples(bytes: &[u8], form: Form) -> impl Iterator<Item = Step<'_>> {
    let mut at = 0;
    let zeros = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    std::iter::from_fn(move || {
        if at >= zeros {
            return None;
        }
        let start = at;
        if let Some(sample) = read(bytes, at, form) {
            at = sample.end;
            let rest = bytes.get(at..).unwrap_or_default();
            let follow = if rest.is_empty() || starts_with_magic(rest) {
                Follow::Fits
            } else if at >= zeros {
                Follow::Zeros
            } else {
                Follow::Nothing
            };
            return Some(Step::Found {
                at: start,
                sample,
                follow,
            });
        }
        at = next_sample(bytes, at + 1, form).unwrap_or(bytes.len());
        Some(Step::Skipped {
            at: start,
            bytes: at.min(zeros) - start,
        })
    })
}

fn next_sample(bytes: &[u8], from: usize, form: Form) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += rest
            .array_windows()
            .position(|word| *word == MICRO_MAGIC.to_le_bytes())?;
        if read(bytes, at, form).is_some() {
            return Some(at);
        }
        at += 1;
    }
}

/// The whole sample at an offset. Looks at its counts only, so the cost is bounded.
fn read(bytes: &[u8], at: usize, form: Form) -> Option<Sample<'_>> {
    let mut reader = Reader::new(bytes, Endian::Little).seek(at);
    let micro = micro(&mut reader)?;
    let (task, task_bytes) = record(&mut reader, bytes, form.task)?;
    // Pid 0 goes by the kernel's width, which it flags apart from the task's.
    let is_wide = if task.signed("pid") == Some(0) {
        WIDE | KERNEL_WIDE
    } else {
        WIDE
    };
    let wide = task.number("ss_flags")? & is_wide != 0;
    let images = entries(
        &mut reader,
        task.count("nloadinfos"),
        if wide { 24 } else { 20 },
        MOST_IMAGES,
    )?;
    let (thread, thread_bytes) = record(&mut reader, bytes, form.thread)?;
    let flags = thread.number("ss_flags")?;
    let queue_serial = if flags & HAS_QUEUE_SERIAL != 0 {
        Some(reader.u64().ok()?)
    } else {
        None
    };
    let (count, size) = match (micro.is_kernel(), flags & WIDE != 0) {
        (true, _) => ("nkern_frames", 8),
        (false, true) => ("nuser_frames", 8),
        (false, false) => ("nuser_frames", 4),
    };
    let frames = entries(&mut reader, thread.count(count), size, MOST_FRAMES)?;
    Some(Sample {
        micro,
        task,
        task_bytes,
        images,
        thread,
        thread_bytes,
        queue_serial,
        frames,
        end: reader.offset(),
    })
}

fn micro(reader: &mut Reader<'_>) -> Option<Micro> {
    let mut record = Reader::new(reader.bytes(MICRO).ok()?, Endian::Little);
    if record.u32().ok()? != MICRO_MAGIC {
        return None;
    }
    let cpu = record.u32().ok()?;
    let (seconds, microseconds) = (record.u64().ok()?, record.u64().ok()?);
    Some(Micro {
        cpu,
        time: seconds
            .saturating_mul(1_000_000)
            .saturating_add(microseconds),
        flags: record.u8().ok()?,
    })
}

fn record<'a>(
    reader: &mut Reader<'a>,
    bytes: &'a [u8],
    layout: &'static Layout,
) -> Option<(Record<'a>, &'a [u8])> {
    let record = Record::at(bytes, reader.offset(), layout, Endian::Little)?;
    Some((record, reader.bytes(layout.size).ok()?))
}

fn entries<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    size: usize,
    most: usize,
) -> Option<Entries<'a>> {
    let bytes = reader
        .bytes((count <= most).then_some(count * size)?)
        .ok()?;
    Some(Entries { bytes, size })
}
