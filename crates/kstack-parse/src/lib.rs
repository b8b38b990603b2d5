//! Bytes in, [`Report`]s out: everything kstack reads.
//!
//! [`parse`] recognises a file by its content; [`FORMATS`] is the table of
//! what there is. Nothing here opens a file, prints, or hears of symbols.
//! Every parser takes any bytes: damage costs the damaged part and leaves a
//! note in the report, and [`Limits`] bound what a hostile file can cost.

#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod dump;
mod error;
mod format;
mod formats;
mod join;
mod json;
mod lines;
mod packed;
mod pasted;
mod pattern;
mod reader;
pub mod zlog;
pub mod zones;

pub use dump::{Datum, Dictionary, Dump, dump};
pub use error::{Closest, ParseError, ParseErrorKind};
pub use format::{Content, Format, Limits, Sniff};
pub use formats::FORMATS;
pub use join::{BasisMismatch, join};

use kstack_model::Report;

/// Reads everything in a file whose format is found from its content.
///
/// A binary format has the file for itself. Text is offered to every text
/// format, because people paste several artefacts into one file; each takes
/// the lines that are its own. A list of images beside a trace is joined to
/// it (see [`join`]). A gzip file is unpacked first.
///
/// # Errors
///
/// When no format recognises the bytes, with the formats that came closest;
/// or when the recognised one cannot read them at all. A damaged part is not
/// an error but a note in the report.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let unpacked = packed::unpack(bytes, limits);
    let reports = recognise(&unpacked.bytes, limits)?;
    Ok(unpacked.said_in(reports))
}

fn recognise(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let binary = FORMATS
        .iter()
        .filter(|format| format.content == Content::Binary)
        .find(|format| (format.sniff)(bytes) == Sniff::Yes);
    if let Some(format) = binary {
        return read(format, bytes, limits);
    }
    let mut reports = Vec::new();
    for format in FORMATS {
        if format.content == Content::Text && (format.sniff)(bytes) == Sniff::Yes {
            reports.extend((format.parse)(bytes, limits)?);
        }
    }
    if reports.is_empty() {
        return Err(ParseError::unrecognised(bytes));
    }
    Ok(join::within_one_file(reports, limits))
}

/// Reads a file as one format, whatever it looks like.
///
/// # Errors
///
/// When the format finds nothing of its own in the bytes.
pub fn parse_as(format: &Format, bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let unpacked = packed::unpack(bytes, limits);
    let reports = read(format, &unpacked.bytes, limits)?;
    Ok(unpacked.said_in(reports))
}

fn read(format: &Format, bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let reports = (format.parse)(bytes, limits)?;
    if reports.is_empty() {
        return Err(ParseError::nothing(format.name));
    }
    Ok(reports)
}
