//! Text as it comes out of web pages and Markdown: escapes taken back.

use std::borrow::Cow;

/// What pages and Markdown write, and what was meant. The ampersand is last, so that nothing is taken back twice.
const ESCAPES: [(&str, &str); 7] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("\\_", "_"),
    ("\\*", "*"),
    ("&amp;", "&"),
];

/// The text of any bytes; bytes that are not UTF-8 become replacement characters, lines stay lines.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let mut text = String::from_utf8_lossy(bytes);
    if !bytes.iter().any(|byte| matches!(byte, b'&' | b'\\')) {
        return text;
    }
    for (escape, meant) in ESCAPES {
        if text.contains(escape) {
            text = Cow::Owned(text.replace(escape, meant));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_back_once() {
        assert_eq!(
            text(b"Pool&lt;int&gt;::zio\\_wait &amp;lt;"),
            "Pool<int>::zio_wait &lt;"
        );
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        assert!(matches!(text(b"zio_wait + 4"), Cow::Borrowed(_)));
    }
}
