//! The list of loaded kexts, as `kextstat` and `kmutil showloaded` print it.
//!
//! Only rows are read; the header, the messages of `kmutil` and all other text
//! around them is left to others. The addresses are without the kernel's slide:
//! since 10.8 the kernel takes it off before it hands the list out (`OSKext::copyInfo`
//! in xnu's `libkern/c++/OSKext.cpp`), and older kernels have none. The columns are those
//! of Apple's `kextstat_main.c` (`kext_tools`).

mod list;
mod row;
#[cfg(test)]
mod tests;

use kstack_model::Report;

use crate::lines::{self, lines};
use crate::pattern::{Pattern, compile};
use crate::{Content, Format, Limits, ParseError, Sniff};

use list::Lists;
use row::Row;

pub(crate) const FORMAT: Format = Format {
    name: "kextstat",
    about: "list of loaded kexts, as kextstat or kmutil showloaded print it",
    content: Content::Text,
    sniff,
    parse,
};

static HEADER: Pattern = Pattern::new(|| compile(r"^\s*Index\s+Refs\s+Address\s"));
static MESSAGE: Pattern =
    Pattern::new(|| compile(r"^\s*(?:No variant specified, falling back|Executing: \S*kmutil\s)"));

fn is_header(text: &str) -> bool {
    // Cheap before dear: every line of every text is asked.
    text.trim_start().starts_with("Index") && HEADER.is_match(text)
}

fn is_message(text: &str) -> bool {
    text.trim_start().starts_with(['N', 'E']) && MESSAGE.is_match(text)
}

fn sniff(bytes: &[u8]) -> Sniff {
    let mut answer = Sniff::No;
    let mut before = "";
    for text in lines::texts(bytes) {
        if Row::of(text).is_some() || row::unwrapped(before, text).is_some() {
            return Sniff::Yes;
        }
        before = text;
        if is_header(text) {
            answer = Sniff::Unsure("only the header of the list is there, no row follows it");
        } else if answer == Sniff::No && is_message(text) {
            answer = Sniff::Unsure("only messages of kmutil are there, no row follows them");
        }
    }
    answer
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let mut lists = Lists::default();
    let mut rows = 0;
    let mut lines = lines(&text).peekable();
    while let Some(line) = lines.next() {
        if is_header(line.text) {
            lists.header();
            continue;
        }
        if is_message(line.text) {
            lists.message();
            continue;
        }
        let unwrapped = lines
            .peek()
            .and_then(|next| row::unwrapped(line.text, next.text));
        let Some(row) = Row::of(unwrapped.as_deref().unwrap_or(line.text)) else {
            lists.other(line);
            continue;
        };
        if rows == limits.items {
            lists.limit(line);
            break;
        }
        rows += 1;
        lists.row(line, &row);
        if unwrapped.is_some() {
            lists.joined(line);
            lines.next();
        }
    }
    Ok(lists.reports())
}
