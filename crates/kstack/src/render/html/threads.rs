//! The threads: one card for each stack, with all who have it.

use std::collections::HashSet;

use maud::{Markup, PreEscaped, html};

use super::cards::{Card, Member};
use super::{View, fields};
use crate::diagnose::{Rank, ThreadIndex, process_in_words};
use crate::render::escape::Visible;
use crate::render::standing::Part;
use crate::render::words::Count;

/// Cards of the first ranks that are unfolded from the start.
const UNFOLDED: usize = 8;

pub(super) fn section(view: &View<'_>, cards: &[Card<'_>]) -> Markup {
    let in_circles: HashSet<ThreadIndex> = view
        .diagnosis
        .deadlocks
        .iter()
        .flat_map(|deadlock| deadlock.threads())
        .collect();
    let is_open = |position: usize, card: &Card<'_>| {
        let mut members = card.members.iter();
        let matters = card.part <= Part::Busy(Rank::OtherKext)
            || cards.len() <= UNFOLDED
            || members.any(|member| in_circles.contains(&member.index));
        matters && position < UNFOLDED
    };
    let all: Vec<(usize, &Card<'_>)> = cards.iter().enumerate().collect();
    html! {
        section id=(view.id("threads", 0).trim_end_matches('0')) {
            h2 { "Threads" }
            @if cards.is_empty() { p.aside { "No thread is shown." } }
            @for part in all.chunk_by(|(_, one), (_, next)| one.part == next.part) {
                (heading(part))
                @for (position, card) in part { (self::card(view, *position, card, is_open(*position, card))) }
            }
            (left_out(view))
        }
    }
}

fn heading(cards: &[(usize, &Card<'_>)]) -> Markup {
    let threads = cards.iter().map(|(_, card)| card.members.len()).sum();
    html! {
        @if let Some((_, first)) = cards.first() {
            h3 {
                (first.part.in_words())
                span.aside { " " (Count(cards.len(), "stack")) " of " (Count(threads, "thread")) }
            }
        }
    }
}

fn card(view: &View<'_>, position: usize, card: &Card<'_>, is_open: bool) -> Markup {
    let images: Vec<&str> = card.stacks.images.iter().map(String::as_str).collect();
    html! {
        // Names on the page hold no line ends, so that one can stand between them.
        details.card id=(view.id("c", position)) open[is_open] data-images=(images.join("\n")) {
            summary { (summary(view, card)) }
            ul.who { @for member in &card.members { (self::member(view, member)) } }
            (PreEscaped(card.stacks.html.as_str()))
        }
    }
}

/// Who it is, and what the first of them does.
fn summary(view: &View<'_>, card: &Card<'_>) -> Markup {
    const MOST: usize = 3;
    let Some(first) = card.members.first() else {
        return html! {};
    };
    let mut processes: Vec<(usize, String)> = Vec::new();
    for member in &card.members {
        if processes.last().map(|(process, _)| *process) != Some(member.process) {
            let name = process_in_words(member.block.process);
            processes.push((member.process, name));
        }
    }
    let more = processes.len().saturating_sub(MOST);
    html! {
        @if card.members.len() > 1 { span.count { (card.members.len()) " threads" } " " }
        strong {
            @for (position, (_, name)) in processes.iter().take(MOST).enumerate() {
                @if position > 0 { ", " }
                bdi { (Visible(name)) }
            }
            @if more > 0 { " and " (more) " more" }
        }
        @if card.members.len() == 1 { " " (thread_in_words(first)) }
        @if let Some(at) = waits_at(view, first.index) { span.at { " at " bdi { (Visible(&at)) } } }
    }
}

fn thread_in_words(member: &Member<'_>) -> Markup {
    let thread = member.thread.thread;
    html! {
        @match thread.id {
            Some(id) => { "thread " (format_args!("{id:#x}")) },
            None => "thread without an id",
        }
        @if let Some(name) = &thread.name { " " q { (Visible(name)) } }
    }
}

/// The frame at which a thread stands, below the machinery of waiting.
fn waits_at(view: &View<'_>, index: ThreadIndex) -> Option<String> {
    let (threads, labels) = (&view.diagnosis.threads, &view.diagnosis.labels);
    let entry = threads.get(index)?;
    let (side, frame) = entry.waits_at(labels)?;
    Some(labels.get(entry.label(side, frame)?)?.in_words())
}

/// One thread with all that is said of it.
fn member(view: &View<'_>, member: &Member<'_>) -> Markup {
    let thread = member.thread.thread;
    let state = thread.state.map_or_else(
        || "not stated".to_owned(),
        kstack_model::ThreadState::in_words,
    );
    // Both stand at its head.
    let rest = member
        .thread
        .fields
        .iter()
        .filter(|field| field.is_fact || !matches!(&*field.name, "Thread ID" | "Thread name"));
    let mut doing = view.diagnosis.doing(member.index);
    doing.extend(view.diagnosis.processor_time_in_words(&[member.index]));
    let doing = doing.join("; ");
    html! {
        li id=(view.id("th", member.index)) data-state=(state) {
            a.process href={ "#" (view.id("p", member.process)) } {
                (Visible(&process_in_words(member.block.process)))
            }
            " " span.thread { (thread_in_words(member)) }
            @if !doing.is_empty() { " " span.doing { (Visible(&doing)) } }
            div.fields { (fields::row(rest)) }
        }
    }
}

/// What the selection of the user leaves out.
fn left_out(view: &View<'_>) -> Markup {
    let (processes, threads) = (
        view.document.processes_left_out,
        view.document.threads_left_out,
    );
    html! {
        @if processes + threads > 0 {
            p.aside {
                "Left out by the selection: " (Count(processes, "process")) ", " (Count(threads, "thread")) "."
            }
        }
    }
}
