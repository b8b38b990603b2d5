//! A trace as Markdown for an issue tracker: the threads that matter in full, the rest folded.
//!
//! Every text from outside stands in a fenced block or in a code span, where
//! nothing is markup, a mention or a link.

use std::io::{self, Write};
use std::mem;

use kstack_model::{Basis, ImageKind, Placement};

use super::document::{Document, ProcessBlock, ThreadBlock};
use super::escape::{CodeElement, CodeSpan, Whole};
use super::stacks::{PLAIN, write_process, write_thread};
use super::words::{self, Count, ShownUuid};
use super::{RenderOptions, Renderer};
use crate::resolve::{PlacedBy, Refusal, SpaceId, Trace, TraceImage, UsedSource, Verdict};

pub(crate) const RENDERER: Renderer = Renderer {
    name: "markdown",
    about: "for an issue tracker: what matters in full, the rest folded",
    extension: "md",
    write,
};

/// Bytes, and so at most as many characters, of one document: GitHub takes comments of 65,536 characters.
pub(crate) const LONGEST: usize = 60_000;

/// Of that, what the lists after the threads may take.
const LONGEST_TAIL: usize = 20_000;

/// Of that, what stands before the threads may take.
const LONGEST_HEAD: usize = 12_000;

/// Room for the sentence that tells what was dropped.
const LAST_WORDS: usize = 400;

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let mut document = Document::new(trace, options);
    if options.trace_index.index > 1 {
        writeln!(out, "\n---\n")?;
    }
    let processes = mem::take(&mut document.processes);
    let mut dropped = Dropped::default();
    let mut head = Vec::new();
    write_head(&document, &mut head)?;
    dropped.cut(&mut head, LONGEST_HEAD);
    let mut command = Vec::new();
    write_command(&document, &mut command)?;
    // A shell could not read back a part of it.
    if head.len() + command.len() <= LONGEST_HEAD {
        head.extend(command);
    }
    let mut tail = Vec::new();
    write_images(&document, "frames", &mut tail)?;
    write_missing(&document, &mut tail)?;
    write_not_used(&document, &mut tail)?;
    write_notes(&document, &mut tail)?;
    dropped.cut(&mut tail, LONGEST_TAIL);

    out.write_all(&head)?;
    let room = LONGEST - LAST_WORDS - head.len() - tail.len();
    write_threads(&document, processes, room, &mut dropped, out)?;
    if document.processes_left_out + document.threads_left_out > 0 {
        let processes = Count(document.processes_left_out, "process");
        let threads = Count(document.threads_left_out, "thread");
        writeln!(out, "\nLeft out by the selection: {processes}, {threads}.")?;
    }
    dropped.write(out)?;
    out.write_all(&tail)
}

/// The threads in focus open, then the others folded, as long as there is room.
fn write_threads(
    document: &Document<'_>,
    processes: Vec<ProcessBlock<'_>>,
    mut room: usize,
    dropped: &mut Dropped,
    out: &mut dyn Write,
) -> io::Result<()> {
    let focus = Focus::of(document, &processes);
    let (full, folded) = focus.split(document, processes);
    let others = if full.is_empty() {
        "Threads"
    } else {
        "Other threads"
    };
    let parts = [
        (focus.heading(), full, write_open as WriteBlock),
        (others, folded, write_folded as WriteBlock),
    ];
    for (heading, blocks, write_block) in parts {
        let mut heading = Some(format!("\n## {heading}\n"));
        for block in blocks {
            let title = heading.as_ref().map_or(0, String::len);
            let Some(fitted) = fitted(
                document,
                block,
                write_block,
                room.saturating_sub(title),
                dropped,
            )?
            else {
                continue;
            };
            if let Some(heading) = heading.take() {
                out.write_all(heading.as_bytes())?;
            }
            out.write_all(&fitted)?;
            room = room.saturating_sub(title + fitted.len());
        }
    }
    Ok(())
}

type WriteBlock = fn(&Document<'_>, &ProcessBlock<'_>, &mut Vec<u8>) -> io::Result<()>;

