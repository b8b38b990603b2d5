//! One stack as a list of frames.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use kstack_model::Side;
use maud::{Escaper, Markup, PreEscaped, html};

use super::View;
use super::hue::{self, Class};
use super::source;
use crate::render::document::{FrameBlock, StackBlock};
use crate::render::escape::Visible;
use crate::render::frame::Line;
use crate::render::line::{self, Part, Pen};
use crate::render::words;

/// A stack, and the images of the kernel's space that its lines name.
pub(super) fn stack(
    view: &View<'_>,
    block: &StackBlock<'_>,
    images: &mut BTreeSet<String>,
) -> io::Result<Markup> {
    let mut frames = String::new();
    let lines = block.lines(view.document);
    let mut pen = HtmlPen {
        view,
        side: block.side,
        hue: view.hues.of_image(None, block.side),
        image: String::new(),
        images,
        html: String::new(),
    };
    for frame in &lines {
        write_frame(frame, &mut pen, &mut frames)?;
    }
    Ok(html! {
        h4 { (words::stack(block.side)) @if block.samples != 1 { " (" (block.samples) " samples)" } }
        @if lines.is_empty() { p.aside { "(no frames)" } } @else { ol { (PreEscaped(frames)) } }
        @if block.cut { p { em { (words::CUT_SHORT) } } }
    })
}

/// A line of the stack; what else its block shows comes below it, in the same item.
fn write_frame(frame: &FrameBlock<'_>, pen: &mut HtmlPen<'_>, html: &mut String) -> io::Result<()> {
    pen.begin();
    line::write(&frame.line, pen)?;
    let inlined = match frame.line {
        Line::Inlined(_) => " in",
        Line::Frame(_) => "",
    };
    let source = source::below(&frame.line).into_string();
    for part in [
        "<li class=\"",
        pen.hue,
        inlined,
        "\">",
        &pen.html,
        &source,
        "</li>",
    ] {
        html.push_str(part);
    }
    Ok(())
}

/// Puts the pieces of a line into elements.
struct HtmlPen<'a> {
    view: &'a View<'a>,
    side: Side,
    /// The colour of the image that the line names.
    hue: Class,
    /// The last image that was named: mostly that of the next line too.
    image: String,
    images: &'a mut BTreeSet<String>,
    /// The line.
    html: String,
}

impl HtmlPen<'_> {
    fn begin(&mut self) {
        self.html.clear();
        self.hue = self.view.hues.of_image(None, self.side);
    }

    fn meet(&mut self, image: &str) {
        self.hue = self.view.hues.of_image(Some(image), self.side);
        if self.image == image {
            return;
        }
        self.image.clear();
        self.image.push_str(image);
        if self.side == Side::Kernel {
            self.images.insert(Visible(image).to_string());
        }
    }
}

impl Pen for HtmlPen<'_> {
    fn put(&mut self, part: Part<'_>, text: fmt::Arguments<'_>) -> io::Result<()> {
        if let Part::Image(name) = part {
            self.meet(name);
        }
        let (open, close) = match part {
            // Neither addresses nor the kernel's name stand out, and there are a hundred thousand of them.
            Part::Plain | Part::Aside => ("", ""),
            Part::Image(_) if self.hue == hue::KERNEL => ("", ""),
            Part::Name => ("<b>", "</b>"),
            Part::Image(_) => ("<i>", "</i>"),
            Part::Source => ("<cite>", "</cite>"),
            Part::Mark => ("<em>", "</em>"),
        };
        self.html.push_str(open);
        fmt::write(&mut Escaper::new(&mut self.html), text).map_err(io::Error::other)?;
        self.html.push_str(close);
        Ok(())
    }
}
