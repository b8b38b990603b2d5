//! Who waits for whom: a picture, and the same in words.

use std::io;

use maud::{Markup, html};

use super::{View, graph};
use crate::diagnose::Diagnosis;
use crate::render::diagnosis::{Shown, waiting};
use crate::render::stacks::PLAIN;

/// Whether it can be asked who waits for whom: one thread alone, as in most panics, waits for nobody.
pub(super) fn can_tell(diagnosis: &Diagnosis<'_>) -> bool {
    diagnosis.threads.all.len() > 1 || diagnosis.waits.are_recorded()
}

pub(super) fn section(view: &View<'_>, shown: Shown) -> io::Result<Markup> {
    if !can_tell(view.diagnosis) {
        return Ok(html! {});
    }
    let trace = view.document.options.trace_index.index;
    let sections = waiting::sections(view.diagnosis, view.document, shown, PLAIN)?;
    let told: Vec<_> = sections
        .iter()
        .filter(|section| !section.lines.is_empty())
        .collect();
    let recorded = view.diagnosis.waits.are_recorded();
    Ok(html! {
        section id={ "t" (trace) "-waits" } {
            h2 { "Who waits for whom" }
            @if told.is_empty() {
                p.aside { (match recorded {
                    true => "No thread is recorded to wait for another.",
                    false => "The report does not record who owns what.",
                }) }
            }
            (graph::figure(view))
            @for section in told {
                details.words open[view.diagnosis.waits.edges.is_empty()] {
                    summary { (section.title) }
                    @if let Some(about) = section.about { p.aside { (about) "." } }
                    pre { (String::from_utf8_lossy(&section.lines)) }
                }
            }
        }
    })
}
