//! Pieces to runs, and the runs of one trace to one report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kstack_model::{
    Address, AddressSpace, Arch, At, Basis, Fact, Frame, FrameKind, Machine, Note, Position,
    Process, Report, Said, Side, Stack, Thread,
};

use super::FORMAT;
use super::frame::in_words;
use super::piece::{FACTS, Piece, ReadFrame, ReadStack, ReadThread};
use crate::formats::numbers::LOWEST_KERNEL;

/// How many different traces of one file a run is compared with, so that a file made of nothing
/// but different runs is still read in linear time.
const COMPARED: usize = 64;

/// Everything that one run of the program printed.
#[derive(Debug, Default)]
struct Run {
    build: Option<String>,
    processes: Vec<Piece>,
    notes: Vec<Note>,
    /// Where each run that is merged into this one begins.
    lines: Vec<u64>,
    /// Disagreements already noted.
    differing: BTreeSet<(Address, String, String)>,
}

/// The reports of a file, in its order.
pub(super) fn reports(pieces: Vec<Piece>) -> Vec<Report> {
    let mut traces: Vec<Run> = Vec::new();
    for run in runs(pieces) {
        match traces
            .iter_mut()
            .take(COMPARED)
            .find(|trace| trace.agrees_with(&run))
        {
            Some(trace) => trace.merge(run),
            None => traces.push(run),
        }
    }
    traces.into_iter().map(Run::report).collect()
}

/// A run ends where the build is printed again or a thread comes a second time.
fn runs(pieces: Vec<Piece>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut seen = Seen::default();
    let mut run = Run::default();
    for piece in pieces {
        if !run.processes.is_empty() && (piece.build.is_some() || seen.has_any_of(&piece)) {
            runs.push(std::mem::take(&mut run));
            seen = Seen::default();
        }
        let known = piece.pid.and_then(|pid| seen.processes.get(&pid).copied());
        seen.add(&piece, run.processes.len());
        run.add(piece, known);
    }
    runs.push(run);
    runs.retain(|run| {
        run.processes
            .iter()
            .any(|process| !process.threads.is_empty())
    });
    runs
}

/// What a run has had so far.
#[derive(Debug, Default)]
struct Seen {
    /// Process id → which process of the run.
    processes: BTreeMap<i32, usize>,
    threads: BTreeSet<(Option<i32>, u64)>,
    /// Threads without an id are told by their frames.
    nameless: BTreeSet<(Option<i32>, Vec<Option<Address>>)>,
}

impl Seen {
    fn has_any_of(&self, piece: &Piece) -> bool {
        piece.threads.iter().any(|thread| match thread.thread.id {
            Some(id) => self.threads.contains(&(piece.pid, id)),
            None => self.nameless.contains(&(piece.pid, thread.addresses())),
        })
    }

    fn add(&mut self, piece: &Piece, process: usize) {
        if let Some(pid) = piece.pid {
            self.processes.entry(pid).or_insert(process);
        }
        for thread in &piece.threads {
            match thread.thread.id {
                Some(id) => {
                    self.threads.insert((piece.pid, id));
                }
                None => {
                    self.nameless.insert((piece.pid, thread.addresses()));
                }
            }
        }
    }
}

impl ReadThread {
    fn addresses(&self) -> Vec<Option<Address>> {
        let frames = self.stacks.iter().flat_map(|stack| &stack.frames);
        frames.map(|frame| frame.address).collect()
    }
}

impl Run {
    /// Adds a piece: to a process that is there already, when it has the same id.
    fn add(&mut self, mut piece: Piece, known: Option<usize>) {
        if self.lines.is_empty() {
            self.lines.push(piece.line);
        }
        self.build = self.build.take().or(piece.build.take());
        self.notes.append(&mut piece.notes);
        match known.and_then(|index| self.processes.get_mut(index)) {
            Some(process) => {
                process.name = process.name.take().or(piece.name);
                add_facts(&mut process.facts, piece.facts);
                process.threads.append(&mut piece.threads);
            }
            None => self.processes.push(piece),
        }
    }

    /// Whether both are of one trace: the same processes, threads and frame addresses, and nothing
    /// that is stated in both differs. An address that one of them lacks does not speak against it.
    fn agrees_with(&self, other: &Run) -> bool {
        let mut shared = 0;
        agree(&self.build, &other.build)
            && all_agree(&self.processes, &other.processes, |a, b| {
                a.pid == b.pid
                    && agree(&a.name, &b.name)
                    && all_agree(&a.threads, &b.threads, |a, b| {
                        threads_agree(a, b, &mut shared)
                    })
            })
            && shared > 0
    }

    /// Takes over what another run of the same trace names.
    fn merge(&mut self, other: Run) {
        self.build = self.build.take().or(other.build);
        self.lines.extend(other.lines);
        self.notes.extend(other.notes);
        for (own, other) in self.processes.iter_mut().zip(other.processes) {
            own.name = own.name.take().or(other.name);
            add_facts(&mut own.facts, other.facts);
            for (own, other) in own.threads.iter_mut().zip(other.threads) {
                complete_thread(&mut own.thread, other.thread);
                let frames = own.stacks.iter_mut().flat_map(|stack| &mut stack.frames);
                let others = other.stacks.into_iter().flat_map(|stack| stack.frames);
                for (own, other) in frames.zip(others) {
                    self.notes
                        .extend(complete_frame(own, other, &mut self.differing));
                }
            }
        }
    }

