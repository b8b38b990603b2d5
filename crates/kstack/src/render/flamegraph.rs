//! A trace as a flame graph: the picture of the folded stacks.

use std::collections::BTreeMap;
use std::io::{self, Write};

use inferno::flamegraph::color::{Color, PaletteMap};
use inferno::flamegraph::{self, Options};

use super::folded::{Folded, Unit};
use super::image_color::Colors;
use super::{RenderOptions, Renderer};
use crate::diagnose::fingerprint;
use crate::resolve::Trace;

pub(crate) const RENDERER: Renderer = Renderer {
    name: "flamegraph",
    about: "a picture for the browser (SVG): kernel, each kext and user space coloured apart",
    extension: "svg",
    has_notes: false,
    holds_several: false,
    write: draw,
};

/// Draws the stacks of a trace.
///
/// # Errors
///
/// Those of the writer; and when there is no stack to draw, or none with a sample.
pub fn draw(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let folded = Folded::of(trace, options);
    let mut subtitle = trace.report.format.to_owned();
    if let Some(fingerprint) = fingerprint(trace) {
        subtitle.push_str(&format!(", fingerprint {fingerprint}"));
    }
    let title = match trace.report.format {
        "zlog" => "Zone log",
        _ => "Kernel trace",
    };
    draw_folded(&folded, title, &subtitle, out)
}

/// Draws folded stacks.
pub(crate) fn draw_folded(
    folded: &Folded,
    title: &str,
    subtitle: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if folded.weighs_nothing() {
        return Err(nothing_to_draw());
    }
    let mut palette = PaletteMap::default();
    let colors = Colors::of(folded.kin.values());
    for (name, kin) in &folded.kin {
        let (r, g, b) = colors.shade(kin, name);
        palette.insert(name, Color { r, g, b });
    }
    let mut picture = options(title, subtitle, folded.unit);
    picture.palette_map = Some(&mut palette);
    let lines: Vec<String> = folded.lines().collect();
    flamegraph::from_lines(&mut picture, lines.iter().map(String::as_str), out)
}

/// Draws what one capture has more of than another: red grew, blue shrank. The widths are those of `after`.
///
/// # Errors
///
/// Those of the writer; and when `after` has no stack.
pub fn draw_difference(
    before: &Trace,
    after: &Trace,
    options_: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (before, after) = (Folded::of(before, options_), Folded::of(after, options_));
    if after.weighs_nothing() {
        return Err(nothing_to_draw());
    }
    let mut both: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (path, weight) in &before.weights {
        both.entry(path).or_default().0 = *weight;
    }
    for (path, weight) in &after.weights {
        both.entry(path).or_default().1 = *weight;
    }
    let lines: Vec<String> = both
        .iter()
        .map(|(path, (before, after))| format!("{path} {before} {after}"))
        .collect();
    let gone = both.values().filter(|(_, after)| *after == 0);
    let gone = gone.fold(0_u64, |sum, (before, _)| sum.saturating_add(*before));
    let unit = match after.unit {
        Unit::Threads => before.unit,
        unit => unit,
    };
    let (then, now, many) = (before.weight(), after.weight(), unit.many());
    let mut subtitle =
        format!("red: more than before; blue: less; {then} {many} before, {now} after");
    if gone > 0 {
        subtitle.push_str(&format!(
            "; {gone} of those before have no such stack now and no box"
        ));
    }
    let mut picture = options("Difference of two kernel traces", &subtitle, unit);
    flamegraph::from_lines(&mut picture, lines.iter().map(String::as_str), out)
}

fn options<'a>(title: &str, subtitle: &str, unit: Unit) -> Options<'a> {
    let mut options = Options::default();
    options.title = title.to_owned();
    options.subtitle = Some(subtitle.to_owned());
    options.count_name = unit.many().to_owned();
    // The same input, the same picture.
    options.deterministic = true;
    options
}

fn nothing_to_draw() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "there is no stack to draw; choose other processes or threads, or another report",
    )
}
