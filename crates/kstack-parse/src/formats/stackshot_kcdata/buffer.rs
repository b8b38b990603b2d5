//! Finds the kcdata buffers in a file and unpacks the compressed ones.
//!
//! A file may hold several buffers one after another with zeros between them
//! (boot profiles), or a 16-byte trace header in front of one.

use std::borrow::Cow;

use flate2::read::ZlibDecoder;
use kstack_model::{Note, Position};

use super::item::{Cut, HEADER, Item, tag, u32_at};
use crate::Limits;
use crate::packed::{Shortfall, read_up_to};

/// What a buffer says it holds, by its first tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stackshot,
    DeltaStackshot,
    Crashinfo,
    Btinfo,
    OsReason,
    XnupostConfig,
}

/// The tag of a compressed buffer, whose own kind stands inside.
const COMPRESSED: u32 = 0x434f_4d50;
/// A boot profile has some hundreds; each buffer costs a report.
const MOST: usize = 4096;
/// A ktrace chunk header stands in front of a stackshot written by `ktrace`.
const TRACE_HEADER: usize = 16;

impl Kind {
    pub(crate) fn of(tag: u32) -> Option<Kind> {
        Some(match tag {
            0x59a2_5807 => Kind::Stackshot,
            0xde17_a59a => Kind::DeltaStackshot,
            0xdead_f157 => Kind::Crashinfo,
            0x4641_4e47 => Kind::Btinfo,
            0x53a2_0900 => Kind::OsReason,
            0x1e21_c09f => Kind::XnupostConfig,
            _ => return None,
        })
    }

    /// The key of the whole in Apple's decoder; it has none for lightweight corpses.
    pub(crate) fn root_key(self) -> &'static str {
        match self {
            Kind::Stackshot => "kcdata_stackshot",
            Kind::DeltaStackshot => "kcdata_delta_stackshot",
            Kind::Crashinfo => "kcdata_crashinfo",
            Kind::Btinfo => "kcdata_btinfo",
            Kind::OsReason => "kcdata_reason",
            Kind::XnupostConfig => "xnupost_testconfig",
        }
    }

    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Kind::Stackshot => "a stackshot",
            Kind::DeltaStackshot => "a delta stackshot",
            Kind::Crashinfo => "the crash information of a corpse",
            Kind::Btinfo => "a lightweight corpse",
            Kind::OsReason => "an exit reason",
            Kind::XnupostConfig => "a kernel self-test configuration",
        }
    }
}

/// One buffer of a file.
#[derive(Debug)]
pub(crate) struct Buffer<'a> {
    pub(crate) kind: Kind,
    /// The bytes that hold its items: the whole file, or what was unpacked.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Where the items after the first begin in them.
    pub(crate) items_at: usize,
    pub(crate) compressed: bool,
}

/// Whether a buffer begins where a file of kcdata has one.
pub(crate) fn is_kcdata(bytes: &[u8]) -> bool {
    first(bytes).is_some()
}

/// Every buffer in `bytes`, and what is wrong around them.
///
/// `unpacked_left` is what compressed ones may still expand to.
pub(crate) fn find<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    unpacked_left: &mut usize,
) -> (Vec<Buffer<'a>>, Vec<Note>) {
    let mut buffers = Vec::new();
    let mut notes = Vec::new();
    let mut next = first(bytes);
    while let Some(offset) = next {
        if buffers.len() >= MOST {
            let text = format!("reading ends here at the limit of {MOST} buffers in one file");
            notes.push(Note::at(Position::Byte(offset as u64), text));
            break;
        }
        let end = if u32_at(bytes, offset) == COMPRESSED {
            let (buffer, end) = unpack(bytes, offset, unpacked_left, limits, &mut notes);
            buffers.extend(buffer);
            end
        } else {
            buffers.extend(Kind::of(u32_at(bytes, offset)).map(|kind| Buffer {
                kind,
                bytes: Cow::Borrowed(bytes),
                items_at: offset + HEADER,
                compressed: false,
            }));
            end_of_items(bytes, offset + HEADER)
        };
        next = following(bytes, end, &mut notes);
    }
    (buffers, notes)
}

fn first(bytes: &[u8]) -> Option<usize> {
    [0, TRACE_HEADER]
        .into_iter()
        .find(|&offset| begins_at(bytes, offset))
}

/// A begin tag with an empty payload.
fn begins_at(bytes: &[u8], offset: usize) -> bool {
    Item::read(bytes, offset).is_ok_and(|item| {
        item.payload.is_empty() && (item.tag == COMPRESSED || Kind::of(item.tag).is_some())
    })
}

/// Where the buffer whose items begin at `offset` ends: after its end item, before the next buffer, or where it is cut.
fn end_of_items(bytes: &[u8], mut offset: usize) -> usize {
    while let Ok(item) = Item::read(bytes, offset) {
        if item.tag == tag::END {
            return item.next_offset();
        }
        if begins_at(bytes, offset) {
            return offset;
        }
        offset = item.next_offset();
    }
    bytes.len()
}

