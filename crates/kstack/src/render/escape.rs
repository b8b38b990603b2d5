//! Text from outside, made harmless where it is shown.
//!
//! Names come from artefacts and symbol files that anyone may have written,
//! and end in terminals and issue trackers. A terminal acts on control
//! characters, and a reader is misled by marks that reorder or hide text;
//! Markdown acts on nearly everything. Nothing is dropped: what could act is
//! shown by its number, as `\u{202e}`.

use std::fmt::{self, Write};

/// Bytes of one text that are shown. What is beyond is counted: a name of a
/// megabyte in every frame of a stack would make gigabytes of a small file.
const SHOWN: usize = 4096;

/// A text on a line of its own kind: terminal, or inside a Markdown fence.
pub(crate) struct Visible<'a>(pub(crate) &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= SHOWN && is_plain(self.0) {
            return f.write_str(self.0);
        }
        write_cut(f, self.0, |_| None)
    }
}

/// As [`Visible`], however long: for what the user typed and wants back as it was.
pub(crate) struct Whole<'a>(pub(crate) &'a str);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, |_| None)
    }
}

/// A text as a Markdown code span, good for headings, lists and table cells.
///
/// Inside a code span nothing is a mention, an issue link, an entity or an
/// address. What could end the span or the table cell is shown by its number.
pub(crate) struct CodeSpan<'a>(pub(crate) &'a str);

impl fmt::Display for CodeSpan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.trim_matches(' ').is_empty() {
            return f.write_str("(empty)");
        }
        f.write_char('`')?;
        write_cut(f, self.0, |c| match c {
            '`' => Some("\\u{60}"),
            '|' => Some("\\u{7c}"),
            _ => None,
        })?;
        f.write_char('`')
    }
}

/// A text as an HTML code element, for `<summary>`, which Markdown does not read.
///
/// Issue trackers look for mentions and links in the text of the page, after
/// entities are read, but not inside `code`.
pub(crate) struct CodeElement<'a>(pub(crate) &'a str);

impl fmt::Display for CodeElement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<code>")?;
        write_cut(f, self.0, |c| match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            '"' => Some("&quot;"),
            '\'' => Some("&#39;"),
            _ => None,
        })?;
        f.write_str("</code>")
    }
}

/// Whether a terminal could act on a character, or a reader not see it.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text is nothing but visible ASCII and blanks. Nearly every name is, and there are tens of thousands:
/// eight bytes are looked at together.
pub(crate) fn is_plain(text: &str) -> bool {
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    const ONE: u64 = u64::from_ne_bytes([1; 8]);
    const BLANK: u64 = u64::from_ne_bytes([b' '; 8]);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let is_word_plain = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        // Where no byte has its high bit, adding one sets that of 0x7f alone, and what lies below the blank, with the
        // high bit set first, loses it.
        let delete = word.wrapping_add(ONE);
        let below = !(word | HIGH).wrapping_sub(BLANK);
        (word | delete | below) & HIGH == 0
    };
    words.iter().all(is_word_plain) && rest.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

type Special = fn(char) -> Option<&'static str>;

fn write_cut(f: &mut fmt::Formatter<'_>, text: &str, special: Special) -> fmt::Result {
    let (shown, beyond) = text
        .split_at_checked(text.floor_char_boundary(SHOWN))
        .unwrap_or((text, ""));
    write_escaped(f, shown, special)?;
    match beyond.len() {
        0 => Ok(()),
        more => write!(f, "…({more} more bytes)"),
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, special: Special) -> fmt::Result {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let replacement = special(c);
        if replacement.is_none() && !is_hidden(c) {
            continue;
        }
        f.write_str(text.get(plain..at).unwrap_or_default())?;
        match replacement {
            Some(replacement) => f.write_str(replacement)?,
            None => write!(f, "\\u{{{:x}}}", u32::from(c))?,
        }
        plain = at + c.len_utf8();
    }
    f.write_str(text.get(plain..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        for text in ["arc_read", "operator|(int, int)", "Überprüfung", "进程", ""] {
            assert_eq!(Visible(text).to_string(), text);
        }
    }

    #[test]
    fn plain_is_what_is_ascii_from_the_blank_to_the_tilde() {
        for c in (0..0x180).filter_map(char::from_u32) {
            for (before, behind) in [
                ("", ""),
                ("abcdefgh", ""),
                ("ab", "cdefghi~"),
                ("", " ~abcde"),
            ] {
                let text = format!("{before}{c}{behind}");
                assert_eq!(is_plain(&text), matches!(c, ' '..='~'), "{text:?}");
            }
        }
    }

    #[test]
    fn what_hides_or_acts_is_shown_by_its_number() {
        let shown = Visible("a\u{1b}[31m\r\n\u{9b}\u{202e}\u{200b}b").to_string();
        assert_eq!(shown, r"a\u{1b}[31m\u{d}\u{a}\u{9b}\u{202e}\u{200b}b");
    }

    #[test]
    fn a_code_span_cannot_be_ended_from_inside() {
        assert_eq!(CodeSpan("a`b|c").to_string(), r"`a\u{60}b\u{7c}c`");
        assert_eq!(CodeSpan("").to_string(), "(empty)");
    }

    #[test]
    fn a_code_element_cannot_be_ended_from_inside() {
        assert_eq!(
            CodeElement("</code>&amp;").to_string(),
            "<code>&lt;/code&gt;&amp;amp;</code>"
        );
    }

    #[test]
    fn a_huge_name_is_cut_between_characters_and_says_so() {
        let shown = Visible(&"é".repeat(5000)).to_string();
        assert!(
            shown.ends_with("é…(5904 more bytes)"),
            "{}",
            &shown[shown.len() - 40..]
        );
    }
}
