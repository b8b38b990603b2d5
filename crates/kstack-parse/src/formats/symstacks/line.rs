//! What one line is, taken for itself.

use kstack_model::Side;

use super::frame::Printed;
use crate::pattern::{Pattern, compile};

/// What one line can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Blank,
    /// `Words: value`.
    Attribute(Word<'a>, &'a str),
    /// `Kernel stack:`, `User stack:`.
    Heading(Side),
    Frame(Box<Printed>),
    Other,
}

/// The words before the colon of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Build,
    Pid,
    Process,
    Thread(OfThread),
    /// Not known; the words as printed.
    Unknown(&'a str),
}

/// What is said about a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfThread {
    Id,
    State,
    WaitEvent,
    Continuation,
}

static ATTRIBUTE: Pattern = Pattern::new(|| {
    compile(r"^\s*(?<words>[A-Z][A-Za-z_]*(?: [A-Za-z_]+){0,3})\s*:(?:\s+(?<value>.*))?$")
});

impl<'a> Kind<'a> {
    pub(super) fn of(text: &'a str) -> Kind<'a> {
        let trimmed = text.trim_start();
        if trimmed.is_empty() {
            return Kind::Blank;
        }
        // Cheap before dear: most lines of most texts begin with no capital, and patterns are dear.
        let may_be_attribute = trimmed.starts_with(|first: char| first.is_ascii_uppercase());
        // Attributes first: a continuation is printed like a frame.
        if may_be_attribute && let Some(found) = ATTRIBUTE.captures(text) {
            let words = found.name("words").map_or("", |words| words.as_str());
            let value = found
                .name("value")
                .map_or("", |value| value.as_str())
                .trim();
            return attribute(words, value);
        }
        match Printed::of(text) {
            Some(printed) => Kind::Frame(Box::new(printed)),
            None => Kind::Other,
        }
    }
}

fn attribute<'a>(words: &'a str, value: &'a str) -> Kind<'a> {
    let is = |known: &str| {
        let folded = words
            .bytes()
            .map(|byte| if byte == b'_' { b' ' } else { byte });
        folded
            .map(|byte| byte.to_ascii_lowercase())
            .eq(known.bytes())
    };
    let side = [("kernel stack", Side::Kernel), ("user stack", Side::User)];
    if let Some((_, side)) = side.into_iter().find(|(known, _)| is(known)) {
        return if value.is_empty() {
            Kind::Heading(side)
        } else {
            Kind::Other
        };
    }
    let known = [
        ("build version", Word::Build),
        ("pid", Word::Pid),
        ("process", Word::Process),
        ("thread id", Word::Thread(OfThread::Id)),
        ("thread state", Word::Thread(OfThread::State)),
        ("thread wait event", Word::Thread(OfThread::WaitEvent)),
        ("thread continuation", Word::Thread(OfThread::Continuation)),
    ];
    let word = known.into_iter().find(|(known, _)| is(known));
    Kind::Attribute(word.map_or(Word::Unknown(words), |(_, word)| word), value)
}