/// A process with as many of its threads as there is room for; those that are idle give way first.
fn fitted(
    document: &Document<'_>,
    mut block: ProcessBlock<'_>,
    write_block: WriteBlock,
    room: usize,
    dropped: &mut Dropped,
) -> io::Result<Option<Vec<u8>>> {
    let mut written = Vec::new();
    write_block(document, &block, &mut written)?;
    if written.len() <= room {
        return Ok(Some(written));
    }
    let threads = mem::take(&mut block.threads);
    let all = threads.len();
    written.clear();
    write_block(document, &block, &mut written)?;
    let mut left = room.saturating_sub(written.len());
    let mut alone = Vec::new();
    for thread in threads {
        alone.clear();
        write_thread(document, &thread, PLAIN, &mut alone)?;
        // A blank line, and a digit of the count.
        let needed = alone.len() + 2;
        if !thread.is_idle() && needed <= left {
            left -= needed;
            block.threads.push(thread);
        }
    }
    dropped.threads += all - block.threads.len();
    if block.threads.is_empty() {
        dropped.processes += 1;
        return Ok(None);
    }
    written.clear();
    write_block(document, &block, &mut written)?;
    Ok(Some(written))
}

/// What there was no room for.
#[derive(Debug, Default)]
struct Dropped {
    processes: usize,
    threads: usize,
    lines: usize,
}

impl Dropped {
    /// Keeps the whole lines that fit. They are lists and tables: every line stands for itself.
    fn cut(&mut self, lines: &mut Vec<u8>, room: usize) {
        let Some(kept) = lines.get(..room) else {
            return;
        };
        let end = kept
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let rest = lines.get(end..).unwrap_or_default();
        self.lines += rest.iter().filter(|byte| **byte == b'\n').count();
        lines.truncate(end);
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.threads + self.lines + self.processes == 0 {
            return Ok(());
        }
        write!(
            out,
            "\nDropped to stay under {LONGEST} characters: {}, {} wholly",
            Count(self.threads, "thread"),
            Count(self.processes, "process")
        )?;
        if self.lines > 0 {
            write!(out, ", {} of lists", Count(self.lines, "line"))?;
        }
        writeln!(out, ". `--format text` has everything.")
    }
}

fn write_head(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Kernel trace\n")?;
    for field in &document.head {
        let value = CodeSpan(&field.value);
        if field.is_fact {
            writeln!(out, "- {}: {value}", CodeSpan(&field.name))?;
        } else {
            writeln!(out, "- {}: {value}", field.name)?;
        }
    }
    for (name, image) in document.images() {
        let concerns = image.used.is_some() || image.frames > 0;
        if image.image.kind == ImageKind::Kext && concerns {
            write!(out, "- Kext: {}", CodeSpan(name))?;
            match &image.image.version {
                Some(version) => writeln!(out, " {}", CodeSpan(version))?,
                None => writeln!(out, ", version not stated")?,
            }
        }
    }
    Ok(())
}

/// The command that made the output.
pub(super) fn write_command(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(command) = &document.options.command else {
        return Ok(());
    };
    writeln!(out, "\nMade by, and repeated with:\n")?;
    write_fence("sh", format!("{}\n", Whole(command)).as_bytes(), out)
}

/// Which threads are shown in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    /// Those with a frame in a kext whose symbol file was given.
    Kexts,
    /// There is none: all that have a name to show, but for the idle ones.
    Named,
}

impl Focus {
    fn of(document: &Document<'_>, processes: &[ProcessBlock<'_>]) -> Focus {
        let mut threads = processes.iter().flat_map(|process| &process.threads);
        if threads.any(|thread| thread.is_in_a_given_kext(document)) {
            Focus::Kexts
        } else {
            Focus::Named
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Focus::Kexts => "Threads in the given kexts",
            Focus::Named => "Threads with names, idle ones apart",
        }
    }

    /// The one whose panic it is always matters.
    fn takes(self, document: &Document<'_>, thread: &ThreadBlock<'_>) -> bool {
        thread.panicked()
            || match self {
                Focus::Kexts => thread.is_in_a_given_kext(document),
                Focus::Named => !thread.is_idle() && thread.has_names(document),
            }
    }

    /// Processes with the threads in focus, and with those that are not; one can be in both.
    fn split<'a>(
        self,
        document: &Document<'_>,
        processes: Vec<ProcessBlock<'a>>,
    ) -> (Vec<ProcessBlock<'a>>, Vec<ProcessBlock<'a>>) {
        let (mut full, mut folded) = (Vec::new(), Vec::new());
        for block in processes {
            let without_threads = block.threads.is_empty();
            let threads = block.threads.into_iter();
            let (inside, outside): (Vec<_>, Vec<_>) =
                threads.partition(|thread| self.takes(document, thread));
            if !inside.is_empty() {
                full.push(ProcessBlock {
                    process: block.process,
                    fields: block.fields.clone(),
                    threads: inside,
                });
            }
            if without_threads || !outside.is_empty() {
                folded.push(ProcessBlock {
                    process: block.process,
                    fields: block.fields,
                    threads: outside,
                });
            }
        }
        (full, folded)
    }
}

