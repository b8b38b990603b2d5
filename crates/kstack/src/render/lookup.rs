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

/// The text of each frame, in one piece of memory: there can be very many, and they can be wanted in another order.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text, written by the function.
    ///
    /// # Errors
    ///
    /// When the function fails; what it has written by then is dropped.
    pub fn add(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let start = self.bytes.len();
        write(&mut self.bytes).inspect_err(|_| self.bytes.truncate(start))?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// The text that was added as number `index`, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let before = index.checked_sub(1).and_then(|index| self.ends.get(index));
        self.bytes.get(before.copied().unwrap_or(0)..end)
    }

    /// The texts in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map_while(|index| self.get(index))
    }

    /// Bytes of all texts together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Adds the lines of each frame, those of inlined functions first, as in a stack but without its indentation.
///
/// # Errors
///
/// When a line cannot be written.
pub fn write_text(trace: &Trace, options: &RenderOptions, texts: &mut Texts) -> io::Result<()> {
    let document = Document::bare(trace, options, Vec::new());
    let style = if options.color { COLORS } else { PLAIN };
    let mut lines = Vec::new();
    for (space, frame) in frames(trace) {
        frame::lines(&document, space, frame, None, &mut lines);
        texts.add(|out| {
            lines.drain(..).try_for_each(|line| {
                write_line(&line, style, out)?;
                excerpt::write(&line, 0, style, out)
            })
        })?;
    }
    Ok(())
}

/// Adds one line of JSON for each frame: the frame fields of `docs/json.md`.
///
/// # Errors
///
/// When a line cannot be written.
pub fn write_json(trace: &Trace, options: &RenderOptions, texts: &mut Texts) -> io::Result<()> {
    let writer = Writer::new(trace, options);
    for (space, frame) in frames(trace) {
        texts.add(|out| {
            harmless::write_compact(&writer.frame(space, frame, None), out)?;
            out.write_all(b"\n")
        })?;
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
