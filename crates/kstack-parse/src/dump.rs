//! Everything a kcdata file holds, tag by tag, as a tree of plain values.
//!
//! The tree has the shape of the dictionary that Apple's own decoder
//! (`libkdd` in xnu) makes, so that scripts written for one read the other.

use std::borrow::Cow;

use kstack_model::Note;

use crate::formats::stackshot_kcdata;
use crate::{Limits, ParseError, packed};

/// Everything in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    /// One dictionary per buffer, each with the one key that says what the buffer is.
    pub buffers: Vec<Dictionary>,
    /// What is damaged or was left out, and where.
    pub notes: Vec<Note>,
}

/// Values under names, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictionary {
    /// Names are unique.
    pub entries: Vec<(Cow<'static, str>, Datum)>,
}

impl Dictionary {
    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Datum> {
        let mut entries = self.entries.iter();
        entries.find(|(own, _)| own == name).map(|(_, value)| value)
    }
}

/// One value of a dump.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A number that cannot be negative.
    Unsigned(u64),
    /// A number that can.
    Signed(i64),
    /// A text.
    Text(String),
    /// Bytes, each a number: UUIDs, and tags that kstack does not know.
    Bytes(Vec<u8>),
    /// An array.
    List(Vec<Datum>),
    /// A struct or a container.
    Dictionary(Dictionary),
}

/// Reads everything in a kcdata file: stackshots, corpses, exit reasons, and what else is kcdata.
///
/// # Errors
///
/// When no kcdata buffer begins where one should.
pub fn dump(bytes: &[u8], limits: &Limits) -> Result<Dump, ParseError> {
    let unpacked = packed::unpack(bytes, limits);
    let mut dump = stackshot_kcdata::dump(&unpacked.bytes, limits)?;
    dump.notes.extend(unpacked.note);
    Ok(dump)
}
