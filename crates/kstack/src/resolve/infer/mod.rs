//! Where an image lies that nobody placed: the only place the stacks allow.
//!
//! Frames in no known image are return addresses of something. For a file
//! without load address every place is tried at which some of them follow
//! calls; a place stands if nothing speaks against it, and is claimed if no
//! other stands beside it and chance does not explain it. How far chance goes
//! is counted in bits: see [`candidate`] and `docs/evidence.md`.

mod candidate;
mod places;
mod search;
mod unknown;

use kstack_model::{ImageKind, LoadedImage};
use kstack_symbols::Role;

pub use candidate::Candidate;
use candidate::{is_enough, is_rival};
use search::Searcher;
use unknown::Unknown;

use super::chains::Chain;
use super::clues::described;
use super::matching::{Matched, SourceId, listed};
use super::place::by_code;
use super::space::{lay_out, lay_out_without};
use super::{MatchedBy, PlacedBy, SpaceId, UnusedReason, UsedSource};

/// What came of looking for a place for one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// The file as named.
    pub path: String,
    /// What the file calls its image.
    pub name: String,
    /// The places that the stacks allow, the best first; no more than a few.
    pub candidates: Vec<Candidate>,
    /// How many more there are.
    pub more: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// Whether a place could be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The first candidate is the only one, and the evidence suffices.
    Placed,
    /// Several places fit about as well.
    Several,
    /// The best place could be chance.
    TooWeak,
    /// No place fits two frames or more.
    Nowhere,
    /// Another build of the same image fits better.
    OtherBuild,
    /// Other builds of the same image fit about as well.
    BuildsAlike,
}

impl Outcome {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Placed => "placed",
            Outcome::Several => "several",
            Outcome::TooWeak => "too-weak",
            Outcome::Nowhere => "nowhere",
            Outcome::OtherBuild => "other-build",
            Outcome::BuildsAlike => "builds-alike",
        }
    }
}

/// Candidates kept for a reader.
const SHOWN: usize = 8;

/// Places every file that can be placed, one after the other: the surest first, because each
/// leaves fewer frames to the others.
pub(super) fn infer(chains: &[Chain], matched: &mut Matched<'_>) -> Vec<Inference> {
    let mut searchers: Vec<Searcher<'_>> = Vec::new();
    let files = matched.unplaced.len();
    for unplaced in &matched.unplaced {
        let source = matched.source(unplaced.source);
        searchers.extend(source.and_then(|source| Searcher::new(unplaced.clone(), source, files)));
    }
    let mut done = Vec::new();
    while !searchers.is_empty() {
        let spaces = lay_out(&matched.images);
        let unknown = Unknown::of(chains, matched, &spaces);
        for searcher in &mut searchers {
            searcher.search(&unknown, &spaces);
        }
        let Some(best) = best_of(&searchers) else {
            break;
        };
        let winner = searchers.remove(best);
        let group = winner.group();
        let (losers, others) = searchers
            .into_iter()
            .partition(|other| other.group() == group);
        searchers = others;
        done.extend(losers.into_iter().map(|loser: Searcher<'_>| {
            let why = format!("another build of {} fits the stacks better", loser.name());
            refuse(&loser, UnusedReason::Superseded, why, matched);
            loser.inference(Outcome::OtherBuild)
        }));
        claim(&winner, matched);
        done.push(winner.inference(Outcome::Placed));
    }
    for searcher in &searchers {
        let outcome = outcome(searcher, &searchers);
        let why = in_words(searcher, outcome);
        explain(searcher, &why, matched);
        done.push(searcher.inference(outcome));
    }
    done.sort_by(|one, other| one.path.cmp(&other.path));
    done
}

/// The only place that the stacks allow for an image whose own is wrong.
pub(super) fn only_place(
    chains: &[Chain],
    matched: &Matched<'_>,
    image: usize,
    source: SourceId,
) -> Option<Candidate> {
    let file = matched.files().get(source.file)?;
    let unplaced = Unplaced {
        source,
        path: file.path.clone(),
        role: file.role,
        image: None,
    };
    let mut searcher = Searcher::new(unplaced, matched.source(source)?, 1)?;
    let spaces = lay_out_without(&matched.images, Some(image));
    searcher.search(&Unknown::of(chains, matched, &spaces), &spaces);
    let searchers = [searcher];
    let [searcher] = &searchers;
    let is_only = outcome(searcher, &searchers) == Outcome::Placed;
    let best = searcher.candidates().first();
    best.filter(|_| is_only).cloned()
}

