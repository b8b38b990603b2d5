//! From records to reports.

use std::num::NonZeroU64;

use kstack_model::{
    Address, AddressSpace, Arch, At, Basis, Fact, Frame, FrameKind, ImageKind, LoadedImage,
    Machine, Note, Placement, Position, Process, Report, Side, Stack, StackEnd, Thread,
    ThreadState, Value,
};

use super::generation::Found;
use super::item::{self, Frames, Item};
use super::limit::{FrameLimit, MOST_FRAMES};
use super::record::{Record, uuid};
use super::separate::Separator;
use super::walk::{Step, Walk};
use crate::Limits;
use crate::reader::Endian;

/// Fields that have a place of their own in a report; all others become facts.
const TYPED: &[&str] = &[
    "snapshot_magic",
    "pid",
    "p_comm",
    "thread_id",
    "pth_name",
    "state",
    "wait_event",
    "continuation",
    "nkern_frames",
    "nuser_frames",
    "nloadinfos",
    "donating_pid_count",
];

/// The lowest address of the kernel's own text on x86-64; kexts lie below.
const KERNEL_TEXT: u64 = 0xffff_ff80_0000_0000;

/// What a report counts for among the items: about as much memory as so many
/// records. A file of nothing but first records would be one report for each.
const REPORT_ITEMS: usize = 16;

/// Reads every trace of a file.
pub(super) fn reports(bytes: &[u8], found: &Found, limits: &Limits) -> Vec<Report> {
    let limit = FrameLimit::find(bytes, found.dialect);
    let mut assembler = Assembler::new(found, limits);
    for step in Walk::new(bytes, found.dialect, limit) {
        if let Err(note) = assembler.take(step) {
            assembler.report.notes.push(note);
            break;
        }
    }
    assembler.finish()
}

struct Assembler<'f> {
    found: &'f Found,
    items_left: usize,
    frames_left: usize,
    separator: Separator,
    done: Vec<Report>,
    report: Report,
    has_records: bool,
    /// Whether the task record of the threads to come was lost.
    is_adrift: bool,
}

