//! A trace as JSON for programs; `docs/json.md` describes it.

pub(super) mod harmless;
pub(super) mod images;
mod waits;

use std::io::{self, Write};

use kstack_model::{self as model, Basis, Position, Side, SlideOf, StackEnd};
use kstack_symbols::{Certainty, Made, Named, NamedBy, SourceFrame, Virtual};
use serde::Serialize;

use super::words;
use super::{RenderOptions, Renderer, TraceIndex, wire};
use crate::diagnose::{RecordedWaits, fingerprint};
use crate::resolve::{Contradiction, Resolution, SpaceId, Trace, TraceImage};
use crate::select::{Selected, SelectedProcess};

pub(crate) const RENDERER: Renderer = Renderer {
    name: "json",
    about: "for programs, after docs/schema/kstack-1.schema.json",
    extension: "json",
    has_notes: true,
    holds_several: true,
    write,
};

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let writer = Writer::new(trace, options);
    let selected = options.selection.of(trace);
    let left_out = wire::LeftOut {
        processes: selected.processes_left_out,
        threads: selected.threads_left_out,
    };
    let document = wire::Document {
        processes: Some(wire::InTurn(|| {
            let processes = selected.processes.iter();
            processes.map(|process| writer.process(process))
        })),
        left_out: (left_out.processes + left_out.threads > 0).then_some(left_out),
        ..writer.without_processes(Some(&selected))
    };
    write_document(&document, options.trace_index, out)
}

/// The images alone: what was loaded where, and which files match.
pub(crate) fn write_images(
    trace: &Trace,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let writer = Writer::new(trace, options);
    let document: wire::Document<'_, ()> = writer.without_processes(None);
    write_document(&document, options.trace_index, out)
}

/// One document; the several of one run are one array.
pub(super) fn write_document(
    document: &impl Serialize,
    TraceIndex { index, of }: TraceIndex,
    out: &mut dyn Write,
) -> io::Result<()> {
    if of > 1 {
        out.write_all(if index == 1 { b"[\n" } else { b",\n" })?;
    }
    harmless::write_pretty(document, out)?;
    out.write_all(b"\n")?;
    if of > 1 && index == of {
        out.write_all(b"]\n")?;
    }
    Ok(())
}

