//! Placements held against the stacks: what is contradicted is withdrawn, what is unplaced is looked for.

use std::collections::{BTreeMap, HashMap};

use kstack_model::{Basis, Report};
use kstack_symbols::Role;

use super::chains::{Chain, chains};
use super::clues::Clues;
use super::evidence::{Agreement, Contradiction, Evidence, Verdict, Weighed, weigh};
use super::infer::{self, Candidate, Inference, Outcome, Unplaced};
use super::lookup::Key;
use super::matching::Matched;
use super::place::by_code;
use super::space::lay_out;
use super::{MatchedBy, PlacedBy, Refusal, UnusedFile, UnusedReason, UsedSource, members};

/// What the code of the symbol files says about their placements.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Frames that contradict the placement of their image, those of withdrawn files too.
    contradictions: BTreeMap<usize, Vec<(Key, Contradiction)>>,
    pub(super) inferences: Vec<Inference>,
}

impl Proof {
    pub(super) fn contradictions(&self) -> HashMap<Key, Contradiction> {
        self.contradictions.values().flatten().copied().collect()
    }
}

/// Weighs all placements, withdraws what is contradicted, and looks for what nothing places.
pub(super) fn prove(report: &Report, clues: &Clues, matched: &mut Matched<'_>) -> Proof {
    let mut proof = Proof::default();
    if matched.files().is_empty() {
        return proof;
    }
    let chains = chains(report);
    let mut trial = Trial {
        report,
        clues,
        chains: &chains,
        matched,
        proof: &mut proof,
    };
    let weighed = trial.settle();
    let has_moved = move_unstated(&chains, clues, &weighed, trial.matched);
    if has_moved || !trial.matched.unplaced.is_empty() {
        trial.follow();
        trial.proof.inferences = infer::infer(&chains, trial.matched);
        trial.follow();
        trial.settle();
        trial.take_back();
    }
    matched.forget_bare();
    proof
}

/// What the steps of a proof share.
struct Trial<'t, 'a> {
    report: &'t Report,
    clues: &'t Clues,
    chains: &'t [Chain],
    matched: &'t mut Matched<'a>,
    proof: &'t mut Proof,
}

impl Trial<'_, '_> {
    /// Weighs, and withdraws what is contradicted, until nothing is.
    fn settle(&mut self) -> Weighed {
        loop {
            let spaces = lay_out(&self.matched.images);
            let weighed = weigh(self.chains, self.matched, &spaces);
            keep(&weighed, self.proof, self.matched);
            // Each round withdraws a file at least, so there is an end.
            if self.clues.options.allow_mismatch
                || !withdraw_contradicted(self.chains, &weighed, self.matched)
            {
                return weighed;
            }
            self.follow();
        }
    }

    /// Images of collections go with those that place them.
    fn follow(&mut self) {
        for index in members::follow(self.report, self.clues, self.matched) {
            self.proof.contradictions.remove(&index);
            if let Some(image) = self.matched.images.get_mut(index) {
                image.evidence = None;
            }
        }
    }

    /// A place that was claimed and then contradicted, beside what was placed after it, is none.
    fn take_back(&mut self) {
        for inference in &mut self.proof.inferences {
            let mut unused = self.matched.unused.iter();
            let is_unused = unused.any(|unused| {
                unused.path == inference.path && unused.reason == UnusedReason::Contradicted
            });
            if is_unused && inference.outcome == Outcome::Placed {
                inference.outcome = Outcome::TooWeak;
            }
        }
    }
}

/// Keeps the evidence with the images, and the frames against it with the proof.
fn keep(weighed: &Weighed, proof: &mut Proof, matched: &mut Matched<'_>) {
    for (index, evidence) in &weighed.evidence {
        let against = weighed.contradictions.get(index);
        let against = against.cloned().unwrap_or_default();
        proof.contradictions.insert(*index, against);
        if let Some(image) = matched.images.get_mut(*index) {
            image.evidence = Some(evidence.clone());
        }
    }
}

