//! The source around a line of a stack.

use std::io::{self, Write};

use super::escape::Visible;
use super::frame::Line;
use super::stacks::Palette;

/// The source around a line, under it and one step further in; `>` marks the line itself.
pub(crate) fn write(
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
