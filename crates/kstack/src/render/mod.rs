//! A finished [`Trace`] written down.
//!
//! A renderer only writes: what a frame is called was decided before, and
//! [`RENDERERS`] is the table of what there is. Text and Markdown share one
//! description of what is shown (`document.rs`); JSON is made from the trace
//! itself through types that own its field names (`wire.rs`).

mod bracket;
pub mod diagnosis;
mod digest;
mod document;
pub mod dump;
pub(crate) mod escape;
mod excerpt;
mod firefox;
pub mod flamegraph;
mod folded;
mod frame;
mod guess;
mod html;
mod image_color;
pub mod images;
mod json;
mod line;
mod listing;
pub mod lookup;
mod markdown;
pub mod memory;
mod paths;
pub mod place;
mod regions;
mod stacks;
mod standing;
mod text;
mod wire;
mod words;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::resolve::Trace;
use crate::select::Selection;

pub(crate) use bracket::Bracket;
pub(crate) use digest::{Digest, DigestRow};

/// One output format: a row of plain data.
#[derive(Debug)]
pub struct Renderer {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for, in one line for a person.
    pub about: &'static str,
    /// The extension of a file of it, without the dot.
    pub extension: &'static str,
    /// Whether it has a place for notes and for files that are not used. Otherwise they have to be said beside it.
    pub has_notes: bool,
    /// Whether one document holds several traces, written one after the other with their
    /// [`RenderOptions::trace_index`]. Of others, write one.
    pub holds_several: bool,
    /// Writes a trace. Give it a buffered writer: it writes in small pieces.
    pub write: fn(&Trace, &RenderOptions, &mut dyn Write) -> io::Result<()>,
}

/// Every output format; the first is the default.
pub static RENDERERS: &[Renderer] = &[
    text::RENDERER,
    markdown::RENDERER,
    html::RENDERER,
    json::RENDERER,
    folded::RENDERER,
    flamegraph::RENDERER,
    firefox::RENDERER,
];

/// How a trace is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// Colour the text with ANSI styles. Only the one who knows the terminal can tell.
    pub color: bool,
    /// How wide the terminal is; `None` when there is none, and lines may be as long as they are.
    pub columns: Option<usize>,
    /// The command that made this output, for a reader who wants to repeat it.
    pub command: Option<String>,
    /// Show the report as read: every fact and every image in it, and nothing about what is missing.
    pub as_read: bool,
    /// Show names as the symbol files have them, not demangled.
    pub raw_names: bool,
    /// Which processes and threads are shown.
    pub selection: Selection,
    /// Which of several traces this is; they are written in their order.
    pub trace_index: TraceIndex,
    /// Bytes that the traces before this one take of the same document, for a format of limited length.
    pub written: usize,
}

/// Which trace a trace is of the several that one run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceIndex {
    /// Counted from 1.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Default for TraceIndex {
    /// The only one.
    fn default() -> TraceIndex {
        TraceIndex { index: 1, of: 1 }
    }
}
