//! What a format is: one row of plain data.

use kstack_model::Report;

use crate::ParseError;

/// One format kstack reads.
#[derive(Debug)]
pub struct Format {
    /// Its name on the command line and in reports: "stackshot-legacy".
    pub name: &'static str,
    /// What it is, in one line for a person.
    pub about: &'static str,
    /// Whether it has a file for itself or shares it with others.
    pub content: Content,
    /// Recognises it from the content. Linear in the input, reserves nothing.
    pub sniff: fn(&[u8]) -> Sniff,
    /// Reads every trace or list in the input; an empty answer means that there is none.
    pub parse: fn(&[u8], &Limits) -> Result<Vec<Report>, ParseError>,
}

/// Whether a format has a file for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes: the first format that recognises them reads the whole file.
    Binary,
    /// Text: several formats can share one file.
    Text,
}

/// How well some bytes fit a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// They are of this format, or contain some of it.
    Yes,
    /// They are not, but come close; why they are refused, as a fragment: "the magic is there, no whole record is".
    Unsure(&'static str),
    /// They are not.
    No,
}

/// What a file may cost at most. Passing a limit ends the reading there and leaves a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records, items or rows of any kind.
    pub items: usize,
    /// Frames in all stacks together.
    pub frames: usize,
    /// Nesting of containers.
    pub depth: usize,
    /// Bytes that compressed data may expand to.
    pub decompressed_bytes: usize,
}

impl Default for Limits {
    /// Room for ten times the largest whole-system stackshot seen.
    fn default() -> Limits {
        Limits {
            items: 4_000_000,
            frames: 20_000_000,
            depth: 64,
            decompressed_bytes: 1 << 30,
        }
    }
}
