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

use crate::lines::{lines, whole_texts};
use crate::pasted::unescaped;
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
    if whole_texts(bytes).any(is_ours) {
        Sniff::Yes
    } else {
        Sniff::No
    }
}

/// Backtraces are kept in the comments of sources.
fn uncommented(text: &str) -> &str {
    match text.trim_ascii_start().strip_prefix("//") {
        Some(rest) => rest.trim_start_matches('/'),
        None => text,
    }
}

/// Whether only a debugger prints such a line.
fn is_ours(text: &str) -> bool {
    let text = uncommented(text);
    match text.as_bytes().trim_ascii_start().first() {
        Some(b'*' | b'f' | b't') if text.contains('#') => {
            lldb::frame(text).is_some()
                || lldb::thread(text).is_some_and(|thread| thread.at.is_some())
                || macros::head(text).is_some()
        }
        Some(b't') => macros::head(text).is_some(),
        Some(b'#') => gdb::frame(text).is_some(),
        Some(b'0') => macros::frame(text, false, 0).is_some(),
        Some(b'a') => macros::head(text).is_some(),
        Some(b'k' | b'U') => kmods::is_head(text),
        _ => false,
    }
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let text = unescaped(bytes);
    let mut session = session::Session::new(limits);
    for line in lines(&text) {
        session.line(line.text);
    }
    Ok(session.finish())
}
