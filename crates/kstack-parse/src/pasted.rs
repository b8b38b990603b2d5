//! Text that went through a web page, a mail or a source comment on its way.
//!
//! [`unescaped`] undoes what pages and Markdown write for a character, and
//! leaves lines and indentation: a call tree's depth is its indentation.
//! [`pasted_lines`] serves texts that are read by their words: on top of what
//! [`lines`] takes off, comment marks, tags, every escape and the white space
//! around a line go, and a log folded into one JSON string is unfolded.

use std::borrow::Cow;

use crate::lines::lines;

/// The text of any bytes with its escapes undone once. Bytes that are not UTF-8 become replacement characters.
pub(crate) fn unescaped(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !bytes.iter().any(|byte| matches!(byte, b'&' | b'\\')) {
        return text;
    }
    // Names hold these two; a backslash before anything else can be the program's own.
    let text = text.replace("\\_", "_").replace("\\*", "*");
    Cow::Owned(without_entities(text))
}

/// One line as the program printed it, without the white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastedLine<'a> {
    /// The line of the file, counted from 1. Parts of one JSON string share it.
    pub(crate) number: u64,
    pub(crate) text: Cow<'a, str>,
}

/// The cleaned lines of a text, blank ones included.
pub(crate) fn pasted_lines(text: &str) -> impl Iterator<Item = PastedLine<'_>> {
    lines(text).flat_map(|line| {
        let parts = if is_json_string(line.text) {
            Parts::Many(unescaped_json(line.text).into_iter())
        } else {
            Parts::One(Some(clean(line.text)))
        };
        parts.map(move |text| PastedLine {
            number: line.number,
            text,
        })
    })
}

enum Parts<'a> {
    One(Option<Cow<'a, str>>),
    Many(std::vec::IntoIter<String>),
}

impl<'a> Iterator for Parts<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        match self {
            Parts::One(line) => line.take(),
            Parts::Many(lines) => lines.next().map(Cow::Owned),
        }
    }
}

/// Whether a line is a whole log folded into one by `\n`. A message may hold a `\n` or two of its own.
fn is_json_string(line: &str) -> bool {
    // Cheap before dear, here and below: every line of every text is asked.
    line.as_bytes().contains(&b'\\') && line.match_indices("\\n").nth(3).is_some()
}

fn unescaped_json(line: &str) -> Vec<String> {
    line.split("\\n")
        .map(|part| {
            let part = part
                .replace("\\t", "\t")
                .replace("\\/", "/")
                .replace("\\\"", "\"");
            clean(&part).into_owned()
        })
        .collect()
}

fn clean(line: &str) -> Cow<'_, str> {
    let bare = without_comment_mark(line.trim());
    // The last is the first byte of U+00A0 and of some other characters.
    let may_need_it = |byte| matches!(byte, b'&' | b'\\' | b'<' | 0xc2);
    if !bare.bytes().any(may_need_it) {
        return Cow::Borrowed(bare);
    }
    let text = bare.replace('\u{a0}', " ");
    let text = without_entities(without_tags(text));
    Cow::Owned(without_backslashes(&text).trim().to_owned())
}

/// `//` and `///` of C, and a list's or block comment's star; `***` is not one.
fn without_comment_mark(line: &str) -> &str {
    let bare = line.trim_start_matches('/');
    if bare.len() + 2 <= line.len() {
        return bare.trim_start();
    }
    line.strip_prefix("* ").map_or(line, str::trim_start)
}

fn without_tags(mut text: String) -> String {
    for tag in [
        "<br>", "<br/>", "<br />", "<p>", "</p>", "<pre>", "</pre>", "<code>", "</code>",
    ] {
        if text.contains(tag) {
            text = text.replace(tag, "");
        }
    }
    text
}

fn without_entities(mut text: String) -> String {
    // The ampersand comes last, so that `&amp;gt;` is undone once and not twice.
    for (entity, character) in [
        ("&gt;", ">"),
        ("&lt;", "<"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        if text.contains(entity) {
            text = text.replace(entity, character);
        }
    }
    text
}

/// Markdown puts a backslash before what it would take for markup, and at a line's end for a hard break.
fn without_backslashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escapes = character == '\\'
            && characters
                .peek()
                .is_none_or(|next| "_*[]()<>!+-.#$|~`\"@".contains(*next));
        if !escapes {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        pasted_lines(text)
            .map(|line| line.text.into_owned())
            .collect()
    }

    #[test]
    fn escapes_in_a_text_of_lines_are_undone_once() {
        assert_eq!(
            unescaped(b"  Pool&lt;int&gt;::zio\\_wait &amp;lt;\n"),
            "  Pool<int>::zio_wait &lt;\n"
        );
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        assert!(matches!(unescaped(b"zio_wait + 4"), Cow::Borrowed(_)));
    }

    #[test]
    fn comment_marks_of_source_files_are_taken_off() {
        assert_eq!(
            texts("\t// 0x10 : 0x20\r\n/// b\n* c\n*** d"),
            ["0x10 : 0x20", "b", "c", "*** d"]
        );
    }

    #[test]
    fn html_and_markdown_escapes_are_undone() {
        assert_eq!(
            texts("a(1)@0x10-&gt;0x20<br>\nmach\\_kernel : \\_panic \\\n&amp;gt;"),
            ["a(1)@0x10->0x20", "mach_kernel : _panic", "&gt;"]
        );
    }

    #[test]
    fn a_log_pasted_as_a_json_string_is_unfolded() {
        let lines: Vec<_> = pasted_lines("x\n\"panic\\n\\ta\\/b\\n\\nc\\nd\"").collect();
        assert_eq!(
            lines.iter().map(|line| &*line.text).collect::<Vec<_>>(),
            ["x", "\"panic", "a/b", "", "c", "d\""]
        );
        assert!(lines.iter().skip(1).all(|line| line.number == 2));
    }

    #[test]
    fn one_escaped_newline_in_a_message_is_left_alone() {
        assert_eq!(texts("bad state\\n in x").len(), 1);
    }
}
