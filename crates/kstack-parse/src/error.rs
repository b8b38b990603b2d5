//! Why a file could not be read at all.

use std::fmt;

use kstack_model::Position;

use crate::{FORMATS, Sniff};

/// Why a file could not be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, if at one place.
    pub position: Option<Position>,
    /// What was being read there: "thread record".
    pub within: Option<&'static str>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// It has no bytes.
    Empty,
    /// No format recognises it.
    Unrecognised {
        /// What it is instead, where that is known: "an ELF file".
        looks_like: Option<&'static str>,
        /// The formats that came closest.
        closest: Vec<Closest>,
    },
    /// It was read as the format named, and nothing of that format is in it.
    Nothing {
        /// The format's name.
        format: &'static str,
    },
    /// A read past the end.
    TooShort {
        /// Bytes wanted.
        need: usize,
        /// Bytes left.
        left: usize,
    },
    /// A value that cannot be right, as a sentence fragment.
    Invalid(String),
}

/// A format that nearly fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closest {
    /// The format's name.
    pub format: &'static str,
    /// Why it does not fit.
    pub why: &'static str,
}

impl ParseError {
    /// Whether no format recognised the input.
    #[must_use]
    pub fn is_unrecognised(&self) -> bool {
        matches!(self.kind, ParseErrorKind::Unrecognised { .. })
    }

    pub(crate) fn unrecognised(bytes: &[u8]) -> ParseError {
        let kind = if bytes.is_empty() {
            ParseErrorKind::Empty
        } else {
            ParseErrorKind::Unrecognised {
                looks_like: looks_like(bytes),
                closest: closest(bytes),
            }
        };
        ParseError {
            kind,
            position: None,
            within: None,
        }
    }

    pub(crate) fn nothing(format: &'static str) -> ParseError {
        ParseError {
            kind: ParseErrorKind::Nothing { format },
            position: None,
            within: None,
        }
    }
}

fn closest(bytes: &[u8]) -> Vec<Closest> {
    FORMATS
        .iter()
        .filter_map(|format| match (format.sniff)(bytes) {
            Sniff::Unsure(why) => Some(Closest {
                format: format.name,
                why,
            }),
            Sniff::Yes | Sniff::No => None,
        })
        .collect()
}

/// Files that people hand over by mistake, told by their first bytes.
fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"\x7fELF", "an ELF file"),
        (b"MZ", "a Windows program"),
        (
            b"\xcf\xfa\xed\xfe",
            "a Mach-O file; give it with --kext or --kernel",
        ),
        (
            b"\xca\xfe\xba\xbe",
            "a fat Mach-O file; give it with --kext or --kernel",
        ),
        (b"PK\x03\x04", "a zip archive; unpack it first"),
        (b"bplist", "a binary property list"),
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
    ];
    KNOWN
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, what)| *what)
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ParseErrorKind::Empty => f.write_str("the file is empty")?,
            ParseErrorKind::Unrecognised {
                looks_like,
                closest,
            } => {
                f.write_str("not a format that kstack reads")?;
                if let Some(what) = looks_like {
                    write!(f, "; it looks like {what}")?;
                }
                for Closest { format, why } in closest {
                    write!(f, "; close to {format}, but {why}")?;
                }
            }
            ParseErrorKind::Nothing { format } => write!(f, "nothing of format {format} is in it")?,
            ParseErrorKind::TooShort { need, left } => {
                write!(f, "needs {need} bytes, {left} left")?
            }
            ParseErrorKind::Invalid(what) => f.write_str(what)?,
        }
        if let Some(position) = self.position {
            write!(f, " at {position}")?;
        }
        if let Some(within) = self.within {
            write!(f, ", in {within}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}