/// Turns what it shows of one trace into the types of the JSON.
pub(crate) struct Writer<'a> {
    trace: &'a Trace,
    options: &'a RenderOptions,
    names: Vec<String>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(trace: &'a Trace, options: &'a RenderOptions) -> Writer<'a> {
        Writer {
            trace,
            options,
            names: trace.images.iter().map(TraceImage::name).collect(),
        }
    }

    fn name(&self, image: usize) -> &str {
        self.names.get(image).map_or("?", String::as_str)
    }

    /// Everything but the processes. Images of processes that are not shown stay out with them.
    fn without_processes<P>(&self, selected: Option<&Selected<'_>>) -> wire::Document<'_, P> {
        let shown = |space| match (space, selected) {
            (SpaceId::Kernel, _) | (SpaceId::Process(_), None) => true,
            (SpaceId::Process(index), Some(selected)) => {
                let processes = &selected.processes;
                processes
                    .binary_search_by_key(&index, |process| process.index)
                    .is_ok()
            }
        };
        let all = self.names.iter().zip(&self.trace.images);
        let all = all.filter(|(_, image)| shown(image.space));
        wire::Document {
            schema: wire::SCHEMA,
            report: self.report(),
            images: all
                .map(|(name, image)| images::image(name, image))
                .collect(),
            processes: None,
            left_out: None,
            inferences: self
                .trace
                .inferences
                .iter()
                .map(images::inference)
                .collect(),
            missing: images::missing(self.trace, &self.names),
            unused: self.trace.unused.iter().map(images::unused).collect(),
            notes: self.trace.notes.iter().map(note).collect(),
        }
    }

    fn report(&self) -> wire::Report<'_> {
        let report = &self.trace.report;
        let machine = &report.machine;
        let place = self.options.trace_index;
        let slides = report.kernel.slides.iter();
        wire::Report {
            format: report.format,
            variant: report.variant.as_deref(),
            trace: (place.of > 1).then_some(wire::TraceIndex {
                index: place.index,
                of: place.of,
            }),
            os: machine.os_version.as_deref(),
            os_build: machine.os_build.as_deref(),
            kernel: machine.kernel_version.as_deref(),
            arch: machine.arch.map(|arch| arch.to_string()),
            model: machine.model.as_deref(),
            boot_args: machine.boot_args.as_deref(),
            captured_at: machine.captured_at.as_deref(),
            kernel_addresses: match report.kernel.basis {
                Basis::Slid => "slid",
                Basis::Unslid => "unslid",
                Basis::Unknown => "unknown",
            },
            kernel_slides: slides
                .map(|(of, slide)| wire::KernelSlide {
                    of: match of {
                        SlideOf::Kernel => "kernel",
                        SlideOf::KernelTextExec => "kernel-text-exec",
                        SlideOf::KernelCollection => "kernel-collection",
                        SlideOf::SharedCache => "shared-cache",
                    },
                    slide: wire::Hex(slide.0),
                })
                .collect(),
            fingerprint: fingerprint(self.trace).map(wire::Fingerprint::from),
            facts: self.facts(&report.facts),
            notes: report.notes.iter().map(note).collect(),
        }
    }

    fn process(&self, selected: &SelectedProcess<'a>) -> wire::Process<'_> {
        let process = selected.process;
        let threads = selected.threads.iter();
        let recorded = RecordedWaits::of(self.trace, process);
        wire::Process {
            index: selected.index,
            pid: process.pid,
            name: process.name.as_deref(),
            path: process.path.as_deref(),
            facts: self.facts(&process.facts),
            threads: threads
                .map(|thread| self.thread(selected.index, &recorded, thread))
                .collect(),
        }
    }

    fn thread(
        &self,
        process: usize,
        recorded: &RecordedWaits<'a>,
        thread: &'a model::Thread,
    ) -> wire::Thread<'_> {
        let stacks = thread.stacks.iter();
        wire::Thread {
            id: thread.id,
            name: thread.name.as_deref(),
            queue: thread.queue.as_deref(),
            panicked: thread.role == model::ThreadRole::Panicked,
            state: thread.state.map(|state| state.names().collect()),
            wait_event: thread.wait_event.map(wire::Hex::from),
            wait_event_at: thread.wait_event.and_then(|at| self.awaited(at)),
            continuation: thread.continuation.map(wire::Hex::from),
            continuation_symbol: thread.continuation.and_then(|at| self.continuation(at)),
            waits: recorded
                .waits(thread.id)
                .map(|wait| self.wait(recorded, wait))
                .collect(),
            turnstiles: recorded
                .turnstiles(thread.id)
                .map(|turnstile| waits::turnstile(recorded, turnstile))
                .collect(),
            facts: self.facts(&thread.facts),
            stacks: stacks.map(|stack| self.stack(process, stack)).collect(),
        }
    }

    fn continuation(&self, address: model::Address) -> Option<&str> {
        let frame = model::Frame::new(address, model::FrameKind::InstructionPointer);
        match self.trace.resolution(SpaceId::Kernel, &frame) {
            Resolution::Named { named, .. } => Some(&named.name),
            Resolution::ImageOnly { .. } | Resolution::Nowhere { .. } => None,
        }
    }

    fn stack(&self, process: usize, stack: &'a model::Stack) -> wire::Stack<'_> {
        let space = SpaceId::of(stack.side, process);
        let frames = stack.frames.iter();
        let outer = frames.clone().skip(1).map(Some);
        wire::Stack {
            side: match stack.side {
                Side::Kernel => "kernel",
                Side::User => "user",
                Side::UserAsync => "user-async",
            },
            samples: stack.samples,
            end: match stack.end {
                StackEnd::Complete => "complete",
                StackEnd::Truncated => "truncated",
                StackEnd::Unknown => "unknown",
            },
            frames: frames
                .zip(outer.chain([None]))
                .map(|(frame, outer)| self.frame(space, frame, outer))
                .collect(),
        }
    }

    pub(crate) fn frame(
        &self,
        space: SpaceId,
        frame: &'a model::Frame,
        outer: Option<&model::Frame>,
    ) -> wire::Frame<'_> {
        let entered = outer.and_then(|outer| self.trace.entered(space, frame, outer));
        let address = self.trace.address(space, frame);
        let plain = wire::Frame {
            address: address.map(wire::Hex::from),
            lookup: address.map(|address| frame.kind.for_lookup(address).into()),
            frame_pointer: self.frame_pointer(frame),
            said: frame.said.as_deref().map(said),
            entered_through: entered.map(|entered| entered.name.as_str()),
            tail_called_from: entered.map_or(Vec::new(), |entered| {
                let callers = entered.tail_callers.iter();
                callers.map(|caller| caller.name.as_str()).collect()
            }),
            guess: self.trace.guess(space, frame).map(guess),
            contradicts: self
                .trace
                .contradiction(space, frame)
                .map(Contradiction::word),
            ..wire::Frame::default()
        };
        match self.trace.resolution(space, frame) {
            Resolution::Named {
                image,
                offset_in_image,
                offset,
                named,
                ..
            } => wire::Frame {
                image: Some(self.name(*image)),
                offset_in_image: Some(offset_in_image.0.cast_signed()),
                offset: Some(*offset),
                other_build: self.is_of_another_build(*image),
                contradicted: self
                    .trace
                    .image(*image)
                    .is_some_and(TraceImage::is_contradicted),
                ..with_names(plain, named)
            },
            Resolution::ImageOnly {
                image,
                offset_in_image,
                why,
            } => wire::Frame {
                image: Some(self.name(*image)),
                offset_in_image: Some(offset_in_image.0.cast_signed()),
                why: Some(why.word()),
                ..plain
            },
            Resolution::Nowhere { why } => wire::Frame {
                why: Some(why.word()),
                ..plain
            },
        }
    }

    /// Of use only to who wants the report as it is.
    fn frame_pointer(&self, frame: &model::Frame) -> Option<wire::Hex> {
        let pointer = frame.frame_pointer.filter(|_| self.options.as_read)?;
        Some(wire::Hex(pointer.get()))
    }

    fn is_of_another_build(&self, image: usize) -> bool {
        let image = self.trace.image(image);
        let used = image.and_then(|image| image.used.as_ref());
        used.is_some_and(|used| used.mismatched)
    }

    fn facts(&self, facts: &'a [model::Fact]) -> Option<wire::Facts<'_>> {
        let is_shown = |fact: &&model::Fact| self.options.as_read || words::is_headline(fact);
        let mut named = wire::Facts::new();
        for fact in facts.iter().filter(is_shown) {
            let value = fact_value(&fact.value);
            match named.get_mut(fact.name.as_ref()) {
                None => {
                    named.insert(&fact.name, value);
                }
                Some(wire::Fact::Several(values)) => values.push(value),
                Some(first) => {
                    let first_value = std::mem::replace(first, wire::Fact::Number(0));
                    *first = wire::Fact::Several(vec![first_value, value]);
                }
            }
        }
        (!named.is_empty()).then_some(named)
    }
}