/// Moves images that lie where they are linked only because nobody said more, and that no frame is in,
/// to where the stacks have them: a kernel, in a report that does not tell of a slide.
fn move_unstated(
    chains: &[Chain],
    clues: &Clues,
    weighed: &Weighed,
    matched: &mut Matched<'_>,
) -> bool {
    let mut has_moved = false;
    for (image, evidence) in &weighed.evidence {
        let Some((source, used)) = matched.used(*image) else {
            continue;
        };
        let is_unstated = used.placed_by == PlacedBy::Linked && clues.basis == Basis::Unknown;
        if !is_unstated || evidence.verdict != Verdict::NotCheckable {
            continue;
        }
        let place = infer::only_place(chains, matched, *image, source);
        let slides = place.and_then(|place| Some(by_code(matched.source(source)?, place.slide)));
        if let Some(slides) = slides {
            let used = UsedSource {
                placed_by: PlacedBy::Inferred,
                slides,
                ..used.clone()
            };
            matched.assign(*image, source, used);
            has_moved = true;
        }
    }
    has_moved
}

/// Takes the sources away from the images they contradict; whether there was one.
fn withdraw_contradicted(chains: &[Chain], weighed: &Weighed, matched: &mut Matched<'_>) -> bool {
    let all = weighed.evidence.iter();
    let contradicted: Vec<(usize, Evidence)> = all
        .filter(|(_, evidence)| evidence.verdict == Verdict::Contradicted)
        .map(|(index, evidence)| (*index, evidence.clone()))
        .collect();
    for (image, evidence) in &contradicted {
        withdraw(*image, evidence, chains, matched);
    }
    !contradicted.is_empty()
}

fn withdraw(image: usize, evidence: &Evidence, chains: &[Chain], matched: &mut Matched<'_>) {
    let Some((source, used)) = matched.withdraw(image) else {
        return;
    };
    let Some(file) = matched.files().get(source.file) else {
        return;
    };
    matched.name_if_unlisted(image, &used);
    let elsewhere = infer::only_place(chains, matched, image, source);
    let why = why(evidence, &used, elsewhere.as_ref());
    matched.refuse(
        image,
        Refusal {
            path: file.path.clone(),
            uuid: used.uuid,
            why: why.clone(),
        },
    );
    if file.role != Role::Found {
        matched.unused.push(UnusedFile {
            path: file.path.clone(),
            name: Some(used.name.clone()),
            uuid: used.uuid,
            reason: UnusedReason::Contradicted,
            why,
        });
    }
    let is_stated = used.placed_by != PlacedBy::Linked;
    if let Some(rival) = matched.rival_of(image) {
        matched.placed(rival.source);
        matched.assign(image, rival.source, rival.used);
    } else if !is_stated {
        // Nobody said that it lies where it is linked, so it may lie where the stacks say.
        matched.unplaced.push(Unplaced {
            source,
            path: file.path.clone(),
            role: file.role,
            image: Some((image, used.matched_by)),
        });
    }
}

/// Why a file is not used, the likely reason, and what to do.
fn why(evidence: &Evidence, used: &UsedSource, elsewhere: Option<&Candidate>) -> String {
    let Agreement { agree, of } = evidence.all();
    let what = format!("its code contradicts the stacks: only {agree} of {of} checks agree");
    let stated = match used.placed_by {
        PlacedBy::Given => "the address given with it",
        PlacedBy::Report => "the address in the report",
        PlacedBy::Listing => "the address in the listing",
        PlacedBy::Slide => "the stated slide",
        PlacedBy::Linked | PlacedBy::Offsets => "where it is linked",
        PlacedBy::Inferred => "the inferred address",
    };
    let reason = match elsewhere {
        Some(place) => format!(
            "{} would fit at {}, so {stated} is probably wrong for it: of another boot, or with another slide",
            place.segment, place.address
        ),
        None if used.matched_by == MatchedBy::Uuid => {
            format!(
                "its UUID is right, so {stated} is probably wrong for it: of another boot, or with another slide"
            )
        }
        None if agree * 2 > of => {
            "it is probably another build, part of which is the same".to_owned()
        }
        None => "it is probably another build".to_owned(),
    };
    format!(
        "{what}; {reason}; pass the right file or address, or --allow-mismatch to use it all the same"
    )
}
