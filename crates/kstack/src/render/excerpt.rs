//! The source around a line of a stack.

use std::io::{self, Write};

use kstack_symbols::Excerpt;

use super::escape::Visible;
use super::frame::Line;
use super::stacks::Palette;

/// One line of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: u32,
    /// Whether it is the one that the frame lies at.
    pub(crate) is_the_line: bool,
    /// With tabs as blanks, and still with all else that a source may hold.
    text: String,
}

impl Row {
    pub(crate) fn text(&self) -> Visible<'_> {
        Visible(self.text.trim_end())
    }
}

/// The source around the place of a line; nothing where none is known.
pub(crate) fn rows(line: &Line<'_>) -> Vec<Row> {
    let source = match line {
        Line::Inlined(inlined) => &inlined.source,
        Line::Frame(frame) => &frame.source,
    };
    let Some(place) = source else {
        return Vec::new();
    };
    let Some(Excerpt { first, lines }) = place.excerpt else {
        return Vec::new();
    };
    let numbered = lines.iter().zip(*first..);
    let rows = numbered.map(|(text, number)| Row {
        number,
        is_the_line: place.line == Some(number),
        text: without_tabs(text),
    });
    rows.collect()
}

/// The source around a line, under it and one step further in; `>` marks the line itself.
pub(crate) fn write(
    line: &Line<'_>,
    blanks: usize,
    style: Palette,
    out: &mut dyn Write,
) -> io::Result<()> {
    let aside = style.aside;
    for row in rows(line) {
        let (number, text) = (row.number, row.text());
        match row.is_the_line {
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
