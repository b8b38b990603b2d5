//! Third generation of stackshots: JSON with `processByPid` and `binaryImages`.

use std::collections::BTreeMap;

use kstack_model::{
    Address, AddressSpace, Arch, At, Basis, Fact, FrameKind, ImageKind, LoadedImage, Note,
    Placement, Process, Report, Side, Stack, StackEnd, Thread, ThreadRole, ThreadState, Uuid,
};

use super::ips::{self, Document, RawProcess, RawThread, Row, Spot};
use crate::{Content, Format, Limits, ParseError};

pub(crate) const FORMAT: Format = Format {
    name: "stackshot-ips",
    about: "stackshot in JSON (.ips) of iOS and macOS",
    content: Content::Binary,
    sniff: |bytes| ips::sniff(bytes, ips::holds_stackshot),
    parse,
};

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let document = ips::read(&String::from_utf8_lossy(bytes), limits);
    if !document.has_stackshot {
        return document.nothing();
    }
    Ok(vec![report(document, None)])
}

/// The stackshot of a document; `panic` is the panic of the same kernel, which knows slides and names.
pub(super) fn report(document: Document, panic: Option<&Report>) -> Report {
    let panic = panic.filter(|panic| is_same_kernel(&document, panic));
    let mut machine = document.machine;
    machine.arch = arch(machine.kernel_version.as_deref());
    let mut spaces = Spaces::new(&document.rows, machine.arch, panic);
    let mut processes: Vec<Process> = Vec::with_capacity(document.processes.len());
    for raw in document.processes {
        processes.push(spaces.process(raw));
    }
    let mut notes = document.notes;
    notes.extend(spaces.notes());
    if let Some(panicked) = panic.and_then(panicked_thread) {
        mark_panicked(&mut processes, panicked);
    }
    Report {
        format: FORMAT.name,
        variant: document
            .bug_type
            .map(|bug_type| format!("bug type {bug_type}")),
        machine,
        kernel: AddressSpace {
            basis: Basis::Unslid,
            slides: panic.map_or_else(Vec::new, |panic| panic.kernel.slides.clone()),
            images: spaces.kernel.images,
        },
        processes,
        facts: document.facts,
        notes,
        ..Report::default()
    }
}

/// A macOS panic beside a stackshot of its bridge is of another kernel.
fn is_same_kernel(document: &Document, panic: &Report) -> bool {
    match (
        &document.machine.kernel_version,
        &panic.machine.kernel_version,
    ) {
        (Some(own), Some(other)) => own == other,
        _ => true,
    }
}

fn arch(kernel_version: Option<&str>) -> Option<Arch> {
    let version = kernel_version?;
    if version.contains("ARM64") {
        Some(Arch::Arm64)
    } else if version.contains("X86_64") {
        Some(Arch::X86_64)
    } else {
        None
    }
}

fn panicked_thread(panic: &Report) -> Option<u64> {
    let mut threads = panic.processes.iter().flat_map(|process| &process.threads);
    threads.find_map(|thread| thread.id.filter(|_| thread.role == ThreadRole::Panicked))
}

fn mark_panicked(processes: &mut [Process], id: u64) {
    let mut threads = processes
        .iter_mut()
        .flat_map(|process| &mut process.threads);
    if let Some(thread) = threads.find(|thread| thread.id == Some(id)) {
        thread.role = ThreadRole::Panicked;
    }
}

/// Images of one space, and which row each is.
#[derive(Debug, Default)]
struct Space {
    images: Vec<LoadedImage>,
    by_row: BTreeMap<u32, u32>,
}

/// Turns places counted from rows into frames of the kernel's and the processes' spaces.
struct Spaces<'d> {
    rows: &'d [Row],
    kernel: Space,
    first_kernel_frame: FrameKind,
    states: Vec<(String, u32)>,
    /// Frames of which only the row is known, per row.
    nowhere: BTreeMap<u32, u32>,
    /// Frames whose row is missing.
    rowless: u32,
    names: BTreeMap<Uuid, (ImageKind, Option<String>, Option<String>)>,
}

