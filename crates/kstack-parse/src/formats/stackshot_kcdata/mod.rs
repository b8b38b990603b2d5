//! Binary stackshots since OS X 10.11: buffers of kcdata items.

mod buffer;
mod clock;
mod cpu;
mod dictionary;
mod facts;
mod images;
mod item;
mod layout;
mod report;
mod task;
mod thread;
mod tree;
mod typedefs;
mod wire;

pub(super) use clock::utc;
pub(super) use cpu::of_address as shape_of_address;
pub(crate) use dictionary::dump;
pub(super) use layout::little_endian;

use kstack_model::Report;

use self::buffer::Kind;
use self::item::tag;
use self::tree::Tree;
use crate::{Content, Format, Limits, ParseError, ParseErrorKind, Sniff};

const NAME: &str = "stackshot-kcdata";

pub(crate) const FORMAT: Format = Format {
    name: NAME,
    about: "binary stackshot of OS X 10.11 and later (kcdata)",
    content: Content::Binary,
    sniff,
    parse,
};

fn sniff(bytes: &[u8]) -> Sniff {
    if buffer::is_kcdata(bytes) {
        Sniff::Yes
    } else {
        Sniff::No
    }
}

/// Reads every stackshot in the file. Other kcdata is an error only if there is no stackshot beside it.
fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let mut reading = Reading {
        limits,
        unpacked_left: limits.decompressed_bytes,
        frames_left: limits.frames,
        reports: Vec::new(),
        other: None,
    };
    reading.buffers(bytes, limits.depth);
    match reading.other {
        Some(other) if reading.reports.is_empty() => Err(ParseError {
            kind: ParseErrorKind::Invalid(format!(
                "this kcdata is {}, not a stackshot; `kstack dump` shows what is in it",
                other.in_words()
            )),
            position: None,
            within: None,
        }),
        _ => Ok(reading.reports),
    }
}

struct Reading<'l> {
    limits: &'l Limits,
    unpacked_left: usize,
    frames_left: usize,
    reports: Vec<Report>,
    /// Something in the file that is no stackshot.
    other: Option<Kind>,
}

impl Reading<'_> {
    /// `depth` is how many more buffers may lie inside each other.
    fn buffers(&mut self, bytes: &[u8], depth: usize) {
        let (buffers, notes) = buffer::find(bytes, self.limits, &mut self.unpacked_left);
        let before = self.reports.len();
        for buffer in &buffers {
            let tree = tree::read(buffer, self.limits);
            self.nested(&tree, depth);
            match buffer.kind {
                Kind::Stackshot | Kind::DeltaStackshot => {
                    let report = report::read(buffer, tree, self.limits, &mut self.frames_left);
                    self.reports.push(report);
                }
                other => self.other = Some(other),
            }
        }
        if let Some(report) = self.reports.get_mut(before) {
            report.notes.extend(notes);
        }
    }

    /// Reads the buffers inside a buffer.
    fn nested(&mut self, tree: &Tree<'_>, depth: usize) {
        let nested = tree
            .nodes
            .iter()
            .filter(|node| node.item.tag == tag::NESTED);
        for node in nested.filter(|_| depth > 0) {
            self.buffers(node.item.payload, depth - 1);
        }
    }
}