impl<'f> Assembler<'f> {
    fn new(found: &'f Found, limits: &Limits) -> Assembler<'f> {
        Assembler {
            found,
            items_left: limits.items,
            frames_left: limits.frames,
            separator: Separator::default(),
            done: Vec::new(),
            report: empty_report(found),
            has_records: false,
            is_adrift: true,
        }
    }

    /// Adds one step; an error is the note that ends the reading.
    fn take(&mut self, step: Step<'_>) -> Result<(), Note> {
        match step {
            Step::Found { at, item, .. } => return self.item(at, &item),
            Step::Gap { at, bytes } => {
                self.is_adrift = true;
                let text = format!("{} skipped: no record starts here", in_bytes(bytes));
                self.note(at, text);
            }
            Step::Cut { at, what } => {
                self.note(at, format!("the file ends in the middle of a {what}"));
            }
            Step::Rest { at, bytes } => {
                let text = format!(
                    "{} left: they belong to no record of this trace",
                    in_bytes(bytes)
                );
                self.note(at, text);
            }
        }
        Ok(())
    }

    fn item(&mut self, at: usize, item: &Item<'_>) -> Result<(), Note> {
        let starts_another = self.separator.starts_another(item);
        self.spend(at, item, if starts_another { REPORT_ITEMS } else { 1 })?;
        if starts_another {
            let next = empty_report(self.found);
            self.done.push(std::mem::replace(&mut self.report, next));
            self.is_adrift = true;
        }
        self.has_records = true;
        if item.is_cut() {
            self.note(at, what_is_left(item));
        }
        match item {
            Item::Memory(record) => self.report.facts.extend(record.facts(TYPED)),
            Item::Task(task) => self.task(task),
            Item::Thread(thread) => self.thread(at, thread),
        }
        Ok(())
    }

    /// Takes an item, its entries and its frames off what the limits leave.
    fn spend(&mut self, at: usize, item: &Item<'_>, weight: usize) -> Result<(), Note> {
        let (entries, frames) = match item {
            Item::Memory(_) => (0, 0),
            Item::Task(task) => (task.load_infos.present() + task.donating_pids.present(), 0),
            Item::Thread(thread) => (
                0,
                thread.kernel.pairs.present() + thread.user.pairs.present(),
            ),
        };
        let stopped = |limit: &str| {
            Note::at(
                position(at),
                format!("reading stopped here: the limit of {limit} is reached"),
            )
        };
        self.items_left = self
            .items_left
            .checked_sub(entries + weight)
            .ok_or_else(|| stopped("items"))?;
        self.frames_left = self
            .frames_left
            .checked_sub(frames)
            .ok_or_else(|| stopped("frames"))?;
        Ok(())
    }

    fn task(&mut self, task: &item::Task<'_>) {
        let record = &task.record;
        let mut facts = record.facts(TYPED);
        let donating_pids = task.donating_pids();
        if !donating_pids.is_empty() {
            facts.push(Fact::new("donating_pids", donating_pids));
        }
        let mut process = new_process(record);
        process.facts = facts;
        if self.found.dialect.generation.lists_kernel && process.pid == Some(0) {
            self.report.kernel.images = kernel_images(task);
        } else {
            process.space.images = task
                .load_infos()
                .map(|(address, uuid)| image(ImageKind::User, address, uuid))
                .collect();
        }
        if task.is_kernel_64() {
            self.report.machine.arch = Some(Arch::X86_64);
        }
        self.report.processes.push(process);
        self.is_adrift = false;
    }

    fn thread(&mut self, at: usize, thread: &item::Thread<'_>) {
        let record = &thread.record;
        if thread.kernel.pairs.declared > 0 && self.report.machine.arch.is_none() {
            self.report.machine.arch = Some(self.kernel_arch(thread.kernel.wide));
        }
        self.join_process(at, record);
        let is_flagged = self.found.dialect.generation.flags_cut_stacks && thread.is_flagged_cut();
        let read = read_thread(thread, is_flagged);
        if let Some(process) = self.report.processes.last_mut() {
            process.threads.push(read);
        }
    }

    /// Sees to it that the last process is the one of this thread.
    fn join_process(&mut self, at: usize, record: &Record<'_>) {
        if self.found.dialect.generation.task.is_none() {
            let own = new_process(record);
            let is_known = self
                .report
                .processes
                .last()
                .is_some_and(|last| last.pid == own.pid && last.name == own.name);
            if !is_known {
                self.report.processes.push(own);
            }
        } else if self.is_adrift {
            self.is_adrift = false;
            self.note(at, "the task record of the threads from here on is missing");
            self.report.processes.push(new_process(record));
        }
    }

    fn kernel_arch(&self, is_wide: bool) -> Arch {
        match (self.found.dialect.endian, is_wide) {
            (Endian::Big, _) => Arch::Ppc,
            (Endian::Little, true) => Arch::X86_64,
            (Endian::Little, false) => Arch::I386,
        }
    }

    fn note(&mut self, at: usize, text: impl Into<String>) {
        self.report.notes.push(Note::at(position(at), text));
    }

    fn finish(mut self) -> Vec<Report> {
        if self.has_records {
            self.done.push(self.report);
        }
        self.done
    }
}

fn empty_report(found: &Found) -> Report {
    let generation = found.dialect.generation;
    // Only 10.5 had both byte orders, and no field that says more.
    let arch = (found.dialect.endian == Endian::Big).then_some(Arch::Ppc);
    let mut notes = Vec::new();
    if !found.rivals.is_empty() {
        notes.push(Note::new(format!(
            "the records fit {} and {} alike; read as the older",
            generation.id,
            found.rivals.join(", ")
        )));
    }
    Report {
        format: super::FORMAT.name,
        variant: Some(format!(
            "{}, {}{}",
            generation.id, generation.os, generation.releases
        )),
        machine: Machine {
            arch,
            os_version: Some(generation.os.to_owned()),
            ..Machine::default()
        },
        kernel: AddressSpace {
            // Kernels before 10.8 have no slide, later ones take it off.
            basis: Basis::Unslid,
            ..AddressSpace::default()
        },
        notes,
        ..Report::default()
    }
}

/// A process with what a record says of it, which can be nothing.
fn new_process(record: &Record<'_>) -> Process {
    Process {
        pid: record.signed("pid"),
        name: record.text("p_comm"),
        space: AddressSpace {
            basis: Basis::Slid,
            ..AddressSpace::default()
        },
        ..Process::default()
    }
}

/// What pid 0 lists: the kernel, then the kexts.
fn kernel_images(task: &item::Task<'_>) -> Vec<LoadedImage> {
    let can_be_kernel = |address| !task.has_wide_addresses() || address >= KERNEL_TEXT;
    task.load_infos()
        .enumerate()
        .map(|(index, (address, uuid))| {
            let kind = if index == 0 && can_be_kernel(address) {
                ImageKind::Kernel
            } else {
                ImageKind::Kext
            };
            image(kind, address, uuid)
        })
        .collect()
}

fn image(kind: ImageKind, address: u64, uuid_bytes: [u8; 16]) -> LoadedImage {
    LoadedImage {
        uuid: uuid(uuid_bytes),
        placements: vec![Placement::LoadedAt(Address(address))],
        ..LoadedImage::new(kind)
    }
}

fn read_thread(thread: &item::Thread<'_>, is_flagged_cut: bool) -> Thread {
    let record = &thread.record;
    let mut facts = record.facts(TYPED);
    if let Some(serial) = thread.queue_serial {
        facts.push(Fact::new("dispatch_queue_serial", Value::Number(serial)));
    }
    let address = |name| record.number(name).filter(|&value| value != 0).map(Address);
    Thread {
        id: record.number("thread_id"),
        name: record.text("pth_name").filter(|name| !name.is_empty()),
        state: record
            .signed("state")
            .map(|bits| ThreadState(bits.cast_unsigned())),
        wait_event: address("wait_event"),
        continuation: address("continuation"),
        facts,
        stacks: [(Side::Kernel, &thread.kernel), (Side::User, &thread.user)]
            .into_iter()
            .filter(|(_, frames)| frames.pairs.declared > 0)
            .map(|(side, frames)| stack(side, frames, is_flagged_cut))
            .collect(),
        ..Thread::default()
    }
}

fn stack(side: Side, frames: &Frames<'_>, is_flagged_cut: bool) -> Stack {
    let is_cut = is_flagged_cut
        || frames.dangling
        || frames.pairs.declared == MOST_FRAMES
        || frames.pairs.is_cut();
    let mut read = Vec::with_capacity(frames.pairs.present());
    read.extend(frames.iter().enumerate().map(|(index, pair)| {
        let (address, frame_pointer) = pair;
        // The first pair is the saved context of the thread, on every CPU of this format.
        let kind = if index == 0 {
            FrameKind::InstructionPointer
        } else {
            FrameKind::ReturnAddress
        };
        Frame {
            at: At::Absolute(Address(address)),
            kind,
            frame_pointer: NonZeroU64::new(frame_pointer),
            said: None,
        }
    }));
    Stack {
        end: if is_cut {
            StackEnd::Truncated
        } else {
            StackEnd::Complete
        },
        ..Stack::new(side, read)
    }
}

/// What a cut item still has.
fn what_is_left(item: &Item<'_>) -> String {
    match item {
        Item::Memory(_) => "memory record cut".to_owned(),
        Item::Task(task) => format!(
            "task record cut: {} of {} images and {} of {} donating pids are there",
            task.load_infos.present(),
            task.load_infos.declared,
            task.donating_pids.present(),
            task.donating_pids.declared,
        ),
        Item::Thread(thread) => format!(
            "thread record cut: {} of {} kernel frames and {} of {} user frames are there",
            thread.kernel.pairs.present(),
            thread.kernel.pairs.declared,
            thread.user.pairs.present(),
            thread.user.pairs.declared,
        ),
    }
}

fn in_bytes(count: usize) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    }
}

fn position(at: usize) -> Position {
    Position::Byte(at as u64)
}
