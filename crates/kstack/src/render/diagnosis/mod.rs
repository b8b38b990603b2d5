//! A diagnosis and a comparison written down.
//!
//! What is shown is decided once, as sections of plain lines; text prints
//! them as they are and Markdown puts each into a fence, where nothing in
//! them is markup. JSON and the page are made from the diagnosis itself.

mod comparison;
mod json;
pub(super) mod sections;
mod stacks;
pub(super) mod waiting;
mod wire;

use std::io::{self, Write};

use super::RenderOptions;
use super::document::{self, Document};
use super::html;
use super::markdown::room::{self, Dropped};
use super::markdown::{self, write_fence};
use super::stacks::{COLORS, PLAIN, write_fields};
use crate::diagnose::Diagnosis;
use crate::diagnose::compare::Comparison;

/// How much of a diagnosis is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Things of each kind; the rest is counted.
    pub most: usize,
    /// What shows the rest, as the output's reader would say it.
    pub rest: &'static str,
}

impl Default for Shown {
    /// What a person reads.
    fn default() -> Shown {
        Shown {
            most: 20,
            rest: "--all",
        }
    }
}

impl Shown {
    /// Everything.
    #[must_use]
    pub fn all() -> Shown {
        Shown {
            most: usize::MAX,
            ..Shown::default()
        }
    }

    /// What fits a page, whose reader has not typed the command that made it.
    pub(crate) fn on_a_page() -> Shown {
        Shown {
            rest: "kstack diagnose --all",
            ..Shown::default()
        }
    }
}

/// A part of a diagnosis.
pub(crate) struct Section {
    /// Our own words: no escaping.
    pub(crate) title: String,
    /// How far it can be trusted, our own words too.
    pub(crate) about: Option<&'static str>,
    /// Whole lines, made harmless, with the styles of the palette they were written with.
    pub(crate) lines: Vec<u8>,
}

impl Section {
    /// Bytes of its title and its fence, with room for one that is longer than runs of backticks.
    fn around(&self) -> usize {
        let runs = self.lines.split(|byte| *byte != b'`').map(<[u8]>::len);
        let about = self.about.map_or(0, str::len);
        40 + self.title.len() + about + 2 * runs.max().unwrap_or_default()
    }
}

/// Writes a diagnosis for a terminal.
///
/// # Errors
///
/// Those of the writer.
pub fn write_text(
    diagnosis: &Diagnosis<'_>,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = if options.color { COLORS } else { PLAIN };
    let head = document::head(diagnosis.trace, options, diagnosis.fingerprint);
    let document = Document::bare(diagnosis.trace, options, head);
    write_fields(&document.head, "", style, out)?;
    write_sections(
        &sections::sections(diagnosis, &document, shown, style)?,
        options,
        out,
    )
}

/// Writes a diagnosis for an issue tracker.
///
/// # Errors
///
/// Those of the writer.
pub fn write_markdown(
    diagnosis: &Diagnosis<'_>,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let head = document::head(diagnosis.trace, options, diagnosis.fingerprint);
    let document = Document::bare(diagnosis.trace, options, head);
    let Some(room) = room::or_say(options, out)? else {
        return Ok(());
    };
    let mut dropped = Dropped::default();
    let head = markdown::head(&document, "Diagnosis", room, &mut dropped)?;
    out.write_all(&head)?;
    let sections = sections::sections(diagnosis, &document, shown, PLAIN)?;
    write_fenced_sections(sections, room.saturating_sub(head.len()), dropped, out)
}

/// Writes a diagnosis as a page for the browser: that of its trace, with everything in it.
///
/// # Errors
///
/// Those of the writer.
pub fn write_html(
    diagnosis: &Diagnosis<'_>,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let most = Shown::on_a_page();
    let shown = Shown {
        most: shown.most,
        ..most
    };
    html::write_diagnosed(diagnosis, options, shown, out)
}

/// Writes a diagnosis for programs. Those of several traces are one array.
///
/// # Errors
///
/// Those of the writer.
pub fn write_json(
    diagnosis: &Diagnosis<'_>,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    json::write(diagnosis, options, out)
}

/// Writes what changed between two reports, for a terminal.
///
/// # Errors
///
/// Those of the writer.
pub fn write_comparison_text(
    before: &Diagnosis<'_>,
    after: &Diagnosis<'_>,
    comparison: &Comparison,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = if options.color { COLORS } else { PLAIN };
    let document = Document::bare(after.trace, options, Vec::new());
    let sections = comparison::sections(before, after, comparison, &document, shown, style)?;
    let mut text = Vec::new();
    write_sections(&sections, options, &mut text)?;
    // Nothing stands above the first section.
    out.write_all(text.strip_prefix(b"\n").unwrap_or(&text))
}

/// Writes what changed between two reports, for an issue tracker.
///
/// # Errors
///
/// Those of the writer.
pub fn write_comparison_markdown(
    before: &Diagnosis<'_>,
    after: &Diagnosis<'_>,
    comparison: &Comparison,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let document = Document::bare(after.trace, options, Vec::new());
    let Some(room) = room::or_say(options, out)? else {
        return Ok(());
    };
    writeln!(out, "# Comparison")?;
    let sections = comparison::sections(before, after, comparison, &document, shown, PLAIN)?;
    write_fenced_sections(sections, room, Dropped::default(), out)
}

/// Writes what changed between two reports, for programs. Several comparisons are one array.
///
/// # Errors
///
/// Those of the writer.
pub fn write_comparison_json(
    before: &Diagnosis<'_>,
    after: &Diagnosis<'_>,
    comparison: &Comparison,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    json::write_comparison(before, after, comparison, options, out)
}

fn write_sections(
    sections: &[Section],
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = if options.color { COLORS } else { PLAIN }.heading;
    for section in sections {
        writeln!(out, "\n{heading}{}:{heading:#}", section.title)?;
        if let Some(about) = section.about {
            writeln!(out, "    ({about})")?;
        }
        out.write_all(&section.lines)?;
    }
    Ok(())
}

/// The sections in fences, each with as many of its lines as there is room for.
fn write_fenced_sections(
    mut sections: Vec<Section>,
    room: usize,
    mut dropped: Dropped,
    out: &mut dyn Write,
) -> io::Result<()> {
    /// Of a section whatever else there is.
    const LEAST: usize = 3000;
    let needed: Vec<usize> = sections.iter().map(|section| section.lines.len()).collect();
    let around: usize = sections.iter().map(Section::around).sum();
    let room = room.saturating_sub(around + room::LAST_WORDS);
    let least = LEAST.min(room / sections.len().max(1));
    let given = room::share(&needed, room, least);
    for (section, given) in sections.iter_mut().zip(given) {
        dropped.cut(&mut section.lines, given);
        writeln!(out, "\n## {}\n", section.title)?;
        if let Some(about) = section.about {
            writeln!(out, "{about}.\n")?;
        }
        write_fence("text", &section.lines, out)?;
    }
    dropped.write(out)
}
