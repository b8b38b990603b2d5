//! Processes, threads and stacks as lines of text, for the text and for the fences of Markdown.

use std::fmt;
use std::io::{self, Write};

use anstyle::{Ansi256Color, AnsiColor, Style};
use kstack_model::ImageOffset;

use super::document::{Document, Field, ProcessBlock, StackBlock, ThreadBlock};
use super::escape::Visible;
use super::frame::{FrameLine, Inlined, Line, Marks, Place, SourcePlace, Title};
use super::{image_color, words};
use crate::diagnose::short;
use crate::resolve::Why;

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
    aside: Style,
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
    let heading = style.heading;
    match block.process.pid {
        Some(pid) => writeln!(out, "{heading}PID: {pid}{heading:#}")?,
        None => writeln!(out, "{heading}PID: not stated{heading:#}")?,
    }
    write_fields(&block.fields, "    ", style, out)?;
    if block.threads.is_empty() {
        writeln!(out, "    (no threads)")?;
    }
    for (index, thread) in block.threads.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_thread(document, thread, style, out)?;
    }
    Ok(())
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
    let lines = stack.lines(document);
    if lines.is_empty() {
        writeln!(out, "    (no frames)")?;
    }
    for (depth, line) in &lines {
        let blanks = indentation(*depth, document.options.columns);
        write!(out, "{:blanks$}", "")?;
        write_line(line, style, out)?;
        write_excerpt(line, blanks, style, out)?;
    }
    if stack.cut {
        let mark = style.mark;
        writeln!(out, "    {mark}[cut short: the stack went on]{mark:#}")?;
    }
    Ok(())
}

/// One line of a stack, without its indentation.
pub(crate) fn write_line(line: &Line<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    match line {
        Line::Inlined(inlined) => write_inlined(inlined, style, out),
        Line::Frame(frame) => write_frame(frame, style, out),
    }
}

/// The source around a line, under it and one step further in; `>` marks the line itself.
pub(crate) fn write_excerpt(
    line: &Line<'_>,
    blanks: usize,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let source = match line {
        Line::Inlined(inlined) => &inlined.source,
        Line::Frame(frame) => &frame.source,
    };
    let Some((place, excerpt)) = source
        .as_ref()
        .and_then(|place| Some((place, place.excerpt?)))
    else {
        return Ok(());
    };
    let aside = style.aside;
    for (text, number) in excerpt.lines.iter().zip(excerpt.first..) {
        let text = without_tabs(text);
        let text = Visible(text.trim_end());
        match place.line == Some(number) {
            true => writeln!(out, "{:blanks$}  > {number:>5} | {text}", "")?,
            false => writeln!(
                out,
                "{:blanks$}    {aside}{number:>5} | {text}{aside:#}",
                ""
            )?,
        }
    }
    Ok(())
}

/// Tabs as blanks up to the next eighth column, as the source was written for.
fn without_tabs(line: &str) -> String {
    let mut shown = String::new();
    let mut column = 0;
    for c in line.chars() {
        let width = if c == '\t' { 8 - column % 8 } else { 1 };
        match c {
            '\t' => shown.extend(std::iter::repeat_n(' ', width)),
            c => shown.push(c),
        }
        column += width;
    }
    shown
}

fn write_inlined(inlined: &Inlined<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    let name = style.name;
    match inlined.function {
        Some(function) => write!(out, "{name}{}{name:#}", Visible(function))?,
        None => out.write_all(b"(function without a name)")?,
    }
    write!(out, " [inlined in {}]", Visible(inlined.into))?;
    if let Some(image) = inlined.image {
        let color = style.image(image);
        write!(out, " (in {color}{}{color:#})", Visible(image))?;
    }
    write_source(inlined.source.as_ref(), out)?;
    write_marks(&inlined.marks, style, out)?;
    out.write_all(b"\n")
}

fn write_frame(frame: &FrameLine<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    write_title(&frame.title, style, out)?;
    let aside = style.aside;
    match (&frame.title, &frame.at) {
        (Title::Nothing, Place::Address(address)) => write!(out, "{address}")?,
        (Title::Nothing, Place::Offset(image, offset)) => {
            write!(out, "{}{}", Visible(image.unwrap_or("?")), Plus(*offset))?;
        }
        (_, Place::Address(address)) => write!(out, " {aside}({address}){aside:#}")?,
        (Title::Function { .. }, Place::Offset(Some(image), offset)) => {
            write!(
                out,
                " {aside}({}{}){aside:#}",
                Visible(image),
                Plus(*offset)
            )?;
        }
        (_, Place::Offset(..) | Place::NotStated) => {
            write!(out, " {aside}(address not stated){aside:#}")?
        }
    }
    write_source(frame.source.as_ref(), out)?;
    write_marks(&frame.marks, style, out)?;
    out.write_all(b"\n")
}

