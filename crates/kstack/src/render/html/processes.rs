//! The processes with what is said of them, and where their threads are on the page.

use maud::{Markup, html};

use super::{View, fields};
use crate::diagnose::process_in_words;
use crate::render::document::ProcessBlock;
use crate::render::escape::Visible;
use crate::render::words::Count;

pub(super) fn section(view: &View<'_>) -> Markup {
    let trace = view.document.options.trace_index.index;
    html! {
        section id={ "t" (trace) "-processes" } {
            h2 { "Processes" }
            @for (position, block) in view.document.processes.iter().enumerate() {
                (process(view, position, block))
            }
        }
    }
}

fn process(view: &View<'_>, position: usize, block: &ProcessBlock<'_>) -> Markup {
    // The name stands at its head.
    let rest = block
        .fields
        .iter()
        .filter(|field| field.is_fact || field.name != "Process");
    html! {
        div.process id=(view.id("p", position)) {
            strong { bdi { (Visible(&process_in_words(block.process))) } }
            " " span.aside { (Count(block.threads.len(), "thread")) }
            " " (fields::row(rest))
            @for thread in &block.threads {
                @if let Some(href) = view.index(thread.thread).and_then(|index| view.link(index)) {
                    " " a href=(href) {
                        @match thread.thread.id {
                            Some(id) => (format_args!("{id:#x}")),
                            None => "no id",
                        }
                    }
                }
            }
        }
    }
}
