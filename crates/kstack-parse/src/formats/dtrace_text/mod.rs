//! Placeholder.

use kstack_model::Report;

use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "dtrace-text",
    about: "stacks that dtrace and lockstat print, with their counts",
    content: Content::Text,
    sniff: |_| Sniff::No,
    parse,
};

fn parse(_bytes: &[u8], _limits: &Limits) -> Result<Vec<Report>, ParseError> {
    Ok(Vec::new())
}
