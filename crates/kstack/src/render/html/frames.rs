//! One stack as a list of frames.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use kstack_model::Side;
use maud::{Escaper, Markup, PreEscaped, html};

use super::View;
use super::hue::{self, Class};
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
    for frame in &lines {
        write_frame(view, frame, block.side, images, &mut frames)?;
    }
    Ok(html! {
        h4 { (words::stack(block.side)) @if block.samples != 1 { " (" (block.samples) " samples)" } }
        @if lines.is_empty() { p.aside { "(no frames)" } } @else { ol { (PreEscaped(frames)) } }
        @if block.cut { p { em { (words::CUT_SHORT) } } }
    })
}

/// A line of the stack; what else its block shows comes below it, in the same item.
fn write_frame(
    view: &View<'_>,
    frame: &FrameBlock<'_>,
    side: Side,
    images: &mut BTreeSet<String>,
    html: &mut String,
) -> io::Result<()> {
    let mut words = String::new();
    let mut pen = HtmlPen {
        view,
        side,
        hue: view.hues.of_image(None, side),
        images,
        html: &mut words,
    };
    line::write(&frame.line, &mut pen)?;
    let hue = pen.hue;
    let inlined = match frame.line {
        Line::Inlined(_) => " in",
        Line::Frame(_) => "",
    };
    for part in ["<li class=\"", hue, inlined, "\">", &words, "</li>"] {
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
    images: &'a mut BTreeSet<String>,
    html: &'a mut String,
}

impl Pen for HtmlPen<'_> {
    fn put(&mut self, part: Part<'_>, text: fmt::Arguments<'_>) -> io::Result<()> {
        if let Part::Image(name) = part {
            self.hue = self.view.hues.of_image(Some(name), self.side);
            if self.side == Side::Kernel {
                self.images.insert(Visible(name).to_string());
            }
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
        fmt::write(&mut Escaper::new(self.html), text).map_err(io::Error::other)?;
        self.html.push_str(close);
        Ok(())
    }
}
