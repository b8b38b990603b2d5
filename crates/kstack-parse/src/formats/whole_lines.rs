//! Lines for a sniff: of any bytes, copying nothing.

use crate::lines::lines;

/// The text of every line that is wholly UTF-8, without quoting.
///
/// Others are passed over: pieces of a binary file can look like anything.
pub(super) fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| str::from_utf8(line).ok())
        .flat_map(lines)
        .map(|line| line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_text_is_passed_over_whole() {
        let lines: Vec<&str> = whole_lines(b"> a\r\nb\xffc\n  d").collect();
        assert_eq!(lines, ["a", "  d"]);
    }
}