/// The file whose place is surest, among those that can be claimed.
fn best_of(searchers: &[Searcher<'_>]) -> Option<usize> {
    let claimable = searchers
        .iter()
        .enumerate()
        .filter(|(_, one)| outcome(one, searchers) == Outcome::Placed);
    let best = claimable.max_by(|(_, one), (_, other)| surplus(one).total_cmp(&surplus(other)));
    best.map(|(index, _)| index)
}

fn surplus(searcher: &Searcher<'_>) -> f64 {
    let best = searcher.candidates().first();
    best.map_or(f64::MIN, |best| best.surplus)
}

fn outcome(searcher: &Searcher<'_>, all: &[Searcher<'_>]) -> Outcome {
    let candidates = searcher.candidates();
    let Some(best) = candidates.first() else {
        return Outcome::Nowhere;
    };
    let builds = all
        .iter()
        .filter(|other| other.group() == searcher.group() && other.id() != searcher.id());
    let of_builds: Vec<&Candidate> = builds
        .filter_map(|other| other.candidates().first())
        .collect();
    if of_builds.iter().any(|other| !is_rival(best, other)) {
        return Outcome::OtherBuild;
    }
    if of_builds.iter().any(|other| is_rival(other, best)) {
        return Outcome::BuildsAlike;
    }
    if candidates.iter().skip(1).any(|other| is_rival(other, best)) {
        return Outcome::Several;
    }
    if is_enough(best) {
        Outcome::Placed
    } else {
        Outcome::TooWeak
    }
}

fn in_words(searcher: &Searcher<'_>, outcome: Outcome) -> String {
    let fitting = searcher.candidates().len();
    match outcome {
        Outcome::Several | Outcome::Placed => {
            format!("the stacks allow {fitting} places, none much better than the others")
        }
        Outcome::TooWeak => {
            "the place that fits best fits so few frames that it could be chance".to_owned()
        }
        Outcome::Nowhere => "no place fits two frames of the report or more".to_owned(),
        Outcome::OtherBuild | Outcome::BuildsAlike => {
            "several of the given builds fit the stacks".to_owned()
        }
    }
}

fn claim(winner: &Searcher<'_>, matched: &mut Matched<'_>) {
    let (Some(best), Some(source)) = (winner.candidates().first(), matched.source(winner.id()))
    else {
        return;
    };
    let slides = by_code(source, best.slide);
    let is_kernel = winner.role() == Role::Kernel;
    let matched_by = match (winner.matched_by(), is_kernel) {
        (Some(by), _) => by,
        (None, true) => MatchedBy::Kernel,
        (None, false) => MatchedBy::Evidence,
    };
    let used = UsedSource {
        placed_by: PlacedBy::Inferred,
        slides,
        ..described(source, matched_by)
    };
    match winner.image() {
        Some(image) => matched.assign(image, winner.id(), used),
        None => {
            let kind = if is_kernel {
                ImageKind::Kernel
            } else {
                ImageKind::Kext
            };
            let mut image = listed(SpaceId::Kernel, &LoadedImage::new(kind));
            image.used = Some(used);
            matched.add(image, winner.id());
        }
    }
    matched.placed(winner.id());
}

fn refuse(searcher: &Searcher<'_>, reason: UnusedReason, why: String, matched: &mut Matched<'_>) {
    if let Some(unused) = matched.unused_of(searcher.id()) {
        unused.reason = reason;
        unused.why = why;
    }
}

/// Adds to the reason why a file is not used what the stacks say.
fn explain(searcher: &Searcher<'_>, why: &str, matched: &mut Matched<'_>) {
    if let Some(unused) = matched.unused_of(searcher.id()) {
        unused.why = format!("{}; {why}", unused.why);
    }
}

/// A file that nothing places.
#[derive(Clone, Debug)]
pub(super) struct Unplaced {
    pub(super) source: SourceId,
    pub(super) path: String,
    pub(super) role: Role,
    /// The image it speaks for, where the report has one.
    pub(super) image: Option<(usize, MatchedBy)>,
}
