//! JSON read once from front to back, as far as it goes.
//!
//! Reports arrive cut in the middle, so the end of the text closes whatever is
//! open, and the first damaged place ends the reading like a cut. Nothing
//! recurses, nothing is read twice, nothing is kept that was not asked for.

use std::borrow::Cow;

/// A cursor over JSON text.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    text: &'a str,
    at: usize,
    cut_at: Option<usize>,
}

/// What the next value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    /// A number, `true`, `false` or `null`.
    Word,
    /// The text is at its end or damaged here.
    Nothing,
}

impl<'a> Json<'a> {
    pub(crate) fn new(text: &'a str) -> Json<'a> {
        Json {
            text,
            at: 0,
            cut_at: None,
        }
    }

    /// Where the text ends too early or is damaged.
    pub(crate) fn cut_at(&self) -> Option<usize> {
        self.cut_at
    }

    pub(crate) fn peek(&mut self) -> Kind {
        self.skip_space();
        match self.byte() {
            _ if self.cut_at.is_some() => Kind::Nothing,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => Kind::Word,
            _ => Kind::Nothing,
        }
    }

    /// Calls `each` for every key of an object; a value that `each` leaves alone is skipped.
    pub(crate) fn object(&mut self, mut each: impl FnMut(&mut Json<'a>, &str)) {
        if self.peek() != Kind::Object {
            return self.skip();
        }
        self.at += 1;
        while self.is_inside(b'}') {
            let Some(key) = self.string() else {
                return self.cut();
            };
            self.skip_space();
            if self.byte() != Some(b':') {
                return self.cut();
            }
            self.at += 1;
            self.one(|json| each(json, &key));
        }
    }

    /// Calls `each` for every element of an array; one that `each` leaves alone is skipped.
    pub(crate) fn array(&mut self, mut each: impl FnMut(&mut Json<'a>)) {
        if self.peek() != Kind::Array {
            return self.skip();
        }
        self.at += 1;
        while self.is_inside(b']') {
            self.one(&mut each);
        }
    }

    /// A whole string; `None`, and skipped, when there is something else or its end is missing.
    pub(crate) fn string(&mut self) -> Option<Cow<'a, str>> {
        self.text().filter(|_| self.cut_at.is_none())
    }

    /// A string as far as it goes.
    pub(crate) fn text(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() != Kind::String {
            self.skip();
            return None;
        }
        let (raw, escaped) = self.raw_string();
        Some(if escaped {
            Cow::Owned(unescaped(raw))
        } else {
            Cow::Borrowed(raw)
        })
    }

    /// A number, `true`, `false` or `null` as written.
    pub(crate) fn word(&mut self) -> Option<&'a str> {
        if self.peek() != Kind::Word {
            self.skip();
            return None;
        }
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') = self.byte() {
            self.at += 1;
        }
        let word = self.text.get(start..self.at)?;
        if self.byte().is_none() {
            // The rest of the number may be lost.
            self.cut();
            return None;
        }
        Some(word)
    }

