//! Images and files as lines of text: which are used, refused, missing.

use std::io::{self, Write};

use super::document::Document;
use super::escape::Visible;
use super::regions::Stated;
use super::stacks::Palette;
use super::words::{self, Count, ShownUuid};
use crate::missing::UnknownFrames;
use crate::resolve::{Refusal, TraceImage, UnusedFile, UsedSource, Verdict};

/// Name, version, place and UUID of an image, without the end of the line.
pub(crate) fn write_image(name: &str, image: &TraceImage, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}", Visible(name))?;
    if let Some(version) = &image.image.version {
        write!(out, " {}", Visible(version))?;
    }
    write!(out, "{}", Stated(&image.image))?;
    if image.image.placements.is_empty() {
        let segment = image
            .used
            .as_ref()
            .and_then(|used| used.slides.segments.first());
        if let Some(segment) = segment {
            write!(
                out,
                ", {} at {}",
                Visible(&segment.name),
                segment.range.start
            )?;
        }
    }
    match image
        .image
        .uuid
        .or(image.used.as_ref().and_then(|used| used.uuid))
    {
        Some(uuid) => write!(out, ", UUID {}", ShownUuid(uuid)),
        None => write!(out, ", no UUID"),
    }
}

/// The files that speak for an image, and how they were matched.
pub(crate) fn write_used(
    document: &Document<'_>,
    used: &UsedSource,
    frames: usize,
    indent: &str,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    for path in &used.paths {
        writeln!(out, "{indent}{}", Visible(path))?;
    }
    writeln!(
        out,
        "{indent}{}, {}; {}; {}",
        words::matched(used.matched_by),
        words::placed(used.placed_by, document.trace.report.kernel.basis),
        words::detail(used.detail),
        Count(frames, "frame"),
    )?;
    let mark = style.mark;
    if used.mismatched {
        write!(out, "{indent}{mark}of another build")?;
        if let Some(uuid) = used.uuid {
            write!(out, " (UUID {})", ShownUuid(uuid))?;
        }
        writeln!(out, ": every name from it may be wrong{mark:#}")?;
    }
    for remark in &used.remarks {
        writeln!(out, "{indent}{}", Visible(remark))?;
    }
    Ok(())
}

/// How well the code of an image agrees with the stacks.
pub(crate) fn write_evidence(
    image: &TraceImage,
    indent: &str,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    match &image.evidence {
        Some(evidence) if evidence.verdict == Verdict::Contradicted => {
            let mark = style.mark;
            writeln!(out, "{indent}{mark}code: {evidence}{mark:#}")
        }
        // Without frames there is nothing to check, and nothing to say.
        Some(evidence) if image.frames > 0 => writeln!(out, "{indent}code: {evidence}"),
        Some(_) | None => Ok(()),
    }
}

/// The files that were refused for an image.
pub(crate) fn write_refused(
    refused: &[Refusal],
    indent: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    for refusal in refused {
        write!(out, "{indent}refused: {}", Visible(&refusal.path))?;
        if let Some(uuid) = refusal.uuid {
            write!(out, " (UUID {})", ShownUuid(uuid))?;
        }
        writeln!(out, ": {}", Visible(&refusal.why))?;
    }
    Ok(())
}

/// Frames in no known image, without the end of the line.
pub(crate) fn write_unknown(unknown: &UnknownFrames, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "{} {}",
        Count(unknown.frames, "frame"),
        unknown.region.in_words()
    )?;
    match unknown.range {
        Some((lowest, highest)) if lowest == highest => write!(out, " ({lowest})")?,
        Some((lowest, highest)) => write!(out, " ({lowest} to {highest})")?,
        None => {}
    }
    match unknown.region.pass() {
        Some(pass) => write!(out, "; pass {pass}"),
        None => Ok(()),
    }
}

/// A file that speaks for no image, without the end of the line.
pub(crate) fn write_unused(file: &UnusedFile, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}", Visible(&file.path))?;
    if let Some(name) = &file.name {
        write!(out, " ({})", Visible(name))?;
    }
    if let Some(uuid) = file.uuid {
        write!(out, " (UUID {})", ShownUuid(uuid))?;
    }
    write!(out, ": {}", Visible(&file.why))
}