fn guess(guess: &Virtual) -> wire::Guess<'_> {
    let tables = guess.tables.iter().map(|slot| wire::Slot {
        class: &slot.class,
        entry: slot.entry,
        named_by: match slot.named_by {
            NamedBy::Symbol => "symbol",
            NamedBy::Metaclass => "metaclass",
        },
    });
    wire::Guess {
        kind: "virtual-function",
        linked_at: wire::Hex(guess.start.0),
        tables: tables.collect(),
        more: guess.more,
    }
}

fn with_names<'a>(plain: wire::Frame<'a>, named: &'a Named) -> wire::Frame<'a> {
    let (own, inlined) = match named.frames.split_last() {
        Some((own, inlined)) => (Some(own), inlined),
        None => (None, [].as_slice()),
    };
    let inlined = inlined.iter().map(|function| wire::Inlined {
        symbol: function.function.as_deref(),
        symbol_raw: function.raw.as_deref().or(function.function.as_deref()),
        file: function.file.as_deref(),
        line: function.line,
        column: function.column,
        nearby: function.nearby,
        source: source(function),
    });
    wire::Frame {
        symbol: Some(&named.name),
        symbol_raw: Some(&named.raw),
        nearest: named.certainty == Certainty::Nearest,
        unnamed: named.certainty == Certainty::Unnamed,
        made: match named.certainty {
            Certainty::Inside => Made::of(&named.raw).map(Made::word),
            Certainty::Nearest | Certainty::Unnamed => None,
        },
        file: own.and_then(|own| own.file.as_deref()),
        line: own.and_then(|own| own.line),
        column: own.and_then(|own| own.column),
        nearby: own.is_some_and(|own| own.nearby),
        source: own.and_then(source),
        inlined: inlined.collect(),
        ..plain
    }
}

fn source(function: &SourceFrame) -> Option<wire::Source<'_>> {
    let excerpt = function.excerpt.as_ref()?;
    Some(wire::Source {
        first_line: excerpt.first,
        lines: &excerpt.lines,
    })
}

fn said(said_: &model::Said) -> wire::Said<'_> {
    wire::Said {
        image: said_.image.as_deref(),
        symbol: said_.symbol.as_deref(),
        offset: said_.offset,
        raw: said_.raw.map(wire::Hex::from),
        file: said_.file.as_deref(),
        line: said_.line,
        inlined: said_.inlined.iter().map(said).collect(),
        remark: said_.remark.as_deref(),
    }
}

fn note(note: &model::Note) -> wire::Note<'_> {
    let (byte, line) = match note.at {
        Some(Position::Byte(offset)) => (Some(offset), None),
        Some(Position::Line(number)) => (None, Some(number)),
        None => (None, None),
    };
    wire::Note {
        byte,
        line,
        text: &note.text,
    }
}

fn fact_value(value: &model::Value) -> wire::Fact<'_> {
    match value {
        model::Value::Number(number) => wire::Fact::Number(*number),
        model::Value::Signed(number) => wire::Fact::Signed(*number),
        model::Value::Hex(number) => wire::Fact::Hex(wire::Hex(*number)),
        model::Value::Text(text) => wire::Fact::Text(text),
        model::Value::Uuid(uuid) => wire::Fact::Uuid(wire::UuidText(*uuid)),
        model::Value::List(numbers) => wire::Fact::Numbers(numbers),
    }
}
