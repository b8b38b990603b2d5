//! The table of images.

use std::io::{self, Write};

use kstack_model::{Basis, Placement};

use crate::render::document::Document;
use crate::render::escape::CodeSpan;
use crate::render::words::{self, ShownUuid};
use crate::resolve::{PlacedBy, SpaceId, TraceImage, UsedSource, Verdict};

/// The table of images; `counted` is what its column of numbers counts.
pub(in super::super) fn write_images(
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
            // Where code lies apart, this is not where.
            Placement::LoadedAt(address) if image.image.is_apart() => {
                write!(out, " header `{address}`")?;
            }
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
