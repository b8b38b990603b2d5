//! Placeholder.

use kstack_model::Report;

use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "stackshot-legacy",
    about: "binary stackshot of Mac OS X 10.5 to 10.11",
    content: Content::Binary,
    sniff: |_| Sniff::No,
    parse,
};

fn parse(_bytes: &[u8], _limits: &Limits) -> Result<Vec<Report>, ParseError> {
    Ok(Vec::new())
}
