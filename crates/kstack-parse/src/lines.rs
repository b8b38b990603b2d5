//! Text as people paste it, line by line.
//!
//! Mails and issue trackers put `> ` before each line, Windows puts a carriage
//! return behind it, terminals put tabs into it. All of that is taken off
//! here, so that a parser of a text format sees what the program printed; the
//! number of each line stays that of the file.

use std::iter;

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
    pieces(bytes).flat_map(lines).map(|line| line.text)
}

/// The text of each line that is wholly UTF-8, copying nothing: for a sniff of lines that binary files hold pieces of.
pub(crate) fn whole_texts(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let mut rest = Some(bytes);
    let runs = iter::from_fn(move || {
        let bytes = rest?;
        let (text, bad) = valid(bytes);
        let Some(bad) = bad else {
            rest = None;
            return Some(Some(text));
        };
        // The line that is bad begins behind the last line end before it and ends at the next.
        let end = bad.iter().position(|byte| *byte == b'\n');
        rest = end.and_then(|end| bad.get(end + 1..));
        Some(text.rsplit_once('\n').map(|(lines, _)| lines))
    });
    let lines = runs.flatten().flat_map(|run| run.split('\n'));
    lines.map(content)
}

/// The runs of UTF-8 in any bytes: `utf8_chunks`, which looks at each byte, at the speed of `from_utf8`.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let mut rest = bytes;
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (text, bad) = valid(rest);
        let bad = bad.unwrap_or_default();
        let length = str::from_utf8(bad).map_or_else(|why| why.error_len(), |_| None);
        rest = length
            .and_then(|length| bad.get(length..))
            .unwrap_or_default();
        Some(text)
    })
}

/// The UTF-8 that some bytes begin with, and the others if there are any.
fn valid(bytes: &[u8]) -> (&str, Option<&[u8]>) {
    match str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(why) => {
            let (text, bad) = bytes
                .split_at_checked(why.valid_up_to())
                .unwrap_or_default();
            (str::from_utf8(text).unwrap_or_default(), Some(bad))
        }
    }
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
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

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

    proptest! {
        #[test]
        fn the_quick_ways_find_what_the_plain_ones_find(
            parts in vec(select(vec!["a", "\n", "> b", "\r\n", "é", "\u{feff}", "bad"]), 0..24),
            bad in select(vec![&b"\xff"[..], b"\xc3", b"\xe2\x82", b"\x80\x80"]),
        ) {
            let bytes: Vec<u8> = parts
                .iter()
                .flat_map(|part| if *part == "bad" { bad } else { part.as_bytes() })
                .copied()
                .collect();
            let chunks: Vec<&str> = bytes.utf8_chunks().map(|chunk| chunk.valid()).collect();
            prop_assert_eq!(pieces(&bytes).collect::<Vec<_>>(), chunks);
            let lines = bytes.split(|byte| *byte == b'\n');
            let plain: Vec<&str> = lines.filter_map(|line| str::from_utf8(line).ok()).map(content).collect();
            prop_assert_eq!(whole_texts(&bytes).collect::<Vec<_>>(), plain);
        }
    }
}
