//! One answer as bytes; texts are numbers in the entry's list of texts.

use std::sync::Arc;

use kstack_model::VmAddr;

use crate::leb128::Reader;
use crate::{Certainty, Named, SourceFrame};

/// The answer "nothing is there".
const NOTHING: u8 = 0;
/// An answer follows.
const NAMED: u8 = 1;

/// Functions at one address that are read back; deeper nesting was never seen.
const MOST_FRAMES: u64 = 4096;

/// Writes an answer; `text` numbers its texts.
pub(super) fn write(
    at: u64,
    named: Option<&Named>,
    out: &mut Vec<u8>,
    mut text: impl FnMut(&str) -> u64,
) {
    let Some(named) = named else {
        out.push(NOTHING);
        return;
    };
    out.push(NAMED);
    out.push(match named.certainty {
        Certainty::Inside => 0,
        Certainty::Nearest => 1,
        Certainty::Unnamed => 2,
    });
    number(at.wrapping_sub(named.start.0), out);
    number(text(&named.raw), out);
    number(text(&named.name), out);
    number(named.frames.len() as u64, out);
    for frame in &named.frames {
        let SourceFrame {
            function,
            raw,
            file,
            line,
            column,
            nearby,
            // Put there after the lookup.
            excerpt: _,
        } = frame;
        // Absent is 0, so what is there is one more.
        for part in [function, raw, file] {
            number(part.as_deref().map_or(0, |part| text(part) + 1), out);
        }
        for part in [line, column] {
            number(part.map_or(0, |part| u64::from(part) + 1), out);
        }
        out.push(u8::from(*nearby));
    }
}

/// Reads an answer. The outer `None` is damage.
pub(super) fn read<'a>(
    at: u64,
    bytes: &[u8],
    text: impl Fn(u64) -> Option<&'a str>,
) -> Option<Option<Named>> {
    let mut reader = Reader::new(bytes);
    let mut texts = Texts {
        text,
        given: Vec::new(),
    };
    match reader.byte()? {
        NOTHING => return Some(None),
        NAMED => {}
        _ => return None,
    }
    let certainty = match reader.byte()? {
        0 => Certainty::Inside,
        1 => Certainty::Nearest,
        2 => Certainty::Unnamed,
        _ => return None,
    };
    let start = VmAddr(at.wrapping_sub(reader.unsigned()?));
    let raw = texts.give(reader.unsigned()?)?;
    let name = texts.give(reader.unsigned()?)?;
    let count = reader.unsigned().filter(|count| *count <= MOST_FRAMES)?;
    let mut frames = Vec::new();
    for _ in 0..count {
        frames.push(frame(&mut reader, &mut texts)?);
    }
    Some(Some(Named {
        raw,
        name,
        start,
        certainty,
        frames,
    }))
}

/// The texts of one answer. A name stands in it more than once: it is taken over once.
struct Texts<F> {
    text: F,
    given: Vec<(u64, Arc<str>)>,
}

impl<'a, F: Fn(u64) -> Option<&'a str>> Texts<F> {
    fn give(&mut self, number: u64) -> Option<Arc<str>> {
        if let Some((_, text)) = self.given.iter().find(|(given, _)| *given == number) {
            return Some(Arc::clone(text));
        }
        let text: Arc<str> = (self.text)(number)?.into();
        self.given.push((number, Arc::clone(&text)));
        Some(text)
    }
}

fn frame<'a>(
    reader: &mut Reader<'_>,
    texts: &mut Texts<impl Fn(u64) -> Option<&'a str>>,
) -> Option<SourceFrame> {
    let mut part = |reader: &mut Reader<'_>| match reader.unsigned()? {
        0 => Some(None),
        more => texts.give(more - 1).map(Some),
    };
    let count = |reader: &mut Reader<'_>| match reader.unsigned()? {
        0 => Some(None),
        more => u32::try_from(more - 1).ok().map(Some),
    };
    Some(SourceFrame {
        function: part(reader)?,
        raw: part(reader)?,
        file: part(reader)?,
        line: count(reader)?,
        column: count(reader)?,
        nearby: match reader.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        },
        excerpt: None,
    })
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}
