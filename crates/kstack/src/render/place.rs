//! Where the stacks allow a file to lie, and what was claimed.

use std::io::{self, Write};

use super::document::Document;
use super::escape::Visible;
use super::listing::{write_evidence, write_image, write_used};
use super::stacks::{COLORS, PLAIN, Palette, write_fields};
use super::text::write_notes;
use super::words::Count;
use super::{RenderOptions, json};
use crate::resolve::{Candidate, Inference, Outcome, Trace};

/// Writes the places of all files for a person.
///
/// Give it a buffered writer: it writes in small pieces.
///
/// # Errors
///
/// When the writer fails.
pub fn write_text(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let document = Document::new(trace, options);
    let style = if options.color { COLORS } else { PLAIN };
    write_fields(&document.head, "", style, out)?;
    for inference in &trace.inferences {
        write_inference(inference, style, out)?;
    }
    let heading = style.heading;
    let mut is_first = true;
    for (name, image) in document.images() {
        let Some(used) = &image.used else { continue };
        if is_first {
            writeln!(out, "\n{heading}Placed:{heading:#}")?;
            is_first = false;
        }
        write!(out, "    ")?;
        write_image(name, image, out)?;
        writeln!(out)?;
        write_used(&document, used, image.frames, "        ", style, out)?;
        write_evidence(image, "        ", style, out)?;
    }
    for file in &trace.unused {
        write!(out, "\n{heading}Not placed:{heading:#} ")?;
        super::listing::write_unused(file, out)?;
        writeln!(out)?;
    }
    write_notes(&document, style, out)
}

/// Writes the places of all files as JSON: the images, and the candidates beside them.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    json::write_images(trace, options, out)
}

fn write_inference(inference: &Inference, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    let heading = style.heading;
    writeln!(
        out,
        "\n{heading}{}{heading:#} ({}): {}",
        Visible(&inference.path),
        Visible(&inference.name),
        in_words(inference.outcome),
    )?;
    for candidate in &inference.candidates {
        write_candidate(candidate, out)?;
    }
    if inference.more > 0 {
        writeln!(out, "    and {} more", Count(inference.more, "place"))?;
    }
    Ok(())
}

fn write_candidate(candidate: &Candidate, out: &mut dyn Write) -> io::Result<()> {
    let Candidate {
        address,
        segment,
        slide,
        returns,
        calls,
        bits,
        surplus,
    } = candidate;
    writeln!(
        out,
        "    {} at {address} (slide {slide}): {}/{} return addresses, {}/{} direct calls, {bits:.0} bits, {surplus:.0} left",
        Visible(segment),
        returns.agree,
        returns.of,
        calls.agree,
        calls.of,
    )
}

pub(crate) fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Placed => "one place, and the evidence suffices",
        Outcome::Several => "several places fit about as well",
        Outcome::TooWeak => "the best place could be chance",
        Outcome::Nowhere => "no place fits two frames or more",
        Outcome::OtherBuild => "another build of it fits better",
        Outcome::BuildsAlike => "several builds of it fit alike",
    }
}
