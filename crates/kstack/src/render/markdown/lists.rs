//! What is missing, what was not used, and what a reader should know.

use std::io::{self, Write};

use crate::render::document::Document;
use crate::render::escape::CodeSpan;
use crate::render::words::{Count, ShownUuid};
use crate::resolve::Refusal;

pub(super) fn write_missing(document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
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
pub(in super::super) fn write_not_used(
    document: &Document<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
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
pub(in super::super) fn write_notes(
    document: &Document<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
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
