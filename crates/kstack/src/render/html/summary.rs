//! What a reader wants first: what went wrong, who is stuck, what is missing; and the notes at the end.

use maud::{Markup, html};

use super::cards::Card;
use super::{View, fields, waits};
use crate::diagnose::Node;
use crate::render::TraceIndex;
use crate::render::document::Field;
use crate::render::escape::{Visible, Whole};
use crate::render::words::Count;

pub(super) fn section(view: &View<'_>, cards: &[Card<'_>]) -> Markup {
    let document = view.document;
    html! {
        header {
            h1 { "Kernel trace" }
            (fields::list(document.head.iter().filter(|field| !is_in_verdict(view, field))))
            ul.verdict { @for sentence in verdict(view) { li { (sentence) } } }
            p.aside {
                (Count(document.processes.len(), "process")) ", "
                (Count(cards.iter().map(|card| card.members.len()).sum(), "thread")) ", "
                (Count(cards.len(), "different stack")) "."
            }
            (contents(view))
            @if let Some(command) = &document.options.command {
                details.command {
                    summary { "The command that made this page" }
                    pre { (Whole(command)) }
                }
            }
        }
    }
}

fn contents(view: &View<'_>) -> Markup {
    /// Traces that are linked to.
    const MOST: usize = 12;
    let TraceIndex { index: trace, of } = view.document.options.trace_index;
    let parts = [
        ("waits", "Waits"),
        ("threads", "Threads"),
        ("flame", "Flame graph"),
        ("processes", "Processes"),
        ("images", "Images"),
        ("notes", "Notes"),
    ];
    html! {
        nav aria-label="Parts of this trace" {
            @for (id, name) in parts {
                @let is_there = match id {
                    "notes" => view.document.notes().next().is_some(),
                    "waits" => waits::can_tell(view.diagnosis),
                    _ => true,
                };
                @if is_there {
                    a href={ "#t" (trace) "-" (id) } { (name) } " "
                }
            }
            @for other in (1..=of.min(MOST)).filter(|other| *other != trace) {
                a href={ "#t" (other) } { "Trace " (other) " of " (of) } " "
            }
        }
    }
}

/// Whether the verdict, which follows, says the same in red.
fn is_in_verdict(view: &View<'_>, field: &Field<'_>) -> bool {
    let mut faults = view.diagnosis.faults.iter();
    field.is_fact && faults.any(|fault| fault.lines().any(|line| line == field.value))
}

/// One sentence for each thing that decides where to look.
fn verdict(view: &View<'_>) -> Vec<Markup> {
    let diagnosis = view.diagnosis;
    let mut sentences = Vec::new();
    for line in diagnosis.faults.iter().flat_map(|fault| fault.lines()) {
        sentences.push(html! { em { (Visible(line)) } });
    }
    let (certain, possible): (Vec<_>, Vec<_>) = diagnosis
        .deadlocks
        .iter()
        .partition(|deadlock| deadlock.is_certain);
    for (deadlocks, what) in [(certain, "deadlock"), (possible, "possible deadlock")] {
        if !deadlocks.is_empty() {
            let threads = deadlocks.iter().map(|deadlock| deadlock.waits.len()).sum();
            let how = match (threads, deadlocks.len()) {
                (1, _) => " that waits for itself.",
                (_, 1) => " in a circle.",
                _ => " in circles.",
            };
            sentences.push(html! {
                em { (Count(deadlocks.len(), what)) } ": " (Count(threads, "thread")) (how)
            });
        }
    }
    sentences.extend(most_wanted(view));
    if !view.document.options.as_read {
        sentences.extend(missing(view));
    }
    sentences
}

/// Whom most threads wait for.
fn most_wanted(view: &View<'_>) -> Option<Markup> {
    let roots = &view.diagnosis.chains.roots;
    let root = roots.first()?;
    let whom = view.diagnosis.whose_turn(root.node);
    let waiters = Count(root.waiters, "thread");
    let verb = if root.waiters == 1 { "waits" } else { "wait" };
    Some(html! {
        @if roots.len() > 1 { (roots.len()) " chains of waits; the most: " }
        (waiters) " " (verb) " for "
        @match root.node {
            Node::Thread(thread) => (link(view.link(thread), &whom)),
            _ => bdi { (Visible(&whom)) },
        }
        "."
    })
}

fn link(href: Option<String>, name: &str) -> Markup {
    html! {
        @match href {
            Some(href) => a href=(href) { bdi { (Visible(name)) } },
            None => bdi { (Visible(name)) },
        }
    }
}

/// Frames whose names a file could give.
fn missing(view: &View<'_>) -> Option<Markup> {
    let missing = &view.document.missing;
    let without_file: usize = missing.images.iter().map(|image| image.frames).sum();
    let nowhere: usize = missing.unknown.iter().map(|unknown| unknown.frames).sum();
    let mut parts = Vec::new();
    if without_file > 0 {
        let images = Count(missing.images.len(), "image");
        let frames = Count(without_file, "kernel frame");
        parts.push(format!("{frames} in {images} without a symbol file"));
    }
    if nowhere > 0 {
        let frames = Count(nowhere, "kernel frame");
        parts.push(format!("{frames} in no known image"));
    }
    let document = view.document;
    let trace = document.options.trace_index.index;
    // The files are asked for on account of all threads, shown or not.
    let whole = match document.processes_left_out + document.threads_left_out {
        0 => "",
        _ => ", in the whole report",
    };
    (!parts.is_empty()).then(|| {
        html! { a href={ "#t" (trace) "-images" } { (parts.join(", ")) } (whole) "." }
    })
}

/// What a reader should know.
pub(super) fn notes(view: &View<'_>) -> Markup {
    let trace = view.document.options.trace_index.index;
    let dropped = view.diagnosis.waits.dropped;
    let any = view.document.notes().next().is_some() || dropped > 0;
    html! {
        @if any {
            section id={ "t" (trace) "-notes" } {
                h2 { "Notes" }
                ul {
                    @for note in view.document.notes() {
                        li {
                            @if let Some(at) = note.at { (at) ": " }
                            bdi { (Visible(&note.text)) }
                        }
                    }
                    @if dropped > 0 {
                        li {
                            (Count(dropped, "wait record"))
                            " not used: of threads that are not in the report, or a second one of a thread"
                        }
                    }
                }
            }
        }
    }
}