/// The next buffer after one that ended at `end`; zeros and the end item of a compressed buffer may lie between.
fn following(bytes: &[u8], mut end: usize, notes: &mut Vec<Note>) -> Option<usize> {
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
        let (start, left) = (end + zeros, rest.len() - zeros);
        // The tag of an exit reason begins with a zero byte of its own.
        let candidates = [start, start.saturating_sub(1).max(end)];
        let found = candidates.into_iter().find(|&at| begins_at(bytes, at));
        if found.is_some() || left == 0 {
            return found;
        }
        match Item::read(bytes, start) {
            Ok(item) if item.tag == tag::END => end = item.next_offset(),
            _ => {
                let text = format!("{left} bytes after the end of the last buffer are not kcdata");
                notes.push(Note::at(Position::Byte(start as u64), text));
                return None;
            }
        }
    }
}

/// What stands in front of the compressed bytes.
#[derive(Default)]
struct Packing {
    method: u64,
    packed: u64,
    unpacked: u64,
}

/// Zlib, as in RFC 1950; 0 means stored.
const ZLIB: u64 = 1;

/// Unpacks the compressed buffer at `offset`; also returns where it ends.
///
/// Layout: `osfmk/kern/kern_cdata.c`, xnu-7195 and later. The totals are
/// described values; the begin item of the buffer proper follows, and then
/// the stream, which holds neither that begin item nor an end item.
fn unpack<'a>(
    bytes: &'a [u8],
    offset: usize,
    unpacked_left: &mut usize,
    limits: &Limits,
    notes: &mut Vec<Note>,
) -> (Option<Buffer<'a>>, usize) {
    let at = Position::Byte(offset as u64);
    let mut packing = Packing::default();
    let mut next = offset + HEADER;
    let inner = loop {
        match Item::read(bytes, next) {
            Ok(item) if item.described().is_some() => {
                packing.set(&item);
                next = item.next_offset();
            }
            Ok(item) => match Kind::of(item.tag) {
                Some(kind) if item.payload.is_empty() => break Some((kind, item.next_offset())),
                _ => break None,
            },
            Err(_) => break None,
        }
    };
    let Some((kind, stream_at)) = inner else {
        notes.push(Note::at(
            at,
            "a compressed buffer is skipped: no begin tag stands before its data",
        ));
        return (None, end_of_items(bytes, next));
    };
    let buffer = |content, items_at, compressed| Buffer {
        kind,
        bytes: content,
        items_at,
        compressed,
    };
    if packing.method != ZLIB {
        if packing.method != 0 {
            let text = format!(
                "compression method {} is not known; the data is read as it is",
                packing.method
            );
            notes.push(Note::at(at, text));
        }
        let stored = buffer(Cow::Borrowed(bytes), stream_at, false);
        return (Some(stored), end_of_items(bytes, stream_at));
    }
    let rest = bytes.get(stream_at..).unwrap_or_default();
    let stated = usize::try_from(packing.packed).unwrap_or(usize::MAX);
    let stream = match stated {
        0 => rest,
        stated => rest.get(..stated).unwrap_or(rest),
    };
    let (content, used, why) = inflate(stream, *unpacked_left);
    if let Some(why) = why {
        let why = why.in_words(limits);
        let text = format!("the compressed buffer is incomplete: {why}");
        notes.push(Note::at(at, text));
    } else if packing.unpacked != 0 && packing.unpacked != content.len() as u64 {
        let text = format!(
            "the compressed buffer should hold {} bytes and holds {}",
            packing.unpacked,
            content.len()
        );
        notes.push(Note::at(at, text));
    }
    *unpacked_left = unpacked_left.saturating_sub(content.len());
    let end = stream_at + if stated == 0 { used } else { stream.len() };
    (Some(buffer(Cow::Owned(content), 0, true)), end)
}

impl Packing {
    fn set(&mut self, item: &Item<'_>) {
        let Some((name, value)) = item.described() else {
            return;
        };
        let number = value.bits();
        match name {
            b"kcd_c_type" => self.method = number,
            b"kcd_c_totalout" => self.packed = number,
            b"kcd_c_totalin" => self.unpacked = number,
            _ => {}
        }
    }
}

fn inflate(stream: &[u8], limit: usize) -> (Vec<u8>, usize, Option<Shortfall>) {
    let mut decoder = ZlibDecoder::new(stream);
    let (content, why) = read_up_to(&mut decoder, limit);
    let used = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
    (content, used.min(stream.len()), why)
}

/// Why the items of a buffer end where they do, when that is not an end item.
pub(crate) fn cut_in_words(cut: Cut) -> String {
    match cut {
        Cut::AtItem => "no end item: the buffer is incomplete".to_owned(),
        Cut::InHeader => "the buffer is cut within the header of an item".to_owned(),
        Cut::InPayload { tag, size, left } => {
            format!(
                "item {tag:#x} should have {size} bytes, {left} are left: the buffer is cut or damaged here"
            )
        }
    }
}
