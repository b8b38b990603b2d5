//! A trace as a page for the browser: one file that needs no network and runs nothing but its own script.
//!
//! Every part can be read without the script, which only searches, filters
//! and folds. What is shown is decided where it is for the other outputs:
//! `document.rs` has the threads, [`diagnose`] the waits and the groups,
//! `line.rs` the words of a frame.

mod cards;
mod fields;
mod flame;
mod frames;
mod graph;
mod hue;
mod images;
mod page;
mod processes;
mod source;
mod summary;
mod threads;
mod waits;

use std::io::{self, Write};

use kstack_model::Thread;

use self::hue::Hues;
use super::diagnosis::Shown;
use super::document::Document;
use super::standing::Standings;
use super::{RenderOptions, Renderer};
use crate::diagnose::{Diagnosis, ThreadIndex, diagnose};
use crate::resolve::Trace;

pub(crate) const RENDERER: Renderer = Renderer {
    name: "html",
    about: "a page for the browser, in one file: waits as a graph, threads to search and fold, a flame graph",
    extension: "html",
    has_notes: true,
    holds_several: true,
    write,
};

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    write_diagnosed(&diagnose(trace), options, Shown::on_a_page(), out)
}

/// Several traces are articles of one page: the first opens it, the last closes it.
pub(super) fn write_diagnosed(
    diagnosis: &Diagnosis<'_>,
    options: &RenderOptions,
    shown: Shown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let place = options.trace_index;
    let document = Document::with_fingerprint(diagnosis.trace, options, diagnosis.fingerprint);
    let view = View::new(&document, diagnosis);
    if place.index <= 1 {
        page::open(&document, out)?;
    }
    write!(out, "<article id=\"t{}\">", place.index)?;
    let cards = cards::of(&view)?;
    let parts = [
        summary::section(&view, &cards),
        waits::section(&view, shown)?,
        threads::section(&view, &cards),
        flame::section(&view),
        processes::section(&view),
        images::section(&view),
        summary::notes(&view),
    ];
    for part in parts {
        out.write_all(part.into_string().as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.write_all(b"</article>\n")?;
    if place.index >= place.of {
        page::close(out)?;
    }
    Ok(())
}

/// A trace and all that its page is made of.
struct View<'a> {
    document: &'a Document<'a>,
    diagnosis: &'a Diagnosis<'a>,
    hues: Hues,
    standings: Standings,
    /// Whether the thread is on the page, and not left out by the selection.
    shown: Vec<bool>,
}

impl<'a> View<'a> {
    fn new(document: &'a Document<'a>, diagnosis: &'a Diagnosis<'a>) -> View<'a> {
        let mut view = View {
            document,
            diagnosis,
            hues: Hues::of(document),
            standings: Standings::of(diagnosis),
            shown: vec![false; diagnosis.threads.all.len()],
        };
        for process in &document.processes {
            for block in &process.threads {
                let index = view.index(block.thread);
                if let Some(shown) = index.and_then(|index| view.shown.get_mut(index)) {
                    *shown = true;
                }
            }
        }
        view
    }

    /// Which entry of the diagnosis a thread of the document is.
    fn index(&self, thread: &Thread) -> Option<ThreadIndex> {
        self.standings.index(thread)
    }

    /// An id in the page: no two traces share one.
    fn id(&self, what: &str, index: usize) -> String {
        format!("t{}-{what}{index}", self.document.options.trace_index.index)
    }

    /// A link to a thread that is on the page.
    fn link(&self, thread: ThreadIndex) -> Option<String> {
        let shown = self.shown.get(thread).copied().unwrap_or_default();
        shown.then(|| format!("#{}", self.id("th", thread)))
    }
}
