//! A short hash of what a report is about, equal on every boot and at every slide.
//!
//! `docs/fingerprint.md` describes it so that another tool can make the same.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hasher;

use fnv::FnvHasher;

use super::label::{Label, Labels, Owner};
use super::threads::{ThreadEntry, Threads};

/// Frames of one stack that count, from the innermost on: what is farther out
/// is how the program came there, and differs from program to program.
const DEEPEST: usize = 16;

/// Named frames that a stack must have to be worth a fingerprint.
const ENOUGH: usize = 2;

/// A hash of the functions that a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// The hash.
    pub hash: u64,
    /// What it is made of.
    pub of: FingerprintOf,
    /// Frames that went into it.
    pub frames: usize,
    /// Frames that would have, had they a name. With more symbol files the fingerprint changes.
    pub unnamed: usize,
}

/// Which stacks a fingerprint is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FingerprintOf {
    /// That of the thread that panicked.
    Panic,
    /// Those of all busy threads inside kexts that are not the system's.
    Kexts,
}

impl FingerprintOf {
    /// What it is made of, for a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            FingerprintOf::Panic => "of the thread that panicked",
            FingerprintOf::Kexts => "of the busy threads inside kexts",
        }
    }

    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FingerprintOf::Panic => "panic",
            FingerprintOf::Kexts => "kexts",
        }
    }
}

impl fmt::Display for Fingerprint {
    /// `k1-` and 16 digits: the version of the recipe is part of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k1-{:016x}", self.hash)
    }
}

/// The fingerprint of a trace; `None` where too little is named to tell it from others.
pub(crate) fn of(threads: &Threads<'_>, labels: &Labels) -> Option<Fingerprint> {
    let panicked: Vec<&ThreadEntry<'_>> = threads
        .all
        .iter()
        .filter(|thread| thread.panicked())
        .collect();
    if !panicked.is_empty() {
        return hash(FingerprintOf::Panic, panicked, labels);
    }
    let in_kexts = threads.all.iter().filter(|thread| {
        thread.idle.is_none() && thread.is_in(labels, |label| label.owner == Owner::Kext)
    });
    hash(FingerprintOf::Kexts, in_kexts.collect(), labels)
}

/// The functions of a stack that count, innermost first.
pub(crate) fn meaningful<'a>(thread: &ThreadEntry<'_>, labels: &'a Labels) -> Vec<&'a Label> {
    let mut last = None;
    let rest = thread.kernel.iter().skip(thread.machinery);
    let labels = rest.filter_map(|id| labels.get(*id));
    let meaningful = labels.filter(|label| label.is_meaningful());
    // A recursion counts once, however deep it went.
    meaningful
        .filter(|label| last.replace(*label) != Some(*label))
        .take(DEEPEST)
        .collect()
}

fn hash(of: FingerprintOf, threads: Vec<&ThreadEntry<'_>>, labels: &Labels) -> Option<Fingerprint> {
    let (mut frames, mut unnamed) = (0, 0);
    // A set: how many threads are there and in which order is chance.
    let mut lines: BTreeSet<String> = BTreeSet::new();
    for thread in threads {
        let mut stack = meaningful(thread, labels);
        if of == FingerprintOf::Kexts {
            // A hang is the kext's; with or without the kernel's symbols it is the same one.
            stack.retain(|label| matches!(label.owner, Owner::Kext | Owner::AppleKext));
        }
        let named: Vec<&&Label> = stack
            .iter()
            .filter(|label| label.name().is_some())
            .collect();
        if named.len() < ENOUGH || named.len() * 2 < stack.len() {
            continue;
        }
        let mut line = String::new();
        for label in &named {
            let image = label.image.as_deref().unwrap_or("?");
            line.push_str(image);
            line.push('`');
            line.push_str(label.name().unwrap_or_default());
            line.push(';');
        }
        if lines.insert(line) {
            frames += named.len();
            unnamed += stack.len() - named.len();
        }
    }
    if lines.is_empty() {
        return None;
    }
    let mut hasher = FnvHasher::default();
    for line in &lines {
        hasher.write(line.as_bytes());
        hasher.write(b"\n");
    }
    Some(Fingerprint {
        hash: hasher.finish(),
        of,
        frames,
        unnamed,
    })
}
