//! A trace as text, in the shape of symstacks.rb.

use std::io::{self, Write};

use super::document::Document;
use super::escape::Visible;
use super::listing::{
    write_evidence, write_image, write_refused, write_unknown, write_unused, write_used,
};
use super::stacks::{COLORS, PLAIN, Palette, write_fields, write_process};
use super::words::Count;
use super::{RenderOptions, Renderer, images};
use crate::resolve::Trace;

pub(crate) const RENDERER: Renderer = Renderer {
    name: "text",
    about: "for people, in the shape of symstacks.rb",
    extension: "txt",
    has_notes: true,
    holds_several: true,
    write,
};

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let document = Document::new(trace, options);
    let style = if options.color { COLORS } else { PLAIN };
    if options.trace_index.index > 1 {
        writeln!(out)?;
    }
    write_fields(&document.head, "", style, out)?;
    for process in &document.processes {
        writeln!(out)?;
        write_process(&document, process, style, out)?;
    }
    write_left_out(&document, out)?;
    if options.as_read {
        images::write_table(&document, style, out)?;
        return write_notes(&document, style, out);
    }
    write_images(&document, style, out)?;
    write_missing(&document, style, out)?;
    write_not_used(&document, style, out)?;
    write_notes(&document, style, out)
}

fn write_left_out(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    if document.processes_left_out + document.threads_left_out == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\nLeft out by the selection: {}, {}",
        Count(document.processes_left_out, "process"),
        Count(document.threads_left_out, "thread"),
    )
}

fn write_images(document: &Document<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    let heading = style.heading;
    let mut first = true;
    for (name, image) in document.images() {
        let Some(used) = &image.used else { continue };
        if first {
            writeln!(out, "\n{heading}Images used:{heading:#}")?;
            first = false;
        }
        write!(out, "    ")?;
        write_image(name, image, out)?;
        writeln!(out)?;
        write_used(document, used, image.frames, "        ", style, out)?;
        write_evidence(image, "        ", style, out)?;
        write_refused(&image.refused, "        ", out)?;
    }
    Ok(())
}

fn write_missing(document: &Document<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    let missing = &document.missing;
    if missing.is_empty() {
        return Ok(());
    }
    let heading = style.heading;
    writeln!(out, "\n{heading}Images missing:{heading:#}")?;
    for one in &missing.images {
        let Some(image) = document.trace.image(one.image) else {
            continue;
        };
        write!(out, "    ")?;
        write_image(document.image_name(one.image), image, out)?;
        writeln!(
            out,
            ": {}; pass {}",
            Count(one.frames, "frame"),
            Visible(&one.pass)
        )?;
        write_refused(&image.refused, "        ", out)?;
    }
    for unknown in &missing.unknown {
        write!(out, "    ")?;
        write_unknown(unknown, out)?;
        writeln!(out)?;
    }
    if missing.user_images > 0 {
        let images = Count(missing.user_images, "user image");
        let frames = Count(missing.user_frames, "frame");
        writeln!(out, "    {images} with {frames} have no symbol file")?;
    }
    Ok(())
}

fn write_not_used(document: &Document<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    if document.nothing_is_unused() {
        return Ok(());
    }
    let heading = style.heading;
    writeln!(out, "\n{heading}Files not used:{heading:#}")?;
    for (name, image) in document.only_refused() {
        writeln!(out, "    for {}", Visible(name))?;
        write_refused(&image.refused, "        ", out)?;
    }
    for file in &document.trace.unused {
        write!(out, "    ")?;
        write_unused(file, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the notes of the report and of the resolving, if there are any.
pub(super) fn write_notes(
    document: &Document<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = style.heading;
    for (index, note) in document.notes().enumerate() {
        if index == 0 {
            writeln!(out, "\n{heading}Notes:{heading:#}")?;
        }
        match note.at {
            Some(at) => writeln!(out, "    {at}: {}", Visible(&note.text))?,
            None => writeln!(out, "    {}", Visible(&note.text))?,
        }
    }
    Ok(())
}
