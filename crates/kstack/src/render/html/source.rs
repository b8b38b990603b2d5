//! The source around a frame: folded below it, and unfolded on paper.

use maud::{Markup, html};

use crate::render::excerpt;
use crate::render::frame::Line;

/// The source around the place of a line; nothing where none is known.
pub(super) fn below(line: &Line<'_>) -> Markup {
    let rows = excerpt::rows(line);
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return html! {};
    };
    html! {
        details.source {
            summary {
                "source, "
                @if first.number == last.number { "line " (first.number) }
                @else { "lines " (first.number) " to " (last.number) }
            }
            pre {
                @for row in &rows {
                    @if row.is_the_line {
                        mark { (format_args!("> {:>5} | {}\n", row.number, row.text())) }
                    } @else {
                        (format_args!("  {:>5} | {}\n", row.number, row.text()))
                    }
                }
            }
        }
    }
}
