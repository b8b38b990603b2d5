//! Placeholder.

use kstack_model::Report;

use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "debugger-text",
    about: "what lldb and gdb print of a kernel: backtraces, threads, kexts",
    content: Content::Text,
    sniff: |_| Sniff::No,
    parse,
};

fn parse(_bytes: &[u8], _limits: &Limits) -> Result<Vec<Report>, ParseError> {
    Ok(Vec::new())
}
