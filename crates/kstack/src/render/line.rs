//! The words of one line of a stack, the same on a terminal, in a fence and on a page.

use std::fmt::{self, Display};
use std::io;

use kstack_model::ImageOffset;

use super::escape::Visible;
use super::frame::{FrameLine, Inlined, Line, Marks, Place, SourcePlace, Title};
use super::guess::Probably;
use crate::resolve::Why;

/// What a piece of a line is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    /// Words between the others.
    Plain,
    /// The name of a function.
    Name,
    /// The name of the image that this is.
    Image(&'a str),
    /// An address.
    Aside,
    /// A place in the source.
    Source,
    /// What a reader should know before trusting the line, in brackets.
    Mark,
}

/// Writes the pieces of a line as its output shows them. Names in them are visible as they are, and
/// still markup to whoever reads markup.
pub(crate) trait Pen {
    fn put(&mut self, part: Part<'_>, text: fmt::Arguments<'_>) -> io::Result<()>;
}

/// Writes a line, without its indentation and its end.
pub(crate) fn write(line: &Line<'_>, pen: &mut dyn Pen) -> io::Result<()> {
    match line {
        Line::Inlined(inlined) => write_inlined(inlined, pen),
        Line::Frame(frame) => write_frame(frame, pen),
    }
}

fn plain(pen: &mut dyn Pen, text: impl Display) -> io::Result<()> {
    pen.put(Part::Plain, format_args!("{text}"))
}

fn write_inlined(inlined: &Inlined<'_>, pen: &mut dyn Pen) -> io::Result<()> {
    match inlined.function {
        Some(function) => pen.put(Part::Name, format_args!("{}", Visible(function)))?,
        None => plain(pen, "(function without a name)")?,
    }
    plain(pen, format_args!(" [inlined in {}]", Visible(inlined.into)))?;
    if let Some(image) = inlined.image {
        write_in_image(image, pen)?;
    }
    write_source(inlined.source.as_ref(), pen)?;
    write_marks(&inlined.marks, pen)
}

fn write_frame(frame: &FrameLine<'_>, pen: &mut dyn Pen) -> io::Result<()> {
    write_title(&frame.title, pen)?;
    match (&frame.title, &frame.at) {
        (Title::Nothing, Place::Address(address)) => plain(pen, address)?,
        (Title::Nothing, Place::Offset(image, offset)) => {
            let image = Visible(image.unwrap_or("?"));
            plain(pen, format_args!("{image}{}", Plus(*offset)))?;
        }
        (_, Place::Address(address)) => aside(pen, format_args!("({address})"))?,
        (Title::Function { .. }, Place::Offset(Some(image), offset)) => {
            aside(pen, format_args!("({}{})", Visible(image), Plus(*offset)))?;
        }
        (_, Place::Offset(..) | Place::NotStated) => {
            aside(pen, format_args!("(address not stated)"))?;
        }
    }
    write_source(frame.source.as_ref(), pen)?;
    write_marks(&frame.marks, pen)
}

fn aside(pen: &mut dyn Pen, text: fmt::Arguments<'_>) -> io::Result<()> {
    plain(pen, " ")?;
    pen.put(Part::Aside, text)
}

fn write_title(title: &Title<'_>, pen: &mut dyn Pen) -> io::Result<()> {
    match title {
        Title::Function {
            name,
            image,
            offset,
        } => {
            pen.put(Part::Name, format_args!("{}", Visible(name)))?;
            if let Some(image) = image {
                write_in_image(image, pen)?;
            }
            match offset {
                Some(offset) => plain(pen, format_args!(" + {offset}")),
                None => Ok(()),
            }
        }
        Title::After {
            image,
            offset_in_image,
            name,
            offset,
        } => {
            write_image(image, pen)?;
            let (plus, name) = (Plus(*offset_in_image), Visible(name));
            plain(pen, format_args!("{plus} (after {name} + {offset})"))
        }
        Title::InImage {
            image,
            offset_in_image,
        } => {
            write_image(image, pen)?;
            plain(pen, Plus(*offset_in_image))
        }
        Title::Nothing => Ok(()),
    }
}

