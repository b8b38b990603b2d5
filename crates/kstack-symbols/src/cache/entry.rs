//! The answers of one source: those kept from earlier runs, and those of this one.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::answers::{self, Answers};
use super::encode::Fresh;
use super::{Cache, record};
use crate::Named;

/// The answers of one source in the cache.
#[derive(Debug)]
pub(crate) struct Entry {
    cache: Cache,
    identity: String,
    old: Option<Answers>,
    fresh: Mutex<Fresh>,
    hits: AtomicUsize,
}

impl Entry {
    /// Opens what earlier runs kept for a source.
    pub(crate) fn open(cache: &Cache, identity: String) -> Entry {
        let old = cache.read(&identity);
        Entry {
            cache: cache.clone(),
            fresh: Mutex::new(answers::to_add(old.as_ref())),
            identity,
            old,
            hits: AtomicUsize::new(0),
        }
    }

    /// What an earlier run answered; the outer `None` where none was asked.
    pub(crate) fn at(&self, at: u64) -> Option<Option<Named>> {
        let answer = self.old.as_ref()?.at(at)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    /// Keeps an answer for later runs.
    pub(crate) fn keep(&self, at: u64, named: Option<&Named>) {
        // A thread that panicked while it wrote left half a record: nothing more is kept.
        if let Ok(mut fresh) = self.fresh.lock() {
            fresh.add(at, named);
        }
    }

    /// How many answers came from earlier runs.
    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// Writes what is new, with what other runs have written in the meantime.
    pub(crate) fn save(&self) -> io::Result<()> {
        let Ok(mut fresh) = self.fresh.lock() else {
            return Ok(());
        };
        if fresh.is_empty() {
            return Ok(());
        }
        let taken = std::mem::replace(&mut *fresh, answers::to_add(self.old.as_ref()));
        drop(fresh);
        self.cache.update(&self.identity, |old| {
            let whole = answers::write(&self.identity, old, &numbered_behind(&taken, old));
            if whole.len() <= Cache::LARGEST_ENTRY {
                return whole;
            }
            answers::write(&self.identity, None, &numbered_behind(&taken, None))
        })
    }
}

/// Answers whose texts are numbered behind those of an entry, which another run may have extended.
fn numbered_behind(taken: &Fresh, old: Option<&Answers>) -> Fresh {
    let mut fresh = answers::to_add(old);
    for (at, bytes) in taken.sorted() {
        if let Some(named) = record::read(at, bytes, |number| taken.text(number)) {
            fresh.add(at, named.as_ref());
        }
    }
    fresh
}

#[cfg(test)]
mod tests {
    use kstack_model::VmAddr;
    use proptest::prelude::*;

    use super::*;
    use crate::bytes::Bytes;
    use crate::{Certainty, SourceFrame};

    fn named(at: u64, depth: u32) -> Named {
        let frame = |index| SourceFrame {
            function: Some(format!("f{index}()").into()),
            raw: Some(format!("_Z1f{index}v").into()),
            file: (index > 0).then(|| "a/b.c".into()),
            line: Some(index * 7),
            column: (index % 2 == 0).then_some(index),
            nearby: index == 1,
            excerpt: None,
        };
        Named {
            raw: "_Z1fv".into(),
            name: format!("f() near {}", at % 3).into(),
            start: VmAddr(at.wrapping_sub(9)),
            certainty: match at % 3 {
                0 => Certainty::Inside,
                1 => Certainty::Nearest,
                _ => Certainty::Unnamed,
            },
            frames: (0..depth).map(frame).collect(),
        }
    }

    fn kept(answers: &[(u64, Option<Named>)]) -> Vec<u8> {
        let mut fresh = answers::to_add(None);
        for (at, named) in answers {
            fresh.add(*at, named.as_ref());
        }
        answers::write("id", None, &fresh)
    }

    fn open(bytes: &[u8]) -> Option<Answers> {
        Answers::open(Bytes::owned(bytes.to_vec()), "id")
    }

