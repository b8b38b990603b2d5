//! What lldb and gdb print of a kernel: backtraces, threads, tables of the kernel macros.
//!
//! A debugger looks at live memory or a core, so every kernel address is slid.

mod described;
mod gdb;
mod kmods;
mod lldb;
mod macros;
mod session;
mod space;
mod stack;

use kstack_model::Report;

use crate::lines::lines;
use crate::{Content, Format, Limits, ParseError, Sniff};

/// Backtraces, threads and kexts as debuggers print them.
pub(crate) const FORMAT: Format = Format {
    name: "debugger-text",
    about: "what lldb and gdb print of a kernel: backtraces, threads, loaded kexts",
    content: Content::Text,
    sniff,
    parse,
};

fn sniff(bytes: &[u8]) -> Sniff {
    let chunks = bytes.utf8_chunks();
    for line in chunks.flat_map(|chunk| lines(chunk.valid())) {
        let text = line.text;
        let ours = lldb::frame(text).is_some()
            || lldb::thread(text).is_some_and(|thread| thread.at.is_some())
            || gdb::frame(text).is_some()
            || macros::frame(text, false, 0).is_some()
            || macros::head(text).is_some()
            || kmods::is_head(text);
        if ours {
            return Sniff::Yes;
        }
    }
    Sniff::No
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let mut session = session::Session::new(limits);
    for line in lines(&text) {
        session.line(line.text);
    }
    Ok(session.finish())
}
