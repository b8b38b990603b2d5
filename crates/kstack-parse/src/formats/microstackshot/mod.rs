//! Microstackshots: small samples of single threads, taken while the system runs.
//!
//! `docs/formats/microstackshot.md` tells what is read and from where it is known.

mod assemble;
mod sample;

use kstack_model::Report;

use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "microstackshot",
    about: "samples of single threads by OS X 10.9 and later (microstackshots)",
    content: Content::Binary,
    sniff,
    parse,
};

fn sniff(bytes: &[u8]) -> Sniff {
    if !sample::starts_with_magic(bytes) {
        Sniff::No
    } else if sample::find_form(bytes).is_some() {
        Sniff::Yes
    } else {
        Sniff::Unsure("the magic is there, no whole sample is")
    }
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let form = sample::find_form(bytes);
    Ok(form
        .map(|form| assemble::report(bytes, form, limits))
        .into_iter()
        .collect())
}
