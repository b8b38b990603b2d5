//! Samples → one report: a process for each task, a thread for each thread, a stack for each different one.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::{
    Address, Basis, Fact, Frame, FrameKind, ImageKind, LoadedImage, Note, Placement, Position,
    Process, Report, Side, Slide, SlideOf, Stack, StackEnd, Thread, ThreadState, Uuid, Value,
};

use super::sample::{Form, Sample, Step, samples};
use crate::Limits;
use crate::formats::stackshot_kcdata::{little_endian, shape_of_address, utc};

/// Fields that have a place of their own in a report, or that count what follows.
const TYPED: &[&str] = &[
    "snapshot_magic",
    "pid",
    "p_comm",
    "nloadinfos",
    "donating_pid_count",
    "shared_cache_identifier",
    "shared_cache_slide",
    "thread_id",
    "pth_name",
    "state",
    "wait_event",
    "continuation",
    "nkern_frames",
    "nuser_frames",
];

/// Reads every sample.
pub(super) fn report(bytes: &[u8], form: Form, limits: &Limits) -> Report {
    let mut report = Report {
        format: super::FORMAT.name,
        variant: Some(form.since.to_owned()),
        ..Report::default()
    };
    report.kernel.basis = Basis::Unslid;
    let mut assembler = Assembler {
        report,
        items_left: limits.items,
        frames_left: limits.frames,
        processes: BTreeMap::new(),
        threads: BTreeMap::new(),
        stacks: BTreeMap::new(),
        images: BTreeSet::new(),
        seen: BTreeSet::new(),
        duplicates: 0,
        first_and_last: None,
    };
    for step in samples(bytes, form) {
        match step {
            Step::Skipped { at, bytes } => {
                let text = format!("{bytes} bytes skipped: they are no whole sample");
                assembler.note(at, text);
            }
            Step::Found { at, sample, .. } => {
                if !assembler.spend(&sample) {
                    assembler.note(
                        at,
                        "reading ends here at a limit of items or frames".to_owned(),
                    );
                    break;
                }
                assembler.sample(&sample);
            }
        }
    }
    assembler.finish()
}

/// One observation: when, of which thread, with which frames.
type Observation<'a> = (u64, u64, &'a [u8]);

