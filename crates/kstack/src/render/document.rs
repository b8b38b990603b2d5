//! What is shown, decided once for text and Markdown.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use kstack_model::{
    Address, At, Fact, Frame, FrameKind, ImageKind, Note, Process, Side, Stack, StackEnd, Thread,
    ThreadRole, ThreadState, Value,
};

use super::RenderOptions;
use super::frame::{self, Line};
use super::words::{self, ShownUuid};
use crate::diagnose::{Fingerprint, RecordedWaits, fingerprint};
use crate::missing::Missing;
use crate::resolve::{Resolution, SpaceId, Trace, TraceImage};
use crate::select::SelectedProcess;

/// A trace as a reader sees it.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) options: &'a RenderOptions,
    /// What is known about the report and the machine.
    pub(crate) head: Vec<Field<'a>>,
    pub(crate) processes: Vec<ProcessBlock<'a>>,
    pub(crate) processes_left_out: usize,
    pub(crate) threads_left_out: usize,
    pub(crate) missing: Missing,
    names: Vec<String>,
}

/// A name and what it stands for, on a line of its own.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: Cow<'a, str>,
    /// Whether the name is the artefact's own, not ours.
    pub(crate) is_fact: bool,
    pub(crate) value: Cow<'a, str>,
}

/// One process.
#[derive(Debug)]
pub(crate) struct ProcessBlock<'a> {
    pub(crate) process: &'a Process,
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) threads: Vec<ThreadBlock<'a>>,
}

/// One thread.
#[derive(Debug)]
pub(crate) struct ThreadBlock<'a> {
    pub(crate) thread: &'a Thread,
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) stacks: Vec<StackBlock<'a>>,
}

/// One stack.
#[derive(Debug)]
pub(crate) struct StackBlock<'a> {
    pub(crate) side: Side,
    pub(crate) samples: u64,
    pub(crate) cut: bool,
    space: SpaceId,
    frames: &'a [Frame],
}

/// One line of a stack and what is shown with it. What else belongs to a line, such as its source, goes here.
#[derive(Debug)]
pub(crate) struct FrameBlock<'a> {
    /// Frames further in than this one; functions inlined into a frame have its depth.
    pub(crate) depth: usize,
    pub(crate) line: Line<'a>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(trace: &'a Trace, options: &'a RenderOptions) -> Document<'a> {
        Document::with_fingerprint(trace, options, fingerprint(trace))
    }

    /// For those who have worked the fingerprint out.
    pub(crate) fn with_fingerprint(
        trace: &'a Trace,
        options: &'a RenderOptions,
        fingerprint: Option<Fingerprint>,
    ) -> Document<'a> {
        let selected = options.selection.of(trace);
        let blocks = selected.processes.iter();
        Document {
            trace,
            options,
            head: head(trace, options, fingerprint),
            processes: blocks
                .map(|one| process_block(trace, options, one))
                .collect(),
            processes_left_out: selected.processes_left_out,
            threads_left_out: selected.threads_left_out,
            missing: Missing::of(trace),
            names: trace.images.iter().map(TraceImage::name).collect(),
        }
    }

    /// A trace without its processes: for outputs that show frames here and there.
    pub(crate) fn bare(
        trace: &'a Trace,
        options: &'a RenderOptions,
        head: Vec<Field<'a>>,
    ) -> Document<'a> {
        Document {
            trace,
            options,
            head,
            processes: Vec::new(),
            processes_left_out: 0,
            threads_left_out: 0,
            missing: Missing::default(),
            names: trace.images.iter().map(TraceImage::name).collect(),
        }
    }

    /// What to call the image with this index.
    pub(crate) fn image_name(&self, image: usize) -> &str {
        self.names.get(image).map_or("?", String::as_str)
    }

    /// The images of the trace with their names.
    pub(crate) fn images(&self) -> impl Iterator<Item = (&str, &'a TraceImage)> {
        let names = self.names.iter().map(String::as_str);
        names.zip(&self.trace.images)
    }

    /// Images for which files were refused, and which are neither used nor missing.
    pub(crate) fn only_refused(&self) -> impl Iterator<Item = (&str, &'a TraceImage)> {
        self.images().filter(|(_, image)| {
            image.used.is_none() && !image.refused.is_empty() && !self.is_missing(image)
        })
    }

    /// Whether every file that was given speaks for an image, or is refused where the image is listed.
    pub(crate) fn nothing_is_unused(&self) -> bool {
        self.trace.unused.is_empty() && self.only_refused().next().is_none()
    }

    fn is_missing(&self, image: &TraceImage) -> bool {
        image.frames > 0 && image.space == SpaceId::Kernel
    }

    /// The notes of the report, then those of the resolving.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &'a Note> {
        self.trace.report.notes.iter().chain(&self.trace.notes)
    }
}

