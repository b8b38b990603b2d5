//! Answers on their way into an entry.

use std::collections::HashMap;
use std::sync::Arc;

use super::record;
use crate::Named;

/// Answers that a run found, ready to be written.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    /// Addresses and where their records end.
    pub(super) ends: Vec<(u64, usize)>,
    pub(super) records: Vec<u8>,
    pub(super) texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u64>,
    /// The number of the first text: those of an entry that is extended stand before.
    first: u64,
}

impl Fresh {
    /// Answers whose texts stand behind so many others.
    pub(super) fn behind(first: u64) -> Fresh {
        Fresh {
            first,
            ..Fresh::default()
        }
    }

    /// Takes an answer.
    pub(crate) fn add(&mut self, at: u64, named: Option<&Named>) {
        let Fresh {
            records,
            texts,
            numbers,
            first,
            ..
        } = self;
        record::write(at, named, records, |text| {
            if let Some(number) = numbers.get(text) {
                return *number;
            }
            let number = *first + texts.len() as u64;
            let text: Arc<str> = Arc::from(text);
            texts.push(Arc::clone(&text));
            numbers.insert(text, number);
            number
        });
        self.ends.push((at, self.records.len()));
    }

    /// The text with this number.
    pub(super) fn text(&self, number: u64) -> Option<&str> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.texts.get(index).map(AsRef::as_ref)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The addresses with their records, in ascending order, each address once.
    pub(super) fn sorted(&self) -> Vec<(u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let records = starts.zip(&self.ends).map(|(start, (at, end))| {
            let record = self.records.get(start..*end).unwrap_or_default();
            (*at, record)
        });
        let mut sorted: Vec<(u64, &[u8])> = records.collect();
        sorted.sort_by_key(|(at, _)| *at);
        sorted.dedup_by_key(|(at, _)| *at);
        sorted
    }
}