struct Heading<'a>(&'a ProcessBlock<'a>);

impl std::fmt::Display for Heading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let process = self.0.process;
        match &process.name {
            Some(name) => write!(f, "{}", CodeSpan(name))?,
            None => write!(f, "process without a name")?,
        }
        match process.pid {
            Some(pid) => write!(f, " (PID {pid})"),
            None => Ok(()),
        }
    }
}

fn write_open(
    document: &Document<'_>,
    block: &ProcessBlock<'_>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    writeln!(out, "\n### {}\n", Heading(block))?;
    write_fenced(document, block, out)
}

fn write_folded(
    document: &Document<'_>,
    block: &ProcessBlock<'_>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    write!(out, "\n<details>\n<summary>")?;
    match &block.process.name {
        Some(name) => write!(out, "{}", CodeElement(name))?,
        None => write!(out, "process without a name")?,
    }
    if let Some(pid) = block.process.pid {
        write!(out, " (PID {pid})")?;
    }
    let threads = Count(block.threads.len(), "thread");
    writeln!(out, ": {threads}</summary>\n")?;
    write_fenced(document, block, out)?;
    writeln!(out, "\n</details>")
}

fn write_fenced(
    document: &Document<'_>,
    block: &ProcessBlock<'_>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let mut fence = Vec::new();
    write_process(document, block, PLAIN, &mut fence)?;
    write_fence("text", &fence, out)
}

/// Whole lines inside a fence longer than any run of backticks in them.
pub(crate) fn write_fence(language: &str, lines: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let runs = lines.split(|byte| *byte != b'`').map(<[u8]>::len);
    // Not a width of the formatter, which ends at 65,535: a command can hold more.
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    writeln!(out, "{fence}{language}")?;
    out.write_all(lines)?;
    writeln!(out, "{fence}")
}

/// The table of images; `counted` is what its column of numbers counts.
pub(super) fn write_images(
    document: &Document<'_>,
    counted: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut first = true;
    for (name, image) in document.images() {
        let seen = image.frames > 0 && image.space == SpaceId::Kernel;
        if image.used.is_none() && !seen {
            continue;
        }
        if first {
            writeln!(out, "\n## Images\n")?;
            writeln!(
                out,
                "| image | version | UUID | load address | {counted} | symbol file | evidence of the code |"
            )?;
            writeln!(out, "| --- | --- | --- | --- | ---: | --- | --- |")?;
            first = false;
        }
        let basis = document.trace.report.kernel.basis;
        write_image_row(name, image, basis, out)?;
    }
    Ok(())
}

fn write_image_row(
    name: &str,
    image: &TraceImage,
    basis: Basis,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "| {} |", CodeSpan(name))?;
    match &image.image.version {
        Some(version) => write!(out, " {} |", CodeSpan(version))?,
        None => write!(out, " |")?,
    }
    let of_file = image.used.as_ref().and_then(|used| used.uuid);
    match (image.image.uuid, of_file) {
        (Some(uuid), _) => write!(out, " `{}` |", ShownUuid(uuid))?,
        (None, Some(uuid)) => write!(out, " `{}` (the file's) |", ShownUuid(uuid))?,
        (None, None) => write!(out, " |")?,
    }
    for placement in &image.image.placements {
        match placement {
            Placement::LoadedAt(address) => write!(out, " `{address}`")?,
            Placement::SegmentAt { segment, address } => {
                write!(out, " {} `{address}`", CodeSpan(segment))?;
            }
        }
    }
    let inferred = image.used.as_ref();
    let inferred = inferred.filter(|used| used.placed_by == PlacedBy::Inferred);
    if let Some(segment) = inferred.and_then(|used| used.slides.segments.first()) {
        let start = segment.range.start;
        write!(out, " {} `{start}` (inferred)", CodeSpan(&segment.name))?;
    }
    write!(out, " | {} |", image.frames)?;
    match &image.used {
        None => write!(out, " missing")?,
        Some(used) => write_file(used, basis, out)?,
    }
    match &image.evidence {
        None => writeln!(out, " | |"),
        Some(evidence) if evidence.verdict == Verdict::Contradicted => {
            writeln!(out, " | **{evidence}** |")
        }
        Some(evidence) if image.frames > 0 => writeln!(out, " | {evidence} |"),
        Some(_) => writeln!(out, " | |"),
    }
}