impl<'a> StackBlock<'a> {
    /// A stack of the process with this index.
    pub(crate) fn new(stack: &'a Stack, process: usize) -> StackBlock<'a> {
        StackBlock {
            side: stack.side,
            samples: stack.samples,
            cut: stack.end == StackEnd::Truncated,
            space: SpaceId::of(stack.side, process),
            frames: &stack.frames,
        }
    }
}

impl StackBlock<'_> {
    /// The lines of the stack, innermost first.
    pub(crate) fn lines<'a>(&'a self, document: &'a Document<'_>) -> Vec<FrameBlock<'a>> {
        let mut all = Vec::with_capacity(self.frames.len());
        let mut lines = Vec::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            let outer = self.frames.get(depth + 1);
            frame::lines(document, self.space, frame, outer, &mut lines);
            all.extend(lines.drain(..).map(|line| FrameBlock { depth, line }));
        }
        all
    }

    /// What tells its frames from those of other stacks: stacks with the same places have the same lines.
    pub(crate) fn places(&self) -> impl Iterator<Item = (SpaceId, At, FrameKind, usize)> {
        self.frames.iter().map(|frame| {
            let said = frame.said.as_ref();
            let said = said.map_or(0, |said| Arc::as_ptr(said).addr());
            (self.space, frame.at, frame.kind, said)
        })
    }
}

impl ThreadBlock<'_> {
    /// Whether it is the idle thread of a processor.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.thread.state;
        state.is_some_and(|state| state.contains(ThreadState::IDLE))
    }

    /// Whether it is why the report was written.
    pub(crate) fn panicked(&self) -> bool {
        self.thread.role == ThreadRole::Panicked
    }

    /// Whether a frame lies in a kext that a symbol file speaks for.
    pub(crate) fn is_in_a_given_kext(&self, document: &Document<'_>) -> bool {
        self.any_resolution(document, |resolution| {
            let (Resolution::Named { image, .. } | Resolution::ImageOnly { image, .. }) =
                resolution
            else {
                return false;
            };
            let image = document.trace.image(*image);
            image.is_some_and(|image| image.image.kind == ImageKind::Kext && image.used.is_some())
        })
    }

    /// Whether a frame has a name.
    pub(crate) fn has_names(&self, document: &Document<'_>) -> bool {
        self.any_resolution(document, |resolution| {
            matches!(resolution, Resolution::Named { .. })
        })
    }

    fn any_resolution(&self, document: &Document<'_>, test: impl Fn(&Resolution) -> bool) -> bool {
        self.stacks.iter().any(|stack| {
            let mut frames = stack.frames.iter();
            frames.any(|frame| test(document.trace.resolution(stack.space, frame)))
        })
    }
}

/// What is known about the report and the machine.
pub(crate) fn head<'a>(
    trace: &'a Trace,
    options: &RenderOptions,
    fingerprint: Option<Fingerprint>,
) -> Vec<Field<'a>> {
    let report = &trace.report;
    let machine = &report.machine;
    let mut fields = Fields::default();
    let mut format = report.format.to_owned();
    if let Some(variant) = &report.variant {
        let _ = write!(format, ", {variant}");
    }
    fields.add("Report", format);
    if options.trace_index.of > 1 {
        let place = options.trace_index;
        fields.add("Trace", format!("{} of {}", place.index, place.of));
    }
    fields.maybe(
        "OS",
        match (&machine.os_version, &machine.os_build) {
            (Some(version), Some(build)) => Some(format!("{version} ({build})").into()),
            (version, build) => version.as_deref().or(build.as_deref()).map(Cow::Borrowed),
        },
    );
    fields.maybe("Kernel", machine.kernel_version.as_deref());
    fields.maybe("Architecture", machine.arch.map(|arch| arch.to_string()));
    fields.maybe("Model", machine.model.as_deref());
    fields.maybe("Boot arguments", machine.boot_args.as_deref());
    fields.maybe("Captured", machine.captured_at.as_deref());
    fields.add("Kernel addresses", words::basis(report.kernel.basis));
    for (of, slide) in &report.kernel.slides {
        fields.add(words::slide(*of), slide.to_string());
    }
    if let Some(fingerprint) = fingerprint {
        fields.add("Fingerprint", words::fingerprint(&fingerprint));
    }
    fields.facts(&report.facts, options);
    fields.0
}

