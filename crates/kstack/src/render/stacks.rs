//! Processes, threads and stacks as lines of text, for the text and for the fences of Markdown.

use std::fmt;
use std::io::{self, Write};

use anstyle::{Ansi256Color, AnsiColor, Style};

use super::document::{Document, Field, FrameBlock, ProcessBlock, StackBlock, ThreadBlock};
use super::escape::Visible;
use super::frame::Line;
use super::line::{self, Part, Pen};
use super::{excerpt, image_color, words};
use crate::diagnose::short;

/// Frames deeper than this are not indented further: a stack of hundreds stays readable.
const DEEPEST: usize = 20;

/// Blanks before a frame. On a narrow terminal at most a quarter of it: the names are what is read.
fn indentation(depth: usize, columns: Option<usize>) -> usize {
    const MARGIN: usize = 4;
    let wanted = MARGIN + 2 * depth.min(DEEPEST);
    match columns {
        Some(columns) => wanted.min((columns / 4).max(MARGIN)),
        None => wanted,
    }
}

/// The styles of the parts of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    pub(crate) heading: Style,
    pub(super) name: Style,
    pub(super) aside: Style,
    pub(crate) mark: Style,
    /// Whether images have colours of their own.
    colors_images: bool,
}

impl Palette {
    /// The style of an image's name: each kext has its own colour, the kernel and the rest are dim.
    fn image(&self, image: &str) -> Style {
        if !self.colors_images {
            return Style::new();
        }
        match short(image) {
            "kernel" => self.aside,
            name => Ansi256Color(image_color::terminal(name)).on_default(),
        }
    }
}

/// Writes the parts of a line in their styles.
struct Styled<'a> {
    style: Palette,
    out: &'a mut dyn Write,
}

impl Pen for Styled<'_> {
    fn put(&mut self, part: Part<'_>, text: fmt::Arguments<'_>) -> io::Result<()> {
        let style = match part {
            Part::Plain | Part::Source => return self.out.write_fmt(text),
            Part::Name => self.style.name,
            Part::Image(image) => self.style.image(image),
            Part::Aside => self.style.aside,
            Part::Mark => self.style.mark,
        };
        write!(self.out, "{style}{text}{style:#}")
    }
}

/// No styles at all.
pub(crate) const PLAIN: Palette = Palette {
    heading: Style::new(),
    name: Style::new(),
    aside: Style::new(),
    mark: Style::new(),
    colors_images: false,
};

/// Styles for a terminal.
pub(crate) const COLORS: Palette = Palette {
    heading: Style::new().bold(),
    name: AnsiColor::Green.on_default(),
    aside: Style::new().dimmed(),
    mark: AnsiColor::Yellow.on_default(),
    colors_images: true,
};

/// A process with its threads.
pub(crate) fn write_process(
    document: &Document<'_>,
    block: &ProcessBlock<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_process_head(block, style, out)?;
    for (index, thread) in block.threads.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_thread(document, thread, style, out)?;
    }
    Ok(())
}

/// A process without its threads.
pub(crate) fn write_process_head(
    block: &ProcessBlock<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = style.heading;
    match block.process.pid {
        Some(pid) => writeln!(out, "{heading}PID: {pid}{heading:#}")?,
        None => writeln!(out, "{heading}PID: not stated{heading:#}")?,
    }
    write_fields(&block.fields, "    ", style, out)?;
    match block.threads.is_empty() {
        true => writeln!(out, "    (no threads)"),
        false => Ok(()),
    }
}

/// A thread with its stacks.
pub(crate) fn write_thread(
    document: &Document<'_>,
    block: &ThreadBlock<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_fields(&block.fields, "    ", style, out)?;
    if block.stacks.is_empty() {
        writeln!(out, "    (no stack)")?;
    }
    for stack in &block.stacks {
        write_stack(document, stack, style, out)?;
    }
    Ok(())
}

pub(crate) fn write_fields(
    fields: &[Field<'_>],
    indent: &str,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = style.heading;
    for Field { name, value, .. } in fields {
        let (name, value) = (Visible(name), Visible(value));
        writeln!(out, "{indent}{heading}{name}:{heading:#} {value}")?;
    }
    Ok(())
}

pub(crate) fn write_stack(
    document: &Document<'_>,
    stack: &StackBlock<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let heading = style.heading;
    write!(out, "    {heading}{}", words::stack(stack.side))?;
    if stack.samples != 1 {
        write!(out, " ({} samples)", stack.samples)?;
    }
    writeln!(out, ":{heading:#}")?;
    write_frames(document, stack, style, out)
}

/// The frames of a stack without a heading.
pub(crate) fn write_frames(
    document: &Document<'_>,
    stack: &StackBlock<'_>,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lines = stack.lines(document);
    if lines.is_empty() {
        writeln!(out, "    (no frames)")?;
    }
    for FrameBlock { depth, line } in &lines {
        let blanks = indentation(*depth, document.options.columns);
        write!(out, "{:blanks$}", "")?;
        write_line(line, style, out)?;
        excerpt::write(line, blanks, style, out)?;
    }
    if stack.cut {
        let mark = style.mark;
        writeln!(out, "    {mark}{}{mark:#}", words::CUT_SHORT)?;
    }
    Ok(())
}

/// One line of a stack, without its indentation.
pub(crate) fn write_line(line: &Line<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    line::write(line, &mut Styled { style, out })?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_keeps_three_quarters_for_the_names() {
        assert_eq!(indentation(3, None), 10);
        assert_eq!(indentation(50, None), 44);
        assert_eq!(indentation(50, Some(80)), 20);
        assert_eq!(indentation(0, Some(8)), 4);
    }

    #[test]
    fn kexts_have_colours_of_their_own_and_the_kernel_is_dim() {
        assert_eq!(COLORS.image("mach_kernel"), COLORS.aside);
        assert_ne!(
            COLORS.image("net.lundman.zfs"),
            COLORS.image("net.lundman.spl")
        );
        assert_eq!(PLAIN.image("net.lundman.zfs"), Style::new());
    }
}