impl<'d> Spaces<'d> {
    fn new(rows: &'d [Row], arch: Option<Arch>, panic: Option<&Report>) -> Spaces<'d> {
        let images = panic.map_or(&[][..], |panic| &panic.kernel.images);
        let names = images.iter().filter_map(|image| {
            let name = (image.kind, image.name.clone(), image.version.clone());
            Some((image.uuid?, name))
        });
        let mut spaces = Spaces {
            rows,
            kernel: Space::default(),
            // The kernel saves the interrupted instruction on Intel and the link register on arm64.
            first_kernel_frame: match arch {
                Some(Arch::X86_64) => FrameKind::InstructionPointer,
                _ => FrameKind::ReturnAddress,
            },
            states: state_names(),
            nowhere: BTreeMap::new(),
            rowless: 0,
            names: names.collect(),
        };
        // Rows of the kernel are listed even when no frame is in them.
        for (row, index) in rows.iter().zip(0u32..) {
            if matches!(row.letter.as_str(), "U" | "K" | "T") {
                spaces
                    .kernel
                    .image(index, || kernel_image(row, &spaces.names));
            }
        }
        spaces
    }

    fn process(&mut self, raw: RawProcess) -> Process {
        let mut space = Space::default();
        let threads = raw
            .threads
            .into_iter()
            .map(|thread| self.thread(thread, &mut space))
            .collect();
        Process {
            pid: raw.pid,
            name: raw.name,
            space: AddressSpace {
                // User addresses are as the task had them.
                basis: Basis::Slid,
                images: space.images,
                ..AddressSpace::default()
            },
            threads,
            facts: raw.facts,
            ..Process::default()
        }
    }

    fn thread(&mut self, raw: RawThread, space: &mut Space) -> Thread {
        let cut = |side: &str| {
            raw.flags
                .iter()
                .any(|flag| flag.contains("Trunc") && flag.contains(side))
        };
        let mut stacks = Vec::new();
        if !raw.kernel.is_empty() {
            let end = cut("Kern");
            stacks.push(self.kernel_stack(&raw.kernel, end));
        }
        if !raw.user.is_empty() {
            let end = cut("User");
            stacks.push(self.user_stack(&raw.user, end, space));
        }
        stacks.retain(|stack| !stack.frames.is_empty());
        let mut facts = raw.facts;
        let state = self.state(&raw.state, &mut facts);
        facts.extend(
            raw.flags
                .into_iter()
                .map(|flag| Fact::new("snapshotFlags", flag)),
        );
        Thread {
            id: raw.id,
            name: raw.name,
            queue: raw.queue,
            state,
            wait_event: raw.wait_event.and_then(|spot| self.address(spot)),
            continuation: raw.continuation.and_then(|spot| self.address(spot)),
            facts,
            stacks,
            ..Thread::default()
        }
    }

    fn state(&self, names: &[String], facts: &mut Vec<Fact>) -> Option<ThreadState> {
        let mut bits = None;
        for name in names {
            let known = self.states.iter().find(|(known, _)| known == name);
            match known {
                Some((_, bit)) => bits = Some(bits.unwrap_or(0) | bit),
                None => facts.push(Fact::new("state", name.clone())),
            }
        }
        bits.map(ThreadState)
    }

    fn kernel_stack(&mut self, spots: &[Spot], is_cut: bool) -> Stack {
        let first = self.first_kernel_frame;
        let frames = spots
            .iter()
            .enumerate()
            .map(|(index, spot)| {
                let at = self.kernel_at(*spot);
                let kind = if index == 0 {
                    first
                } else {
                    FrameKind::ReturnAddress
                };
                ips::frame(at, kind)
            })
            .collect();
        ended(Stack::new(Side::Kernel, frames), is_cut)
    }

    fn user_stack(&mut self, spots: &[Spot], is_cut: bool, space: &mut Space) -> Stack {
        let frames = spots
            .iter()
            .enumerate()
            .map(|(index, spot)| {
                let at = self.user_at(*spot, space);
                let kind = if index == 0 {
                    FrameKind::InstructionPointer
                } else {
                    FrameKind::ReturnAddress
                };
                ips::frame(at, kind)
            })
            .collect();
        ended(Stack::new(Side::User, frames), is_cut)
    }

    fn kernel_at(&mut self, spot: Spot) -> At {
        let row = self.row(spot);
        if let Some(row) = row {
            if is_whole_space(row) {
                return At::Absolute(Address(spot.offset.0));
            }
            let names = &self.names;
            let image = self.kernel.image(spot.row, || kernel_image(row, names));
            return self.placed(row, spot, image);
        }
        self.rowless += 1;
        spot.at(self
            .kernel
            .image(spot.row, || LoadedImage::new(ImageKind::Other)))
    }

    fn user_at(&mut self, spot: Spot, space: &mut Space) -> At {
        if let Some(row) = self.row(spot) {
            if is_whole_space(row) {
                return At::Absolute(Address(spot.offset.0));
            }
            let image = space.image(spot.row, || user_image(row));
            return self.placed(row, spot, image);
        }
        self.rowless += 1;
        spot.at(space.image(spot.row, || LoadedImage::new(ImageKind::Other)))
    }

    fn placed(&mut self, row: &Row, spot: Spot, image: u32) -> At {
        if row.base != 0 {
            return At::Absolute(Address(row.base) + spot.offset);
        }
        if spot.offset.0 == 0 {
            *self.nowhere.entry(spot.row).or_default() += 1;
        }
        spot.at(image)
    }

    /// Wait events and continuations are addresses and nothing else.
    fn address(&self, spot: Spot) -> Option<Address> {
        let row = self.row(spot)?;
        let address = Address(row.base) + spot.offset;
        (address.0 != 0 && (row.base != 0 || is_whole_space(row))).then_some(address)
    }

    fn row(&self, spot: Spot) -> Option<&'d Row> {
        self.rows.get(usize::try_from(spot.row).ok()?)
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes: Vec<Note> = self
            .nowhere
            .iter()
            .map(|(index, count)| {
                let row = usize::try_from(*index).ok().and_then(|at| self.rows.get(at));
                let name = row
                    .and_then(|row| row.uuid)
                    .map_or_else(|| format!("image {index}"), |uuid| uuid.to_string());
                Note::new(format!(
                    "{} of {name} without load address and offset: it is only known that a thread was in it",
                    frames(*count)
                ))
            })
            .collect();
        if self.rowless > 0 {
            notes.push(Note::new(format!(
                "{} in images whose row of binaryImages is missing",
                frames(self.rowless)
            )));
        }
        notes
    }
}