    /// A whole number, also in quotes and then in hexadecimal with `0x`; a negative one wraps.
    pub(crate) fn integer(&mut self) -> Option<u64> {
        if self.peek() == Kind::String {
            let text = self.string()?;
            return match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            };
        }
        let word = self.word()?;
        let negative = || word.parse::<i64>().ok().map(i64::cast_unsigned);
        word.parse().ok().or_else(negative)
    }

    /// Passes over one value of any kind.
    pub(crate) fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Kind::Object | Kind::Array => {
                    self.at += 1;
                    depth += 1;
                }
                Kind::String => {
                    self.raw_string();
                }
                Kind::Word => {
                    self.word();
                }
                Kind::Nothing => match self.byte() {
                    Some(b'}' | b']') if depth > 0 => {
                        self.at += 1;
                        depth -= 1;
                    }
                    Some(b',' | b':') if depth > 0 => self.at += 1,
                    _ => return self.cut(),
                },
            }
            if depth == 0 || self.cut_at.is_some() {
                return;
            }
        }
    }

    fn one(&mut self, each: impl FnOnce(&mut Json<'a>)) {
        self.skip_space();
        let before = self.at;
        each(self);
        if self.at == before {
            self.skip();
        }
    }

    /// Whether another element follows; passes over the comma or the closing bracket.
    fn is_inside(&mut self, close: u8) -> bool {
        if self.cut_at.is_some() {
            return false;
        }
        self.skip_space();
        match self.byte() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
            }
            Some(byte) if byte == close => {
                self.at += 1;
                return false;
            }
            _ => {}
        }
        match self.byte() {
            None => {
                self.cut();
                false
            }
            // A comma before the bracket is no element.
            Some(byte) if byte == close => {
                self.at += 1;
                false
            }
            Some(_) => true,
        }
    }

    /// The string at the cursor without its quotes, and whether it holds escapes.
    fn raw_string(&mut self) -> (&'a str, bool) {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
                None => {
                    self.at = self.text.len();
                    self.cut();
                    return (self.text.get(start..).unwrap_or_default(), escaped);
                }
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        (raw, escaped)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte() {
            self.at += 1;
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn cut(&mut self) {
        self.cut_at.get_or_insert(self.at.min(self.text.len()));
    }
}

fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let (character, left) = code_point(characters.as_str());
                text.push(character);
                rest = left;
                continue;
            }
            Some(other) => text.push(other),
            None => {}
        }
        rest = characters.as_str();
    }
    text.push_str(rest);
    text
}

/// Four hexadecimal digits, or twice four for a surrogate pair.
fn code_point(text: &str) -> (char, &str) {
    let unit = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let Some(high) = unit(text) else {
        return (char::REPLACEMENT_CHARACTER, text);
    };
    let rest = text.get(4..).unwrap_or_default();
    if let Some(character) = char::from_u32(high) {
        return (character, rest);
    }
    let low = rest.strip_prefix("\\u").and_then(unit);
    let pair = low
        .filter(|low| (0xdc00..0xe000).contains(low) && high < 0xdc00)
        .and_then(|low| char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
    match pair {
        Some(character) => (character, rest.get(6..).unwrap_or_default()),
        None => (char::REPLACEMENT_CHARACTER, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> (Vec<(String, u64)>, bool) {
        let mut json = Json::new(text);
        let mut found = Vec::new();
        json.object(|json, key| found.extend(json.integer().map(|value| (key.to_owned(), value))));
        (found, json.cut_at().is_some())
    }

    #[test]
    fn a_cut_text_gives_every_whole_value_before_the_cut() {
        let whole = [("a".to_owned(), 1), ("b".to_owned(), u64::MAX)];
        let text = r#"{"a": 1, "x": {"y": [1, {"z": "}"}]}, "b": 18446744073709551615, "c": 12}"#;
        assert_eq!(numbers(text).0.len(), 3);
        let cut = text.find("12}").unwrap() + 1;
        assert_eq!(numbers(&text[..cut]), (whole.to_vec(), true));
    }

    #[test]
    fn every_kind_of_escape_is_undone() {
        let mut json = Json::new(r#""a\/b\n\t\"\\\u00e9\ud83d\ude00\ud83d""#);
        assert_eq!(json.string().unwrap(), "a/b\n\t\"\\é😀\u{fffd}");
    }

    #[test]
    fn a_string_without_its_end_is_given_only_where_a_part_will_do() {
        assert_eq!(Json::new("\"abc").text().unwrap(), "abc");
        assert_eq!(Json::new("\"abc").string(), None);
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let text = "[".repeat(100_000);
        let mut json = Json::new(&text);
        json.skip();
        assert!(json.cut_at().is_some());
    }

    #[test]
    fn damage_ends_the_reading_where_it_is() {
        let (found, cut) = numbers(r#"{"a": 1, ### "b": 2}"#);
        assert_eq!((found.len(), cut), (1, true));
    }
}
