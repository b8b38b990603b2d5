//! Boxes and arrows as a still picture; a box leads to its thread.

use maud::{Markup, html};

use super::super::View;
use super::choose::Who;
use super::place::{Arrow, HEIGHT, Path, Placed, Placing, WIDTH};
use crate::diagnose::{Node, ThreadIndex, process_in_words};
use crate::render::escape::Visible;
use crate::render::words::Count;

/// Characters of a line in a box; the whole is in its title.
const FIT: usize = 42;

pub(super) fn picture(view: &View<'_>, placed: &Placed) -> Markup {
    let head = view.id("arrow", 0);
    html! {
        svg.waits width=(placed.width) height=(placed.height) {
            defs {
                marker id=(head) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" {
                    path d="M0 0 8 4 0 8z" {}
                }
            }
            @for arrow in &placed.arrows { (self::arrow(placed, arrow, &head)) }
            @for placing in &placed.boxes { (self::linked(view, placing)) }
        }
    }
}

fn arrow(placed: &Placed, arrow: &Arrow, head: &str) -> Markup {
    let (Some(from), Some(to)) = (placed.boxes.get(arrow.from), placed.boxes.get(arrow.to)) else {
        return html! {};
    };
    let class = if arrow.is_certain {
        "arrow"
    } else {
        "arrow unsure"
    };
    html! {
        path class=(class) d=(way(from, to, arrow.path)) marker-end={ "url(#" (head) ")" } {}
    }
}

/// The line of an arrow, in the words of SVG.
fn way(from: &Placing, to: &Placing, path: Path) -> String {
    match path {
        Path::Left => {
            let (x, y) = (from.x, from.y + HEIGHT / 2);
            let (end, at) = (to.x + WIDTH, to.y + HEIGHT / 2);
            let middle = (x + end) / 2;
            format!("M{x} {y}C{middle} {y} {middle} {at} {end} {at}")
        }
        Path::Down => {
            let x = from.x + WIDTH / 2;
            format!("M{x} {}V{}", from.y + HEIGHT, to.y)
        }
        Path::Around => {
            let (x, outer) = (from.x, from.x - 26);
            // One that waits for itself leaves below where it arrives.
            let (leaves, arrives) = (from.y + HEIGHT * 2 / 3, to.y + HEIGHT / 3);
            format!(
                "M{x} {leaves}C{outer} {leaves} {outer} {leaves} {outer} {}V{}C{outer} {arrives} {outer} {arrives} {x} {arrives}",
                leaves - 8,
                arrives + 8
            )
        }
    }
}

fn linked(view: &View<'_>, placing: &Placing) -> Markup {
    let link = match placing.who {
        Who::One(Node::Thread(thread)) => view.link(thread),
        _ => None,
    };
    html! {
        @match link {
            Some(href) => a href=(href) { (boxed(view, placing)) },
            None => (boxed(view, placing)),
        }
    }
}

fn boxed(view: &View<'_>, placing: &Placing) -> Markup {
    let lines = lines(view, placing);
    let mut class = match placing.who {
        Who::One(Node::Thread(_)) => "box".to_owned(),
        Who::One(_) | Who::More(_) => "box vague".to_owned(),
    };
    if placing.in_circle {
        class.push_str(" circle");
    }
    html! {
        svg class=(class) x=(placing.x) y=(placing.y) width=(WIDTH) height=(HEIGHT) {
            title { (Visible(&title(view, placing))) }
            rect x="1" y="1" width=(WIDTH - 2) height=(HEIGHT - 2) rx="6" {}
            @for (line, y) in lines.iter().zip([18, 34, 50]) {
                text x="9" y=(y) { (cut_to(line, FIT)) }
            }
        }
    }
}

/// Who it is, where it stands, and what it waits for.
fn lines(view: &View<'_>, placing: &Placing) -> Vec<String> {
    let diagnosis = view.diagnosis;
    let mut lines = match placing.who {
        Who::More(threads) => vec![format!("{} more", Count(threads, "thread"))],
        Who::One(Node::Thread(thread)) => {
            let mut lines = vec![who(view, thread)];
            lines.extend(at(view, thread));
            lines
        }
        Who::One(node) => vec![diagnosis.node(node)],
    };
    if let Some(wait) = &placing.wait {
        lines.push(format!("waits for {}", diagnosis.awaited(wait)));
    }
    lines
}

/// The shortest that tells a thread: the process, its id.
fn who(view: &View<'_>, thread: ThreadIndex) -> String {
    let Some(entry) = view.diagnosis.threads.get(thread) else {
        return view.diagnosis.thread(thread);
    };
    let process = cut_to(&process_in_words(entry.process), 26);
    match entry.thread.id {
        Some(id) => format!("{process} {id:#x}"),
        None => process,
    }
}

fn at(view: &View<'_>, thread: ThreadIndex) -> Option<String> {
    let (threads, labels) = (&view.diagnosis.threads, &view.diagnosis.labels);
    let entry = threads.get(thread)?;
    let (side, frame) = entry.waits_at(labels)?;
    Some(format!(
        "at {}",
        labels.get(entry.label(side, frame)?)?.in_words()
    ))
}

/// The same at full length.
fn title(view: &View<'_>, placing: &Placing) -> String {
    let diagnosis = view.diagnosis;
    match placing.who {
        Who::More(threads) => format!("{} more, not drawn", Count(threads, "thread")),
        Who::One(node) => {
            let mut title = diagnosis.node(node);
            if let Some(wait) = &placing.wait {
                title.push(' ');
                title.push_str(&diagnosis.edge(wait));
            }
            title
        }
    }
}

/// What is shown by its number takes room too, so it is cut as it is shown.
fn cut_to(line: &str, most: usize) -> String {
    let line = Visible(line).to_string();
    if line.chars().count() <= most {
        return line;
    }
    let mut short: String = line.chars().take(most - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shown_by_numbers_ran_out_of_its_box() {
        assert_eq!(cut_to("at spa_sync", FIT), "at spa_sync");
        let shown = cut_to(&"\u{1b}".repeat(FIT), FIT);
        assert_eq!(shown.chars().count(), FIT);
        assert!(
            shown.starts_with("\\u{1b}") && shown.ends_with('…'),
            "{shown}"
        );
    }
}
