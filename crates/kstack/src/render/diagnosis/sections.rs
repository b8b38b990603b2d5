//! The parts of a diagnosis, in the order in which a maintainer asks for them.

use std::io::{self, Write};

use kstack_model::Note;

use super::super::document::Document;
use super::super::escape::Visible;
use super::super::listing::{write_image, write_unknown};
use super::super::stacks::Palette;
use super::super::words::Count;
use super::{Section, Shown, stacks, waiting};
use crate::diagnose::{Diagnosis, where_from};
use crate::missing::{Missing, MissingImage};
use crate::resolve::{Trace, TraceImage};

/// Everything a diagnosis shows below its head.
pub(super) fn sections(
    diagnosis: &Diagnosis<'_>,
    document: &Document<'_>,
    shown: Shown,
    style: Palette,
) -> io::Result<Vec<Section>> {
    let mut sections = vec![faults(diagnosis)?, without_stacks(diagnosis)];
    sections.extend(waiting::sections(diagnosis, document, shown, style)?);
    sections.extend(stacks::sections(diagnosis, document, shown, style)?);
    sections.push(idle(diagnosis)?);
    sections.push(missing(diagnosis, shown)?);
    sections.push(notes(diagnosis)?);
    sections.retain(|section| !section.lines.is_empty());
    Ok(sections)
}

fn faults(diagnosis: &Diagnosis<'_>) -> io::Result<Section> {
    let mut lines = Vec::new();
    for line in diagnosis.faults.iter().flat_map(|fault| fault.lines()) {
        writeln!(lines, "    {}", Visible(line))?;
    }
    Ok(Section {
        title: "What went wrong".to_owned(),
        about: None,
        lines,
    })
}

/// A list of images is a report, too, and so is one of threads.
fn without_stacks(diagnosis: &Diagnosis<'_>) -> Section {
    let threads = &diagnosis.threads.all;
    let mut stacks = threads.iter().flat_map(|entry| &entry.thread.stacks);
    let lines = match (threads.len(), stacks.next()) {
        (0, _) => "    the report has no threads\n".to_owned(),
        (_, Some(_)) => String::new(),
        (count, None) => format!(
            "    no stack of the {} in the report; kstack show lists them\n",
            Count(count, "thread")
        ),
    };
    Section {
        title: "Nothing to diagnose".to_owned(),
        about: None,
        lines: lines.into_bytes(),
    }
}

fn idle(diagnosis: &Diagnosis<'_>) -> io::Result<Section> {
    let mut lines = Vec::new();
    let mut all = 0;
    for group in &diagnosis.idle {
        all += group.threads;
        writeln!(
            lines,
            "    {}: {}",
            Count(group.threads, "thread"),
            group.what
        )?;
    }
    Ok(Section {
        title: format!("Folded away: {} with nothing to do", Count(all, "thread")),
        about: None,
        lines,
    })
}

fn missing(diagnosis: &Diagnosis<'_>, shown: Shown) -> io::Result<Section> {
    Ok(Section {
        title: "What is missing".to_owned(),
        about: None,
        lines: missing_lines(diagnosis.trace, &diagnosis.missing, shown)?,
    })
}

/// Each image without a file: what it is, how much it would name, where it comes from.
pub(in super::super) fn missing_lines(
    trace: &Trace,
    missing: &Missing,
    shown: Shown,
) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for one in &missing.images {
        write_missing(trace, one, &mut lines)?;
    }
    for unknown in &missing.unknown {
        write!(lines, "    ")?;
        write_unknown(unknown, &mut lines)?;
        writeln!(lines)?;
    }
    if shown.most == usize::MAX {
        for one in &missing.users {
            write_missing(trace, one, &mut lines)?;
        }
    } else if missing.user_images > 0 {
        let images = Count(missing.user_images, "user image");
        let frames = Count(missing.user_frames, "frame");
        writeln!(
            lines,
            "    {images} with {frames}; {} lists them",
            shown.rest
        )?;
    }
    Ok(lines)
}

fn write_missing(trace: &Trace, one: &MissingImage, lines: &mut Vec<u8>) -> io::Result<()> {
    let Some(image) = trace.image(one.image) else {
        return Ok(());
    };
    write!(lines, "    ")?;
    write_image(&TraceImage::name(image), image, lines)?;
    writeln!(lines, ": would name {}", Count(one.frames, "frame"))?;
    let from = where_from(image, &trace.report.machine);
    writeln!(lines, "        pass {}", one.pass)?;
    writeln!(lines, "        from {}", Visible(&from))
}

fn notes(diagnosis: &Diagnosis<'_>) -> io::Result<Section> {
    let mut lines = Vec::new();
    let all = diagnosis
        .trace
        .report
        .notes
        .iter()
        .chain(&diagnosis.trace.notes);
    for Note { at, text } in all {
        match at {
            Some(at) => writeln!(lines, "    {at}: {}", Visible(text))?,
            None => writeln!(lines, "    {}", Visible(text))?,
        }
    }
    if diagnosis.waits.dropped > 0 {
        let records = Count(diagnosis.waits.dropped, "wait record");
        writeln!(
            lines,
            "    {records} not used: of threads that are not in the report, or a second one of a thread"
        )?;
    }
    Ok(Section {
        title: "Notes".to_owned(),
        about: None,
        lines,
    })
}
