//! What was loaded where, and which of the given files match.

use std::io::{self, Write};

use kstack_model::{LoadedImage, Placement};

use super::document::Document;
use super::escape::Visible;
use super::listing::{write_evidence, write_refused, write_unused, write_used};
use super::regions::apart;
use super::stacks::{COLORS, PLAIN, Palette, write_fields};
use super::text::write_notes;
use super::words::{self, ShownUuid};
use super::{RenderOptions, json};
use crate::resolve::{SpaceId, Trace, TraceImage};

/// Writes the images as a table for a person.
///
/// Give it a buffered writer: it writes in small pieces.
///
/// # Errors
///
/// When the writer fails.
pub fn write_text(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let document = Document::new(trace, options);
    let style = if options.color { COLORS } else { PLAIN };
    if options.trace_index.index > 1 {
        writeln!(out)?;
    }
    write_fields(&document.head, "", style, out)?;
    if trace.images.is_empty() {
        writeln!(out, "\nThe report lists no images.")?;
    }
    write_table(&document, style, out)?;
    let heading = style.heading;
    for (index, file) in trace.unused.iter().enumerate() {
        if index == 0 {
            writeln!(out, "\n{heading}Files that match no image:{heading:#}")?;
        }
        write!(out, "    ")?;
        write_unused(file, out)?;
        writeln!(out)?;
    }
    write_notes(&document, style, out)
}

/// The images of each space with the files that speak for them.
pub(super) fn write_table(
    document: &Document<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut space = None;
    for (name, image) in document.images() {
        if space != Some(image.space) {
            space = Some(image.space);
            write_heading(document.trace, image.space, style, out)?;
        }
        write_row(name, image, out)?;
        if let Some(apart) = apart(image) {
            writeln!(out, "        segments apart: {apart}")?;
        }
        if let Some(used) = &image.used {
            write_used(document, used, image.frames, "        ", style, out)?;
        }
        write_evidence(image, "        ", style, out)?;
        write_refused(&image.refused, "        ", out)?;
    }
    Ok(())
}

/// Writes the images as JSON: the document of a trace without its processes.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    json::write_images(trace, options, out)
}

fn write_heading(
    trace: &Trace,
    space: SpaceId,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = style.heading;
    let SpaceId::Process(index) = space else {
        return writeln!(out, "\n{heading}Images of the kernel's space:{heading:#}");
    };
    let process = trace.report.processes.get(index);
    let name = process.and_then(|process| process.name.as_deref());
    write!(
        out,
        "\n{heading}Images of {}",
        Visible(name.unwrap_or("a process"))
    )?;
    if let Some(pid) = process.and_then(|process| process.pid) {
        write!(out, " (PID {pid})")?;
    }
    writeln!(out, ":{heading:#}")
}

/// Columns of fixed width first, the name last: a long name moves nothing.
fn write_row(name: &str, image: &TraceImage, out: &mut dyn Write) -> io::Result<()> {
    let stated = &image.image;
    match stated.load_address() {
        Some(address) => write!(out, "    {:<#18x}", address.0)?,
        None => write!(out, "    {:<18}", "-")?,
    }
    // The size is that of what is placed first; that of a segment stands with the segment.
    match stated.size.filter(|_| segment_size(stated).is_none()) {
        Some(size) => write!(out, "  {size:<#10x}")?,
        None => write!(out, "  {:<10}", "-")?,
    }
    match stated.uuid {
        Some(uuid) => write!(out, "  {}", ShownUuid(uuid))?,
        None => write!(out, "  {:<36}", "-")?,
    }
    write!(out, "  {:<11}  {}", words::kind(stated.kind), Visible(name))?;
    if let Some(version) = &stated.version {
        write!(out, " {}", Visible(version))?;
    }
    for placement in &stated.placements {
        if let Placement::SegmentAt { segment, address } = placement {
            write!(out, ", {} at {address}", Visible(segment))?;
        }
    }
    match segment_size(stated) {
        Some(size) => writeln!(out, " ({size:#x} bytes)"),
        None => writeln!(out),
    }
}

/// The size of the only segment that is placed by itself, where the artefact states one.
fn segment_size(stated: &LoadedImage) -> Option<u64> {
    let first = stated.placements.first()?;
    let mut apart = stated
        .placements
        .iter()
        .filter(|placement| !placement.is_header());
    apart.next()?;
    let is_of_segment = !first.is_header() && apart.next().is_none();
    stated.size.filter(|_| is_of_segment)
}
