//! Text as people paste it, line by line.
//!
//! Mails and issue trackers put `> ` before each line, Windows puts a carriage
//! return behind it, terminals put tabs into it. All of that is taken off
//! here, so that a parser of a text format sees what the program printed; the
//! number of each line stays that of the file.

use kstack_model::Position;

/// One line without quoting and line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: u64,
    /// Its text, indentation kept.
    pub(crate) text: &'a str,
}

impl Line<'_> {
    pub(crate) fn position(&self) -> Position {
        Position::Line(self.number)
    }
}

/// The lines of a text. Bytes that are not UTF-8 must have been replaced before (`String::from_utf8_lossy`).
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    // Editors on Windows put a byte order mark before the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split('\n').zip(1..).map(|(text, number)| Line {
        number,
        text: unquoted(text.trim_end_matches('\r')),
    })
}

/// The text of each line of any bytes, copying nothing: what a sniff reads.
///
/// A line with bytes that are not UTF-8 comes in pieces, so it can look like
/// less than it is, never like more.
pub(crate) fn texts(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes
        .utf8_chunks()
        .flat_map(|chunk| lines(chunk.valid()))
        .map(|line| line.text)
}

/// The text of each line that is wholly UTF-8, copying nothing: for a sniff of lines that binary files hold pieces of.
pub(crate) fn whole_texts(bytes: &[u8]) -> impl Iterator<Item = &str> {
    // A file that is text throughout need not be looked at byte by byte.
    let (text, mixed) = match str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(bytes)),
    };
    let lines = text.into_iter().flat_map(|text| text.split('\n'));
    lines
        .chain(mixed.into_iter().flat_map(whole_of_mixed))
        .map(content)
}

fn whole_of_mixed(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| str::from_utf8(line).ok())
}

/// A line without its end and its quoting.
fn content(line: &str) -> &str {
    // Editors on Windows put a byte order mark before the first line.
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    unquoted(line.trim_end_matches('\r'))
}

/// Takes `> ` marks off, several deep. A `>` with a letter after it is a kext name abbreviated by the kernel
/// (`>AudioIPCDriver`), not a quote.
fn unquoted(mut text: &str) -> &str {
    loop {
        let trimmed = text.trim_start_matches(' ');
        match trimmed.strip_prefix('>') {
            Some("") => return "",
            Some(rest) if rest.starts_with([' ', '\t', '>']) => {
                text = rest.strip_prefix(' ').unwrap_or(rest);
            }
            _ => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unquoted_lines(text: &str) -> Vec<&str> {
        lines(text).map(|line| line.text).collect()
    }

    #[test]
    fn quotes_and_carriage_returns_are_taken_off() {
        assert_eq!(
            unquoted_lines("> a\r\n> >   b\r\n>\r\nc"),
            ["a", "  b", "", "c"]
        );
    }

    #[test]
    fn an_abbreviated_kext_name_is_not_a_quote() {
        assert_eq!(
            unquoted_lines(">AudioIPCDriver\t1.2"),
            [">AudioIPCDriver\t1.2"]
        );
    }

    #[test]
    fn a_quote_mark_without_text_is_an_empty_line() {
        assert_eq!(unquoted_lines("> > \n>>\n > >x"), ["", "", ">x"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        assert_eq!(unquoted_lines("\u{feff}> a"), ["a"]);
    }

    #[test]
    fn a_line_keeps_its_number_in_the_file() {
        let numbers: Vec<u64> = lines("a\r\n\nb").map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn bytes_that_are_not_text_cut_a_sniffed_line_and_no_other() {
        let pieces: Vec<&str> = texts(b"> a\xffb\n> c").collect();
        assert_eq!(pieces, ["a", "b", "c"]);
    }

    #[test]
    fn a_line_that_is_not_text_is_passed_over_whole() {
        let whole: Vec<&str> = whole_texts(b"> a\r\nb\xffc\n  d").collect();
        assert_eq!(whole, ["a", "  d"]);
    }
}