    fn report(self) -> Report {
        let mut notes = self.notes;
        if self.lines.len() > 1 {
            let lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
            notes.push(Note::new(format!(
                "{} runs over the same trace, beginning at lines {}, are read as one; each frame has the name that any of them gave it",
                lines.len(),
                lines.join(", ")
            )));
        }
        let processes: Vec<Process> = self.processes.into_iter().map(report_process).collect();
        Report {
            format: FORMAT.name,
            machine: Machine {
                arch: kernel_is_64_bit(&processes).then_some(Arch::X86_64),
                os_build: self.build,
                ..Machine::default()
            },
            kernel: AddressSpace {
                basis: Basis::Unslid,
                ..AddressSpace::default()
            },
            processes,
            notes,
            ..Report::default()
        }
    }
}

fn agree<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    a.is_none() || b.is_none() || a == b
}

fn all_agree<T>(a: &[T], b: &[T], mut agree: impl FnMut(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b))
}

fn threads_agree(a: &ReadThread, b: &ReadThread, shared: &mut usize) -> bool {
    let frames_agree = |a: &ReadFrame, b: &ReadFrame| {
        *shared += usize::from(a.address.is_some() && a.address == b.address);
        agree(&a.address, &b.address)
    };
    let mut frames_agree = frames_agree;
    a.thread.id == b.thread.id
        && agree(&a.thread.state, &b.thread.state)
        && agree(&a.thread.wait_event, &b.thread.wait_event)
        && all_agree(&a.stacks, &b.stacks, |a, b| {
            a.side == b.side && all_agree(&a.frames, &b.frames, &mut frames_agree)
        })
}

fn complete_thread(own: &mut Thread, other: Thread) {
    own.state = own.state.or(other.state);
    own.wait_event = own.wait_event.or(other.wait_event);
    own.continuation = own.continuation.or(other.continuation);
    add_facts(&mut own.facts, other.facts);
}

/// Adds the facts whose names are new.
fn add_facts(own: &mut Vec<Fact>, others: Vec<Fact>) {
    for fact in others {
        if own.len() < FACTS && own.iter().all(|known| known.name != fact.name) {
            own.push(fact);
        }
    }
}

/// Gives a frame the name that another run printed. Where both name it and differ, the first stays.
fn complete_frame(
    own: &mut ReadFrame,
    other: ReadFrame,
    differing: &mut BTreeSet<(Address, String, String)>,
) -> Option<Note> {
    own.address = own.address.or(other.address);
    let said = other.said?;
    let Some(kept) = own.said.as_deref_mut() else {
        own.said = Some(said);
        own.line = other.line;
        return None;
    };
    if said_agree(kept, &said) {
        *kept = completed(std::mem::take(kept), *said);
        return None;
    }
    let address = own.address?;
    let (first, second) = (in_words(kept), in_words(&said));
    let text = format!(
        "{address} is {second} here and {first} in line {}; the first is kept",
        own.line
    );
    differing
        .insert((address, first, second))
        .then(|| Note::at(Position::Line(other.line), text))
}

fn said_agree(a: &Said, b: &Said) -> bool {
    agree(&a.image, &b.image) && agree(&a.symbol, &b.symbol) && agree(&a.offset, &b.offset)
}

fn completed(first: Said, second: Said) -> Said {
    Said {
        image: first.image.or(second.image),
        symbol: first.symbol.or(second.symbol),
        offset: first.offset.or(second.offset),
        file: first.file.or(second.file),
        line: first.line.or(second.line),
        ..first
    }
}

fn report_process(process: Piece) -> Process {
    let threads = process.threads.into_iter();
    Process {
        pid: process.pid,
        name: process.name,
        space: AddressSpace {
            basis: Basis::Slid,
            ..AddressSpace::default()
        },
        threads: threads.map(report_thread).collect(),
        facts: process.facts,
        ..Process::default()
    }
}

fn report_thread(read: ReadThread) -> Thread {
    let stacks = read.stacks.into_iter();
    Thread {
        stacks: stacks.map(report_stack).collect(),
        ..read.thread
    }
}

/// The first frame of a stack is where the thread was stopped, every other is where it returns to.
fn report_stack(stack: ReadStack) -> Stack {
    let kinds = std::iter::once(FrameKind::InstructionPointer)
        .chain(std::iter::repeat(FrameKind::ReturnAddress));
    let frames = stack
        .frames
        .into_iter()
        .zip(kinds)
        .map(|(frame, kind)| Frame {
            at: frame.address.map_or(At::Unknown, At::Absolute),
            kind,
            frame_pointer: None,
            said: frame.said.map(Arc::from),
        });
    Stack::new(stack.side, frames.collect())
}

/// The program belongs to systems of Intel Macs, where only a 64-bit kernel has such addresses.
fn kernel_is_64_bit(processes: &[Process]) -> bool {
    let threads = processes.iter().flat_map(|process| &process.threads);
    threads
        .flat_map(|thread| &thread.stacks)
        .filter(|stack| stack.side == Side::Kernel)
        .flat_map(|stack| &stack.frames)
        .any(|frame| matches!(frame.at, kstack_model::At::Absolute(Address(at)) if at >= LOWEST_KERNEL))
}
