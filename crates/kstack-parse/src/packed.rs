//! Compression around a whole file.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use kstack_model::{Note, Report};

use crate::Limits;

/// A file without the compression around it.
#[derive(Debug)]
pub(crate) struct Unpacked<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Said when some of it is missing.
    pub(crate) note: Option<Note>,
}

impl Unpacked<'_> {
    /// The reports made from the bytes, each with what must be said of the unpacking.
    pub(crate) fn said_in(&self, mut reports: Vec<Report>) -> Vec<Report> {
        for report in &mut reports {
            report.notes.extend(self.note.clone());
        }
        reports
    }
}

/// Unpacks a gzip file; any other is left as it is. A damaged or too large one gives what comes before.
pub(crate) fn unpack<'a>(bytes: &'a [u8], limits: &Limits) -> Unpacked<'a> {
    const GZIP: &[u8] = b"\x1f\x8b\x08";
    if !bytes.starts_with(GZIP) {
        return Unpacked {
            bytes: Cow::Borrowed(bytes),
            note: None,
        };
    }
    let mut decoder = MultiGzDecoder::new(bytes);
    let (content, shortfall) = read_up_to(&mut decoder, limits.decompressed_bytes);
    let note = shortfall.map(|why| {
        let why = why.in_words(limits);
        Note::new(format!("the gzip file is read in part: {why}"))
    });
    Unpacked {
        bytes: Cow::Owned(content),
        note,
    }
}

/// Why a stream gave less than it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shortfall {
    /// It passes the limit.
    Limit,
    /// It is damaged or cut, in the decoder's words.
    Damaged(String),
}

impl Shortfall {
    pub(crate) fn in_words(&self, limits: &Limits) -> String {
        match self {
            Shortfall::Limit => format!(
                "it expands beyond the limit of {} decompressed bytes",
                limits.decompressed_bytes
            ),
            Shortfall::Damaged(why) => why.clone(),
        }
    }
}

/// Everything a decoder gives, up to a limit and up to the first damage.
pub(crate) fn read_up_to(decoder: &mut impl Read, limit: usize) -> (Vec<u8>, Option<Shortfall>) {
    let mut content = Vec::new();
    let one_more = (limit as u64).saturating_add(1);
    let damage = decoder.take(one_more).read_to_end(&mut content).err();
    if content.len() > limit {
        content.truncate(limit);
        return (content, Some(Shortfall::Limit));
    }
    (
        content,
        damage.map(|why| Shortfall::Damaged(why.to_string())),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_file_is_what_is_in_it() {
        let file = gzip(b"content");
        let unpacked = unpack(&file, &Limits::default());
        assert_eq!(&*unpacked.bytes, b"content");
        assert_eq!(unpacked.note, None);
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_the_note_names_it() {
        let limits = Limits {
            decompressed_bytes: 1000,
            ..Limits::default()
        };
        let file = gzip(&vec![0; 1_000_000]);
        let unpacked = unpack(&file, &limits);
        assert_eq!(unpacked.bytes.len(), 1000);
        assert!(
            unpacked
                .note
                .unwrap()
                .text
                .contains("limit of 1000 decompressed bytes")
        );
    }

    #[test]
    fn a_cut_gzip_file_gives_what_comes_before_the_cut() {
        let file = gzip(&(0..=255).cycle().take(10_000).collect::<Vec<u8>>());
        let unpacked = unpack(&file[..file.len() - 9], &Limits::default());
        assert!(!unpacked.bytes.is_empty());
        assert!(unpacked.note.is_some());
    }
}