fn process_block<'a>(
    trace: &'a Trace,
    options: &RenderOptions,
    selected: &SelectedProcess<'a>,
) -> ProcessBlock<'a> {
    let process = selected.process;
    let mut fields = Fields::default();
    fields.maybe("Process", process.name.as_deref());
    fields.maybe("Path", process.path.as_deref());
    fields.facts(&process.facts, options);
    let threads = selected.threads.iter();
    let recorded = RecordedWaits::of(trace, process);
    ProcessBlock {
        process,
        fields: fields.0,
        threads: threads
            .map(|thread| thread_block(trace, options, selected.index, &recorded, thread))
            .collect(),
    }
}

fn thread_block<'a>(
    trace: &'a Trace,
    options: &RenderOptions,
    process: usize,
    recorded: &RecordedWaits<'a>,
    thread: &'a Thread,
) -> ThreadBlock<'a> {
    let mut fields = Fields::default();
    fields.maybe("Thread ID", thread.id.map(|id| format!("{id:#x}")));
    fields.maybe("Thread name", thread.name.as_deref());
    fields.maybe("Dispatch queue", thread.queue.as_deref());
    if thread.role == ThreadRole::Panicked {
        fields.add("Thread role", "panicked");
    }
    let state = |state: ThreadState| format!("{state} ({})", state.in_words());
    fields.maybe("Thread state", thread.state.map(state));
    fields.maybe(
        "Thread wait_event",
        thread.wait_event.map(|event| {
            let there = trace.awaited_in_words(event, options.raw_names);
            format!("{event}{there}")
        }),
    );
    for wait in recorded.waits(thread.id) {
        fields.add("Thread waits for", recorded.in_words(wait));
    }
    for turnstile in recorded.turnstiles(thread.id) {
        fields.maybe(
            "Thread turnstile ends at",
            recorded.turnstile_in_words(turnstile),
        );
    }
    let continuation = |address| continuation(trace, options, address);
    fields.maybe("Thread continuation", thread.continuation.map(continuation));
    fields.facts(&thread.facts, options);
    let stack = |stack: &'a Stack| StackBlock::new(stack, process);
    ThreadBlock {
        thread,
        fields: fields.0,
        stacks: thread.stacks.iter().map(stack).collect(),
    }
}

/// The address, and the function that starts there when the resolver was asked for it.
fn continuation(trace: &Trace, options: &RenderOptions, address: Address) -> String {
    let frame = Frame::new(address, FrameKind::InstructionPointer);
    match trace.resolution(SpaceId::Kernel, &frame) {
        Resolution::Named { named, .. } => {
            let name = if options.raw_names {
                &named.raw
            } else {
                &named.name
            };
            format!("{address} ({name})")
        }
        Resolution::ImageOnly { .. } | Resolution::Nowhere { .. } => address.to_string(),
    }
}

#[derive(Default)]
struct Fields<'a>(Vec<Field<'a>>);

impl<'a> Fields<'a> {
    fn add(&mut self, name: &'static str, value: impl Into<Cow<'a, str>>) {
        self.0.push(Field {
            name: name.into(),
            is_fact: false,
            value: value.into(),
        });
    }

    fn maybe(&mut self, name: &'static str, value: Option<impl Into<Cow<'a, str>>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn facts(&mut self, facts: &'a [Fact], options: &RenderOptions) {
        let is_shown = |fact: &&Fact| options.as_read || words::is_headline(fact);
        let shown = facts.iter().filter(is_shown);
        self.0.extend(shown.map(|fact| Field {
            name: fact.name.as_ref().into(),
            is_fact: true,
            value: shown_value(&fact.value),
        }));
    }
}

fn shown_value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::Signed(number) => number.to_string().into(),
        Value::Hex(number) => format!("{number:#x}").into(),
        Value::Text(text) => text.as_str().into(),
        Value::Uuid(uuid) => ShownUuid(*uuid).to_string().into(),
        Value::List(numbers) => {
            let mut list = String::new();
            for (index, number) in numbers.iter().enumerate() {
                let _ = write!(list, "{}{number}", if index == 0 { "" } else { ", " });
            }
            list.into()
        }
    }
}