struct Assembler<'a> {
    report: Report,
    items_left: usize,
    frames_left: usize,
    /// By pid and unique id: pids are used again.
    processes: BTreeMap<(i32, u64), usize>,
    /// By process and thread id.
    threads: BTreeMap<(usize, u64), usize>,
    /// By process, thread, side and frames.
    stacks: BTreeMap<(usize, usize, Side, &'a [u8]), usize>,
    images: BTreeSet<(usize, &'a [u8])>,
    seen: BTreeSet<Observation<'a>>,
    duplicates: usize,
    first_and_last: Option<(u64, u64)>,
}

impl<'a> Assembler<'a> {
    fn note(&mut self, at: usize, text: String) {
        self.report
            .notes
            .push(Note::at(Position::Byte(at as u64), text));
    }

    fn spend(&mut self, sample: &Sample<'_>) -> bool {
        let items = self.items_left.checked_sub(1 + sample.images.len());
        let frames = self.frames_left.checked_sub(sample.frames.len());
        self.items_left = items.unwrap_or(0);
        self.frames_left = frames.unwrap_or(0);
        items.is_some() && frames.is_some()
    }

    fn sample(&mut self, sample: &Sample<'a>) {
        let id = sample.thread.number("thread_id").unwrap_or_default();
        // Two fetches of the kernel's ring buffer overlap.
        if !self
            .seen
            .insert((sample.micro.time, id, sample.frames.bytes))
        {
            self.duplicates += 1;
            return;
        }
        let time = sample.micro.time;
        let (first, last) = self.first_and_last.unwrap_or((time, time));
        self.first_and_last = Some((first.min(time), last.max(time)));
        let process = self.process(sample);
        let thread = self.thread(process, id, sample);
        self.images(process, sample);
        self.stacks(process, thread, sample);
    }

    fn process(&mut self, sample: &Sample<'_>) -> usize {
        let pid = sample.task.signed("pid").unwrap_or_default();
        let unique = sample.task.number("uniqueid").unwrap_or_default();
        let next = self.report.processes.len();
        let index = *self.processes.entry((pid, unique)).or_insert(next);
        if index == next {
            self.report.processes.push(new_process(pid, sample));
        }
        index
    }

    fn thread(&mut self, process: usize, id: u64, sample: &Sample<'_>) -> usize {
        let Some(threads) = self
            .report
            .processes
            .get_mut(process)
            .map(|process| &mut process.threads)
        else {
            return 0;
        };
        let next = threads.len();
        let index = *self.threads.entry((process, id)).or_insert(next);
        if index == next {
            threads.push(new_thread(id, sample));
        }
        if let Some(thread) = threads.get_mut(index) {
            thread.state = sample
                .thread
                .signed("state")
                .map(|bits| ThreadState(bits.cast_unsigned()));
            add_to_list(&mut thread.facts, "sample_times_usecs", sample.micro.time);
            add_to_list(&mut thread.facts, "ms_cpu", sample.micro.cpu.into());
            add_to_list(&mut thread.facts, "ms_flags", sample.micro.flags.into());
        }
        index
    }

    fn images(&mut self, process: usize, sample: &Sample<'a>) {
        let Some(space) = self
            .report
            .processes
            .get_mut(process)
            .map(|process| &mut process.space)
        else {
            return;
        };
        for entry in sample.images.iter() {
            let split = entry.split_at_checked(sample.images.size() - 16);
            if let Some((address, uuid)) = split.filter(|_| self.images.insert((process, entry))) {
                let mut image = LoadedImage::new(ImageKind::User);
                image.uuid = known_uuid(uuid);
                image.placements = vec![Placement::LoadedAt(Address(little_endian(address)))];
                space.images.push(image);
            }
        }
    }

    /// Adds the frames of a sample, or counts once more the stack that has them already.
    fn stacks(&mut self, process: usize, thread: usize, sample: &Sample<'a>) {
        let size = sample.frames.size();
        let all = sample.frames.bytes;
        let split = sample.async_start().unwrap_or(sample.frames.len()) * size;
        let (first, rest) = all.split_at_checked(split).unwrap_or((all, &[]));
        let side = if sample.micro.is_kernel() {
            Side::Kernel
        } else {
            Side::User
        };
        let process_of = self.report.processes.get_mut(process);
        let Some(stacks) = process_of
            .and_then(|process| process.threads.get_mut(thread))
            .map(|thread| &mut thread.stacks)
        else {
            return;
        };
        for (side, bytes) in [(side, first), (Side::UserAsync, rest)] {
            let frames = without_end(bytes, size);
            if frames.is_empty() {
                continue;
            }
            let next = stacks.len();
            let index = *self
                .stacks
                .entry((process, thread, side, bytes))
                .or_insert(next);
            if let Some(same) = stacks.get_mut(index) {
                same.samples += 1;
                continue;
            }
            let mut stack = Stack::new(side, read_frames(side, frames, size));
            if side != Side::Kernel && frames.len() < bytes.len() {
                stack.end = StackEnd::Complete;
            }
            stacks.push(stack);
        }
        if self.report.machine.arch.is_none() && sample.micro.is_kernel() {
            let mut addresses = sample.frames.iter().map(little_endian);
            self.report.machine.arch = addresses.find_map(shape_of_address);
        }
    }

    fn finish(mut self) -> Report {
        if self.duplicates > 0 {
            let text = format!("samples that come twice are read once: {}", self.duplicates);
            self.report.notes.push(Note::new(text));
        }
        if let Some((first, last)) = self.first_and_last {
            self.report.machine.captured_at = Some(utc(first));
            self.report
                .facts
                .push(Fact::new("last_sample_at", utc(last)));
        }
        self.report
    }
}

impl Sample<'_> {
    /// From which frame on they are asynchronous callers, which the kernel tells since xnu-8792.
    fn async_start(&self) -> Option<usize> {
        let index = self.reserved_index()?;
        (index != 0 && index != u16::MAX).then(|| usize::from(index))
    }

    /// A field of the thread record of 10.11 and later, zero before xnu-8792 and all ones for none since.
    fn reserved_index(&self) -> Option<u16> {
        const SIZE: usize = 316;
        const OFFSET: usize = 74;
        let bytes = self.thread_bytes.get(OFFSET..OFFSET + 2)?;
        let index = bytes.first_chunk::<2>().copied().map(u16::from_le_bytes);
        index.filter(|_| self.thread_bytes.len() == SIZE)
    }

    /// Whether the kernel is one of those that keep other things in fields of old records.
    fn is_since_8792(&self) -> bool {
        self.reserved_index().is_some_and(|index| index != 0)
    }

    /// What of a long process name does not fit its field: kernels since 11215.1 put it where counts were.
    fn rest_of_name(&self) -> Option<String> {
        const COUNTS: std::ops::Range<usize> = 161..193;
        let bytes = self
            .task_bytes
            .get(COUNTS)
            .filter(|_| self.is_since_8792())?;
        let (text, zeros) = bytes.split_at_checked(bytes.iter().position(|&byte| byte == 0)?)?;
        let is_text = !text.is_empty()
            && text
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        let is_all = zeros.iter().all(|&byte| byte == 0);
        (is_text && is_all).then(|| String::from_utf8_lossy(text).into_owned())
    }
}