fn write_in_image(image: &str, pen: &mut dyn Pen) -> io::Result<()> {
    plain(pen, " (in ")?;
    write_image(image, pen)?;
    plain(pen, ")")
}

fn write_image(image: &str, pen: &mut dyn Pen) -> io::Result<()> {
    pen.put(Part::Image(image), format_args!("{}", Visible(image)))
}

fn write_source(source: Option<&SourcePlace<'_>>, pen: &mut dyn Pen) -> io::Result<()> {
    let Some(source) = source else { return Ok(()) };
    plain(pen, " ")?;
    let file = Visible(source.file);
    match (source.line, source.column) {
        (Some(line), Some(column)) => {
            pen.put(Part::Source, format_args!("{file}:{line}:{column}"))?;
        }
        (Some(line), None) => pen.put(Part::Source, format_args!("{file}:{line}"))?,
        (None, _) => return pen.put(Part::Source, format_args!("{file}")),
    }
    match source.nearby {
        true => plain(pen, " [nearest line]"),
        false => Ok(()),
    }
}

fn write_marks(marks: &Marks<'_>, pen: &mut dyn Pen) -> io::Result<()> {
    if marks.start_only {
        mark(pen, format_args!("no name: function start only"))?;
    }
    if marks.unverified {
        mark(pen, format_args!("said by the report, not verified"))?;
    }
    match marks.why {
        Some(Why::NearestImageBelow) => {
            mark(pen, format_args!("uncertain: nearest image below"))?;
        }
        // The frame's own contradiction says more.
        Some(Why::Contradicted) if marks.contradicts.is_some() => {}
        Some(why) => mark(pen, format_args!("{why}"))?,
        None => {}
    }
    if let Some(made) = marks.made {
        mark(pen, format_args!("{made}"))?;
    }
    if let Some(entered) = marks.entered {
        let entered = Visible(entered);
        mark(
            pen,
            format_args!("entered through {entered}, which the stack does not show"),
        )?;
    }
    if !marks.tail_callers.is_empty() {
        let callers = OneOf(&marks.tail_callers);
        mark(
            pen,
            format_args!("called through a tail call from {callers}"),
        )?;
    }
    if let Some(guess) = marks.guess {
        mark(pen, format_args!("{}", Probably(guess)))?;
    }
    if marks.other_build {
        mark(pen, format_args!("from another build: the UUIDs differ"))?;
    }
    if let Some(contradicts) = marks.contradicts {
        mark(pen, format_args!("{contradicts}"))?;
    }
    if let Some(said) = marks.said {
        mark(pen, format_args!("said:{}", SaidInWords(said)))?;
    }
    if let Some(remark) = marks.remark {
        mark(pen, format_args!("{}", Visible(remark)))?;
    }
    if let Some(raw) = marks.printed_as {
        mark(pen, format_args!("printed as {raw}"))?;
    }
    Ok(())
}

fn mark(pen: &mut dyn Pen, text: fmt::Arguments<'_>) -> io::Result<()> {
    plain(pen, " ")?;
    pen.put(Part::Mark, format_args!("[{text}]"))
}

/// `a`, or `one of a, b`.
struct OneOf<'a>(&'a [&'a str]);

impl Display for OneOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            f.write_str("one of ")?;
        }
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Visible(name))?;
        }
        Ok(())
    }
}

/// `arc_read + 0xc in zfs`, as much of it as was said.
struct SaidInWords<'a>(&'a kstack_model::Said);

impl Display for SaidInWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.0;
        if let Some(symbol) = &said.symbol {
            write!(f, " {}", Visible(symbol))?;
        }
        if let Some(offset) = said.offset {
            write!(f, " + {offset:#x}")?;
        }
        match &said.image {
            Some(image) => write!(f, " in {}", Visible(image)),
            None => Ok(()),
        }
    }
}

/// An offset in an image: " + 0x10", or " - 0x10" for one below the image's header.
pub(crate) struct Plus(pub(crate) ImageOffset);

impl Display for Plus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.0.cast_signed();
        let sign = if offset < 0 { '-' } else { '+' };
        write!(f, " {sign} {:#x}", offset.unsigned_abs())
    }
}
