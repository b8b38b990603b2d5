//! JSON whose strings no terminal acts on.
//!
//! JSON itself demands escapes below U+0020 only. A terminal acts on U+007F
//! and U+0080 to U+009F too, and a reader does not see marks that reorder or
//! hide text. A program reads the same string either way.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::render::escape::{is_hidden, is_plain};

/// Bytes that are handed on at once.
const BUFFER: usize = 1 << 14;

/// Writes a value over several lines, indented.
pub(crate) fn write_pretty(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    // A document is written in pieces of a few bytes, and `out` is behind a pointer to a function.
    let mut buffer = BufWriter::with_capacity(BUFFER, out);
    let formatter = Harmless(Indented::default());
    value.serialize(&mut Serializer::with_formatter(&mut buffer, formatter))?;
    buffer.flush()
}

/// Writes a value on one line.
pub(crate) fn write_compact(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let formatter = Harmless(CompactFormatter);
    value.serialize(&mut Serializer::with_formatter(out, formatter))?;
    Ok(())
}

/// The layout of another formatter.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        if is_plain(text) {
            return self.0.write_string_fragment(out, text);
        }
        let mut plain = 0;
        for (at, hidden) in text.char_indices().filter(|(_, c)| is_hidden(*c)) {
            out.write_all(text.get(plain..at).unwrap_or_default().as_bytes())?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = at + hidden.len_utf8();
        }
        out.write_all(text.get(plain..).unwrap_or_default().as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_key(out)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

/// What `serde_json`'s own pretty formatter writes, each line's start in one piece: it hands on two blanks at a
/// time, which for a whole system's trace are a fifth of all the work.
#[derive(Debug, Default)]
struct Indented {
    depth: usize,
    has_value: bool,
}

/// A new line and blanks for the deepest indentation that is common.
const LINE: &[u8] = b"\n                                                                ";

impl Indented {
    fn begin(&mut self) {
        self.depth += 1;
        self.has_value = false;
    }

    fn end<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        match self.has_value {
            true => self.line(out),
            false => Ok(()),
        }
    }

    fn next<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }

    /// Starts a line.
    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        let length = 1 + 2 * self.depth;
        if let Some(line) = LINE.get(..length) {
            return out.write_all(line);
        }
        out.write_all(LINE)?;
        (LINE.len()..length).try_for_each(|_| out.write_all(b" "))
    }
}

impl Formatter for Indented {
    #[inline]
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin();
        out.write_all(b"[")
    }

    #[inline]
    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out)?;
        out.write_all(b"]")
    }

    #[inline]
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    #[inline]
    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    #[inline]
    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin();
        out.write_all(b"{")
    }

    #[inline]
    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out)?;
        out.write_all(b"}")
    }

    #[inline]
    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    #[inline]
    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    #[inline]
    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(text: &str) -> String {
        let mut out = Vec::new();
        write_compact(&text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_terminal_acts_on_is_escaped_and_reads_back_the_same() {
        let name = "a\u{7f}b\u{9b}31m\u{202e}\u{e0001}\u{1b}\"\\é";
        let json = compact(name);
        assert_eq!(json, r#""a\u007fb\u009b31m\u202e\udb40\udc01\u001b\"\\é""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        assert_eq!(compact("arc_read 进程"), "\"arc_read 进程\"");
    }

    #[test]
    fn lines_are_indented_as_by_serde_json_at_any_depth() {
        let mut value = serde_json::json!({"a": [], "b": {}, "c": [1, {"d": null}], "e": "f"});
        for _ in 0..50 {
            value = serde_json::json!([value, {"next": [2]}]);
            let mut out = Vec::new();
            write_pretty(&value, &mut out).unwrap();
            let expected = serde_json::to_string_pretty(&value).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