fn new_process(pid: i32, sample: &Sample<'_>) -> Process {
    let mut process = Process {
        pid: Some(pid),
        name: sample.task.text("p_comm").filter(|name| !name.is_empty()),
        ..Process::default()
    };
    const LONGEST_NAME: usize = 16;
    let rest = sample.rest_of_name();
    if let (Some(name), Some(rest)) = (&mut process.name, &rest)
        && name.len() == LONGEST_NAME
    {
        name.push_str(rest);
    }
    process.space.basis = Basis::Slid;
    process.facts = task_facts(sample);
    let cache = sample.task_bytes.get(32..48).and_then(known_uuid);
    if let Some(uuid) = cache {
        let mut image = LoadedImage::new(ImageKind::SharedCache);
        image.uuid = Some(uuid);
        process.space.images.push(image);
        let slide = sample.task.number("shared_cache_slide");
        process
            .space
            .slides
            .extend(slide.map(|slide| (SlideOf::SharedCache, Slide(slide))));
    }
    process
}

/// The facts of a task under what their fields hold, which is not what they are called since xnu-8792.
fn task_facts(sample: &Sample<'_>) -> Vec<Fact> {
    let mut facts = sample.task.facts(TYPED);
    if sample.is_since_8792() {
        facts.retain(|fact| !matches!(fact.name.as_ref(), "p_start_sec" | "p_start_usec"));
        let coalition = sample.task.number("p_start_sec").unwrap_or_default();
        facts.push(Fact::new("resource_coalition_id", coalition));
        let pids = sample
            .task
            .number("p_start_usec")
            .filter(|&pids| pids != u64::MAX && pids != 0);
        let pids = pids.map(|pids| Value::List(vec![pids >> 32, pids & 0xffff_ffff]));
        facts.extend(pids.map(|pids| Fact::new("on_behalf_of_proximate_and_origin_pid", pids)));
    }
    facts
}

fn new_thread(id: u64, sample: &Sample<'_>) -> Thread {
    let address = |name| {
        sample
            .thread
            .number(name)
            .filter(|&value| value != 0)
            .map(Address)
    };
    let mut facts = sample.thread.facts(TYPED);
    facts.extend(
        sample
            .queue_serial
            .map(|serial| Fact::new("dispatch_queue_serial", serial)),
    );
    Thread {
        id: Some(id),
        name: sample
            .thread
            .text("pth_name")
            .filter(|name| !name.is_empty()),
        wait_event: address("wait_event"),
        continuation: address("continuation"),
        facts,
        ..Thread::default()
    }
}

/// The frames without a last one of zero: a walk through user memory ends there, and in kernel samples it is none.
fn without_end(bytes: &[u8], size: usize) -> &[u8] {
    let (others, last) = bytes
        .split_at_checked(bytes.len().saturating_sub(size))
        .unwrap_or((bytes, &[]));
    if little_endian(last) == 0 {
        others
    } else {
        bytes
    }
}

fn read_frames(side: Side, bytes: &[u8], size: usize) -> Vec<Frame> {
    let kind = |index| match (side, index) {
        (Side::User | Side::Kernel, 0) => FrameKind::InstructionPointer,
        _ => FrameKind::ReturnAddress,
    };
    let addresses = bytes.chunks_exact(size).map(little_endian).enumerate();
    addresses
        .map(|(index, address)| Frame::new(Address(address), kind(index)))
        .collect()
}

fn add_to_list(facts: &mut Vec<Fact>, name: &'static str, number: u64) {
    let list = facts.iter_mut().find(|fact| fact.name == name);
    match list.map(|fact| &mut fact.value) {
        Some(Value::List(list)) => list.push(number),
        _ => facts.push(Fact::new(name, vec![number])),
    }
}

fn known_uuid(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok().filter(|uuid| !uuid.is_nil())
}
