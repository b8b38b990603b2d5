//! Placeholder.

use kstack_model::Report;

use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "symstacks",
    about: "text of symstacks.rb",
    content: Content::Text,
    sniff: |_| Sniff::No,
    parse,
};

fn parse(_bytes: &[u8], _limits: &Limits) -> Result<Vec<Report>, ParseError> {
    Ok(Vec::new())
}