fn write_title(title: &Title<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    let bold = style.name;
    match title {
        Title::Function {
            name,
            image,
            offset,
        } => {
            write!(out, "{bold}{}{bold:#}", Visible(name))?;
            if let Some(image) = image {
                let color = style.image(image);
                write!(out, " (in {color}{}{color:#})", Visible(image))?;
            }
            match offset {
                Some(offset) => write!(out, " + {offset}"),
                None => Ok(()),
            }
        }
        Title::After {
            image,
            offset_in_image,
            name,
            offset,
        } => {
            let color = style.image(image);
            let (image, name) = (Visible(image), Visible(name));
            write!(
                out,
                "{color}{image}{color:#}{} (after {name} + {offset})",
                Plus(*offset_in_image)
            )
        }
        Title::InImage {
            image,
            offset_in_image,
        } => {
            let color = style.image(image);
            write!(
                out,
                "{color}{}{color:#}{}",
                Visible(image),
                Plus(*offset_in_image)
            )
        }
        Title::Nothing => Ok(()),
    }
}

fn write_source(source: Option<&SourcePlace<'_>>, out: &mut dyn Write) -> io::Result<()> {
    let Some(source) = source else { return Ok(()) };
    write!(out, " {}", Visible(source.file))?;
    let Some(line) = source.line else {
        return Ok(());
    };
    write!(out, ":{line}")?;
    if let Some(column) = source.column {
        write!(out, ":{column}")?;
    }
    match source.nearby {
        true => out.write_all(b" [nearest line]"),
        false => Ok(()),
    }
}

fn write_marks(marks: &Marks<'_>, style: Palette, out: &mut dyn Write) -> io::Result<()> {
    let mark = style.mark;
    if marks.start_only {
        write!(out, " {mark}[no name: function start only]{mark:#}")?;
    }
    if marks.unverified {
        write!(out, " {mark}[said by the report, not verified]{mark:#}")?;
    }
    match marks.why {
        Some(Why::NearestImageBelow) => {
            write!(out, " {mark}[uncertain: nearest image below]{mark:#}")?;
        }
        // The frame's own contradiction says more.
        Some(Why::Contradicted) if marks.contradicts.is_some() => {}
        Some(why) => write!(out, " {mark}[{why}]{mark:#}")?,
        None => {}
    }
    if let Some(made) = marks.made {
        write!(out, " {mark}[{made}]{mark:#}")?;
    }
    if let Some(entered) = marks.entered {
        let entered = Visible(entered);
        write!(
            out,
            " {mark}[entered through {entered}, which the stack does not show]{mark:#}"
        )?;
    }
    if marks.other_build {
        write!(out, " {mark}[from another build: the UUIDs differ]{mark:#}")?;
    }
    if let Some(contradicts) = marks.contradicts {
        write!(out, " {mark}[{contradicts}]{mark:#}")?;
    }
    if let Some(said) = marks.said {
        write!(out, " {mark}[said:")?;
        if let Some(symbol) = &said.symbol {
            write!(out, " {}", Visible(symbol))?;
        }
        if let Some(offset) = said.offset {
            write!(out, " + {offset:#x}")?;
        }
        if let Some(image) = &said.image {
            write!(out, " in {}", Visible(image))?;
        }
        write!(out, "]{mark:#}")?;
    }
    if let Some(remark) = marks.remark {
        write!(out, " {mark}[{}]{mark:#}", Visible(remark))?;
    }
    if let Some(raw) = marks.printed_as {
        write!(out, " {mark}[printed as {raw}]{mark:#}")?;
    }
    Ok(())
}

/// An offset in an image: " + 0x10", or " - 0x10" for one below the image's header.
pub(crate) struct Plus(pub(crate) ImageOffset);

impl fmt::Display for Plus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.0.cast_signed();
        let sign = if offset < 0 { '-' } else { '+' };
        write!(f, " {sign} {:#x}", offset.unsigned_abs())
    }
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