    fn some_answers() -> Vec<(u64, Option<Named>)> {
        let answers = (0..40_u32).map(|index| {
            let at = u64::from(index) * 16;
            (at, (index % 5 != 0).then(|| named(at, index % 4)))
        });
        answers.collect()
    }

    #[test]
    fn what_was_kept_is_read_back() {
        let answers = some_answers();
        let open = open(&kept(&answers)).unwrap();
        for (at, named) in answers {
            assert_eq!(open.at(at), Some(named));
            assert_eq!(open.at(at + 1), None);
        }
    }

    #[test]
    fn what_is_added_stands_beside_what_was_there() {
        let old = open(&kept(&some_answers())).unwrap();
        let mut fresh = answers::to_add(Some(&old));
        fresh.add(7, Some(&named(7, 3)));
        fresh.add(16, None);
        let both = open(&answers::write("id", Some(&old), &fresh)).unwrap();
        assert_eq!(both.len(), old.len() + 1);
        assert_eq!(both.at(7), Some(Some(named(7, 3))));
        assert_eq!(
            both.at(16),
            Some(None),
            "a new answer takes the place of the old"
        );
        assert_eq!(both.at(32), old.at(32));
    }

    #[test]
    fn answers_are_renumbered_for_an_entry_that_another_run_extended() {
        let mut fresh = answers::to_add(None);
        fresh.add(7, Some(&named(7, 3)));
        let extended = open(&kept(&some_answers())).unwrap();
        let fresh = numbered_behind(&fresh, Some(&extended));
        let both = open(&answers::write("id", Some(&extended), &fresh)).unwrap();
        assert_eq!(both.at(7), Some(Some(named(7, 3))));
        assert_eq!(both.at(32), extended.at(32));
    }

    #[test]
    fn an_entry_of_another_source_is_not_used() {
        let bytes = kept(&some_answers());
        assert!(Answers::open(Bytes::owned(bytes), "other").is_none());
    }

    #[test]
    fn an_entry_with_any_byte_flipped_or_cut_anywhere_is_not_used() {
        let bytes = kept(&some_answers());
        for at in 0..bytes.len() {
            assert!(open(&bytes[..at]).is_none(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            let Some(flipped) = open(&flipped) else {
                continue;
            };
            assert!(!flipped.is_whole(), "flipped at {at}");
            for (address, _) in some_answers() {
                assert_eq!(flipped.at(address), None, "flipped at {at}");
            }
        }
    }

    #[test]
    fn a_damaged_block_costs_its_own_answers_alone() {
        let answers: Vec<_> = (0..8000).map(|at| (at, Some(named(at, 1)))).collect();
        let mut bytes = kept(&answers);
        let end = bytes.len() - 20;
        bytes[end] ^= 1;
        let open = open(&bytes).unwrap();
        let mut lost = 0;
        for (at, named) in &answers {
            match open.at(*at) {
                None => lost += 1,
                known => assert_eq!(known.as_ref(), Some(named)),
            }
        }
        assert!(lost > 0 && lost < 4000, "{lost}");
    }

    proptest! {
        #[test]
        fn any_record_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = record::read(0x1000, &bytes, |number| (number < 4).then_some("text"));
        }

        /// A checksum that fits says nothing about what it covers.
        #[test]
        fn any_bytes_under_a_right_checksum_are_read_or_refused(
            at in 16_usize..900,
            with in any::<u64>(),
        ) {
            let mut bytes = kept(&some_answers());
            let at = at.min(bytes.len() - 8);
            bytes[at..at + 8].copy_from_slice(&with.to_le_bytes());
            kstack_synth::answers::reseal(&mut bytes);
            if let Some(open) = open(&bytes) {
                for at in 0..640 {
                    let _ = open.at(at);
                }
                let _ = answers::write("id", Some(&open), &answers::to_add(Some(&open)));
            }
        }
    }
}
