//! Names and what they stand for.

use maud::{Markup, html};

use crate::render::document::Field;
use crate::render::escape::Visible;

/// A list of fields, each on a line of its own.
pub(super) fn list<'a>(fields: impl Iterator<Item = &'a Field<'a>>) -> Markup {
    html! {
        dl { @for field in fields {
            dt { (Visible(&field.name)) }
            dd { (Visible(&field.value)) }
        } }
    }
}

/// Fields in a row.
pub(super) fn row<'a>(fields: impl Iterator<Item = &'a Field<'a>>) -> Markup {
    html! {
        @for field in fields {
            span.field { (Visible(&field.name)) ": " span.v { (Visible(&field.value)) } } " "
        }
    }
}
