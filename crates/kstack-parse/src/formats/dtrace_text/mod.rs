//! Stacks that `dtrace(1)` and `lockstat(1)` print, with their counts.
//!
//! dtrace runs in the live kernel, so every address it prints is slid.

mod frame;
mod lockstat;
mod output;

use kstack_model::Report;

use crate::lines::{lines, whole_texts};
use crate::pasted::unescaped;
use crate::{Content, Format, Limits, ParseError, Sniff};

/// Stacks of `stack()` and `ustack()`, callers of lockstat.
pub(crate) const FORMAT: Format = Format {
    name: "dtrace-text",
    about: "stacks that dtrace and lockstat print, with their counts",
    content: Content::Text,
    sniff,
    parse,
};

/// Frames without a count or a probe beside them can be anything, so the lines are read as they will be.
fn sniff(bytes: &[u8]) -> Sniff {
    let mut finder = output::Finder::default();
    if whole_texts(bytes).any(|text| finder.line(text)) {
        Sniff::Yes
    } else {
        Sniff::No
    }
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let text = unescaped(bytes);
    let mut output = output::Output::new(limits);
    for line in lines(&text) {
        output.line(line.text);
    }
    Ok(output.finish().into_iter().collect())
}
