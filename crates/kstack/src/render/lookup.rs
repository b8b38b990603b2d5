//! Every frame of a report by itself, for lookups of bare addresses.

use std::io::{self, Write};

use super::RenderOptions;
use super::document::Document;
use super::excerpt;
use super::frame;
use super::json::{Writer, harmless};
use super::stacks::{COLORS, PLAIN, write_line};
use crate::resolve::{SpaceId, Trace};
use kstack_model::Frame;

/// Writes the lines of each frame, those of inlined functions first, as in a stack but without its indentation.
///
/// # Errors
///
/// When the writer fails.
pub fn write_text(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let document = Document::bare(trace, options, Vec::new());
    let style = if options.color { COLORS } else { PLAIN };
    let mut lines = Vec::new();
    for (space, frame) in frames(trace) {
        frame::lines(&document, space, frame, None, &mut lines);
        for line in lines.drain(..) {
            write_line(&line, style, out)?;
            excerpt::write(&line, 0, style, out)?;
        }
    }
    Ok(())
}

/// Writes one line of JSON for each frame: the frame fields of `docs/json.md`.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let writer = Writer::new(trace, options);
    for (space, frame) in frames(trace) {
        harmless::write_compact(&writer.frame(space, frame, None), out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn frames(trace: &Trace) -> impl Iterator<Item = (SpaceId, &Frame)> {
    let processes = trace.report.processes.iter().enumerate();
    processes.flat_map(|(index, process)| {
        let stacks = process.threads.iter().flat_map(|thread| &thread.stacks);
        stacks.flat_map(move |stack| {
            let space = SpaceId::of(stack.side, index);
            stack.frames.iter().map(move |frame| (space, frame))
        })
    })
}
