//! Notes: what was skipped, doubted or merged, and where.

use std::fmt;

/// A place in an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// Bytes from the start of the file.
    Byte(u64),
    /// A line of a text, counted from 1.
    Line(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Byte(offset) => write!(f, "offset {offset:#x}"),
            Position::Line(number) => write!(f, "line {number}"),
        }
    }
}

/// One thing a reader of the report should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Note {
    /// Where in the artefact; `None` when it is about the whole.
    pub at: Option<Position>,
    /// One sentence without a full stop, such as "12 bytes skipped: no known record starts here".
    pub text: String,
}

impl Note {
    /// A note about the artefact as a whole.
    pub fn new(text: impl Into<String>) -> Note {
        Note {
            at: None,
            text: text.into(),
        }
    }

    /// A note about one place in the artefact.
    pub fn at(position: Position, text: impl Into<String>) -> Note {
        Note {
            at: Some(position),
            text: text.into(),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{at}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
