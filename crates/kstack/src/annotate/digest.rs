//! What a digest keeps of a text while it is read.

use std::collections::hash_map::{Entry, HashMap};
use std::io::{self, Write};

use kstack_model::{FrameKind, Report};

use super::answers::{Answers, Found};
use super::places::Code;
use crate::render::{Digest, DigestRow, RenderOptions};

/// Bytes of the text with names that are kept: as many as a document for an issue tracker has room for.
const MOST_TEXT: usize = 64 << 10;

/// Different addresses that are told apart.
const MOST_ROWS: usize = 10_000;

/// A text as far as its digest needs it.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Each address with how often it was met, in the order of the text.
    rows: Vec<(Found, u64)>,
    by_code: HashMap<Code, usize>,
    /// Places whose address is in none of the rows.
    beyond: u64,
    text: Vec<u8>,
    text_left_out: u64,
}

impl Collector {
    /// Takes the next part of the text with names, and what was found in it.
    pub(super) fn add(&mut self, text: &[u8], found: &[Found]) {
        for found in found {
            self.count(*found);
        }
        let free = MOST_TEXT - self.text.len();
        let (kept, rest) = text.split_at_checked(free).unwrap_or((text, &[]));
        self.text.extend_from_slice(kept);
        self.text_left_out = self.text_left_out.saturating_add(rest.len() as u64);
    }

    fn count(&mut self, found: Found) {
        match self.by_code.entry(found.code) {
            Entry::Occupied(row) => {
                if let Some((_, count)) = self.rows.get_mut(*row.get()) {
                    *count += 1;
                }
            }
            Entry::Vacant(_) if self.rows.len() == MOST_ROWS => self.beyond += 1,
            Entry::Vacant(slot) => {
                slot.insert(self.rows.len());
                self.rows.push((found, 1));
            }
        }
    }

    /// Writes the digest, what was met most often first.
    pub(super) fn write(
        mut self,
        report: Report,
        mut answers: Answers<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        // Stable: what is as frequent stays in the order of the text.
        self.rows
            .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut rows = Vec::new();
        for (found, count) in &self.rows {
            if let Some(answer) = answers.at(found.code) {
                rows.push(DigestRow {
                    at: found.code.at,
                    count: *count,
                    what: answer.what().to_owned(),
                });
            }
        }
        let options = RenderOptions {
            command: answers.command().map(str::to_owned),
            ..RenderOptions::default()
        };
        let digest = Digest {
            rows: &rows,
            beyond: self.beyond,
            are_return_addresses: answers.kind() == FrameKind::ReturnAddress,
            text: &self.text,
            text_left_out: self.text_left_out,
        };
        let mut trace = answers.into_session().into_trace(report);
        for (found, count) in &self.rows {
            if let Some(image) = trace.images.get_mut(found.image) {
                image.frames += usize::try_from(*count).unwrap_or(usize::MAX);
            }
        }
        digest.write(&trace, &options, out)
    }
}
