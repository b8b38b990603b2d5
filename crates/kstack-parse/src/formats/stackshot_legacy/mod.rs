//! Binary stackshots of Mac OS X 10.5 to 10.11: records one after another.
//!
//! `docs/formats/stackshot-legacy.md` tells what is read and from where it is known.

mod assemble;
mod generation;
mod item;
pub(super) mod kernels;
pub(super) mod layout;
mod limit;
pub(super) mod record;
mod separate;
mod walk;

use kstack_model::{Position, Report};

use self::layout::{MICRO_MAGIC, THREAD_MAGIC};
use crate::reader::{Endian, Reader};
use crate::{Content, Format, Limits, ParseError, ParseErrorKind, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "stackshot-legacy",
    about: "binary stackshot of Mac OS X 10.5 to 10.11",
    content: Content::Binary,
    sniff,
    parse,
};

const MICROSTACKSHOTS: &str =
    "these are microstackshots (samples of single threads), a format of their own";

fn sniff(bytes: &[u8]) -> Sniff {
    if !generation::starts_with_magic(bytes) {
        return Sniff::No;
    }
    if is_macho(bytes) {
        return Sniff::Unsure(
            "this is a 32-bit Mach-O, which has the same magic; give it with --kext or --kernel",
        );
    }
    match generation::find(bytes) {
        Some(found) if found.has_thread => Sniff::Yes,
        _ => Sniff::Unsure("the magic is there, no whole thread record is"),
    }
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    if is_microstackshot(bytes) {
        return Err(ParseError {
            kind: ParseErrorKind::Invalid(MICROSTACKSHOTS.to_owned()),
            position: Some(Position::Byte(0)),
            within: None,
        });
    }
    if is_macho(bytes) {
        return Ok(Vec::new());
    }
    Ok(generation::find(bytes)
        .map(|found| assemble::reports(bytes, &found, limits))
        .unwrap_or_default())
}

fn is_microstackshot(bytes: &[u8]) -> bool {
    bytes.starts_with(&walk::stored(MICRO_MAGIC, Endian::Little))
}

/// Whether the magic that both have begins the header of a 32-bit Mach-O.
///
/// A thread record has frame counts, addresses or text where a Mach-O has the
/// size of its load commands, which lie in the file and are never empty
/// (`mach-o/loader.h`).
fn is_macho(bytes: &[u8]) -> bool {
    [Endian::Little, Endian::Big]
        .into_iter()
        .any(|endian| has_load_commands(bytes, endian).unwrap_or(false))
}

fn has_load_commands(bytes: &[u8], endian: Endian) -> Result<bool, ParseError> {
    const HEADER: u64 = 28;
    const FILE_TYPES: std::ops::RangeInclusive<u32> = 1..=12;
    let mut reader = Reader::new(bytes, endian).within("Mach-O header");
    let magic = reader.u32()?;
    let _cpu = reader.u64()?;
    let file_type = reader.u32()?;
    let commands = u64::from(reader.u32()?);
    let size = u64::from(reader.u32()?);
    let _flags = reader.u32()?;
    let _first_command = reader.u32()?;
    let first_size = u64::from(reader.u32()?);
    Ok(magic == THREAD_MAGIC
        && FILE_TYPES.contains(&file_type)
        && commands > 0
        && commands * 8 <= size
        && (8..=size).contains(&first_size)
        && HEADER + size <= bytes.len() as u64)
}