fn write_file(used: &UsedSource, basis: Basis, out: &mut dyn Write) -> io::Result<()> {
    for path in &used.paths {
        write!(out, " {},", CodeSpan(path))?;
    }
    let (matched, placed) = (
        words::matched(used.matched_by),
        words::placed(used.placed_by, basis),
    );
    write!(out, " {matched}, {placed}; {}", words::detail(used.detail))?;
    if used.mismatched {
        write!(
            out,
            "; **of another build: every name from it may be wrong**"
        )?;
    }
    for remark in &used.remarks {
        write!(out, "; {}", CodeSpan(remark))?;
    }
    Ok(())
}

fn write_missing(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    let missing = &document.missing;
    if missing.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Missing\n")?;
    for one in &missing.images {
        let image = document.trace.image(one.image);
        write!(out, "- {}", CodeSpan(document.image_name(one.image)))?;
        if let Some(version) = image.and_then(|image| image.image.version.as_ref()) {
            write!(out, " {}", CodeSpan(version))?;
        }
        if let Some(uuid) = image.and_then(|image| image.image.uuid) {
            write!(out, ", UUID `{}`", ShownUuid(uuid))?;
        }
        writeln!(
            out,
            ": {}; pass {}",
            Count(one.frames, "frame"),
            CodeSpan(&one.pass)
        )?;
    }
    for unknown in &missing.unknown {
        let frames = Count(unknown.frames, "frame");
        write!(out, "- {frames} {}", unknown.region.in_words())?;
        match unknown.range {
            Some((lowest, highest)) if lowest == highest => write!(out, " (`{lowest}`)")?,
            Some((lowest, highest)) => write!(out, " (`{lowest}` to `{highest}`)")?,
            None => {}
        }
        match unknown.region.pass() {
            Some(pass) => writeln!(out, "; pass {}", CodeSpan(pass))?,
            None => writeln!(out)?,
        }
    }
    if missing.user_images > 0 {
        let images = Count(missing.user_images, "user image");
        writeln!(
            out,
            "- {images} with {} have no symbol file",
            Count(missing.user_frames, "frame")
        )?;
    }
    Ok(())
}

/// Files that were given and speak for no image.
pub(super) fn write_not_used(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut refused = document
        .images()
        .filter(|(_, image)| !image.refused.is_empty())
        .peekable();
    if document.trace.unused.is_empty() && refused.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\n## Files not used\n")?;
    for (name, image) in refused {
        for Refusal { path, uuid, why } in &image.refused {
            write!(out, "- {} for {}", CodeSpan(path), CodeSpan(name))?;
            if let Some(uuid) = uuid {
                write!(out, ", UUID `{}`", ShownUuid(*uuid))?;
            }
            writeln!(out, ": {}", CodeSpan(why))?;
        }
    }
    for file in &document.trace.unused {
        write!(out, "- {}", CodeSpan(&file.path))?;
        if let Some(name) = &file.name {
            write!(out, ", {}", CodeSpan(name))?;
        }
        if let Some(uuid) = file.uuid {
            write!(out, ", UUID `{}`", ShownUuid(uuid))?;
        }
        writeln!(out, ": {}", CodeSpan(&file.why))?;
    }
    Ok(())
}

/// What a reader should know.
pub(super) fn write_notes(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (index, note) in document.notes().enumerate() {
        if index == 0 {
            writeln!(out, "\n## Notes\n")?;
        }
        match note.at {
            Some(at) => writeln!(out, "- {at}: {}", CodeSpan(&note.text))?,
            None => writeln!(out, "- {}", CodeSpan(&note.text))?,
        }
    }
    Ok(())
}
