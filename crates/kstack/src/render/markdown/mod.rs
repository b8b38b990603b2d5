//! A trace as Markdown for an issue tracker: the threads that matter in full, the rest folded.
//!
//! Every text from outside stands in a fenced block or in a code span, where
//! nothing is markup, a mention or a link.

mod block;
mod fence;
mod focus;
mod head;
mod images;
mod lists;
pub(crate) mod room;
mod threads;

use std::io::{self, Write};
use std::mem;

use self::lists::write_missing;
use self::room::{Dropped, LAST_WORDS};
use super::document::Document;
use super::standing::Standings;
use super::words::Count;
use super::{RenderOptions, Renderer};
use crate::diagnose::diagnose;
use crate::resolve::Trace;

pub(crate) use self::fence::write_fence;
pub(super) use self::head::{LONGEST_HEAD, add_command, head};
pub(super) use self::images::write_images;
pub(super) use self::lists::{write_not_used, write_notes};

pub(crate) const RENDERER: Renderer = Renderer {
    name: "markdown",
    about: "for an issue tracker: what matters in full, the rest folded",
    extension: "md",
    has_notes: true,
    holds_several: true,
    write,
};

/// What the lists after the threads may take of a document.
const LONGEST_TAIL: usize = 20_000;

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let Some(room) = room::or_say(options, out)? else {
        return Ok(());
    };
    let diagnosis = diagnose(trace);
    let mut document = Document::with_fingerprint(trace, options, diagnosis.fingerprint);
    if options.trace_index.index > 1 {
        writeln!(out, "\n---\n")?;
    }
    let processes = mem::take(&mut document.processes);
    let mut dropped = Dropped::default();
    let head = head(&document, "Kernel trace", room, &mut dropped)?;
    let mut tail = Vec::new();
    write_images(&document, "frames", &mut tail)?;
    write_missing(&document, &mut tail)?;
    write_not_used(&document, &mut tail)?;
    write_notes(&document, &mut tail)?;
    dropped.cut(&mut tail, LONGEST_TAIL.min(room / 3));

    out.write_all(&head)?;
    let room = room.saturating_sub(LAST_WORDS + head.len() + tail.len());
    let standings = Standings::of(&diagnosis);
    threads::write(&document, &standings, processes, room, &mut dropped, out)?;
    if document.processes_left_out + document.threads_left_out > 0 {
        let processes = Count(document.processes_left_out, "process");
        let threads = Count(document.threads_left_out, "thread");
        writeln!(out, "\nLeft out by the selection: {processes}, {threads}.")?;
    }
    dropped.write(out)?;
    out.write_all(&tail)
}
