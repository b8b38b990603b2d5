//! The picture of who waits for whom.
//!
//! Each thread is followed along its surest wait, so what is drawn are trees
//! of waiters, each at somebody who does not wait or at a circle. `choose.rs`
//! picks what fits, `place.rs` says where it stands, `draw.rs` draws it.

mod choose;
mod draw;
mod place;

use maud::{Markup, html};

use super::View;
use crate::render::words::Count;

/// Boxes in one picture.
const MOST: usize = 60;

/// Trees and circles in one picture; they stand one below the other.
const MOST_PARTS: usize = 12;

/// The picture with a sentence on how to read it; nothing when nobody waits for anybody.
pub(super) fn figure(view: &View<'_>) -> Markup {
    let chosen = choose::choose(view.diagnosis, MOST, MOST_PARTS);
    if chosen.parts.is_empty() {
        return html! {};
    }
    let placed = place::place(&chosen.parts);
    html! {
        figure {
            div.scroll tabindex="0" role="group" aria-label="Wait graph; the same in words stands below" {
                (draw::picture(view, &placed))
            }
            figcaption {
                "An arrow goes from who waits to who is waited for; dashed where the direct owner is not recorded."
                @if chosen.left_out > 0 {
                    " Not drawn for lack of room: " (Count(chosen.left_out, "chain")) "; the words below go on."
                }
            }
        }
    }
}