impl Space {
    /// The index of a row's image, which is made when first asked for.
    fn image(&mut self, row: u32, make: impl FnOnce() -> LoadedImage) -> u32 {
        let images = &mut self.images;
        *self.by_row.entry(row).or_insert_with(|| {
            images.push(make());
            // An image takes at least one frame of the file, which is shorter than 2³² of them.
            u32::try_from(images.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// The row of zeros: what counts from it is an address.
fn is_whole_space(row: &Row) -> bool {
    row.uuid.is_none() && row.base == 0
}

fn kernel_image(
    row: &Row,
    names: &BTreeMap<Uuid, (ImageKind, Option<String>, Option<String>)>,
) -> LoadedImage {
    let kind = match row.letter.as_str() {
        "U" => ImageKind::KernelCollection,
        "K" => ImageKind::Kernel,
        _ => ImageKind::Other,
    };
    let mut image = LoadedImage::new(kind);
    if let Some((kind, name, version)) = row.uuid.and_then(|uuid| names.get(&uuid)) {
        image.kind = *kind;
        image.name.clone_from(name);
        image.version.clone_from(version);
    }
    image.uuid = row.uuid;
    if row.base != 0 {
        // T rows give the base of the segment that holds the code, of kernel and kexts alike.
        image.placements.push(match row.letter.as_str() {
            "T" => Placement::SegmentAt {
                segment: "__TEXT_EXEC".to_owned(),
                address: Address(row.base),
            },
            _ => Placement::LoadedAt(Address(row.base)),
        });
    }
    image
}

fn user_image(row: &Row) -> LoadedImage {
    let mut image = LoadedImage::new(match row.letter.as_str() {
        "S" | "C" => ImageKind::SharedCache,
        _ => ImageKind::User,
    });
    image.uuid = row.uuid;
    if row.base != 0 {
        image
            .placements
            .push(Placement::LoadedAt(Address(row.base)));
    }
    image
}

/// Takes the zero that ends a chain of frames off, and says how the stack ends.
fn ended(mut stack: Stack, is_cut: bool) -> Stack {
    let zero = At::Absolute(Address(0));
    while stack.frames.pop_if(|last| last.at == zero).is_some() {
        stack.end = StackEnd::Complete;
    }
    if is_cut {
        stack.end = StackEnd::Truncated;
    }
    stack
}

fn frames(count: u32) -> String {
    if count == 1 {
        "1 frame".to_owned()
    } else {
        format!("{count} frames")
    }
}

fn state_names() -> Vec<(String, u32)> {
    (0..32)
        .map(|bit| 1u32 << bit)
        .filter_map(|bit| Some((ThreadState(bit).names().next()?, bit)))
        .collect()
}
