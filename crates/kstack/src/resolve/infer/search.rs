//! Every place for one image at which frames follow calls.

use kstack_model::{Address, FrameKind, Slide, VmAddr};
use kstack_symbols::{Role, SymbolSource};

use super::candidate::{Candidate, Odds, bits};
use super::places::Places;
use super::unknown::{Neighbour, Unknown, UnknownStep};
use super::{Inference, Outcome, SHOWN, Unplaced};
use crate::resolve::evidence::{Inner, Judge, Step, Tally};
use crate::resolve::matching::SourceId;
use crate::resolve::place::{by_code, code_segment, is_split};
use crate::resolve::space::Spaces;
use crate::resolve::{MatchedBy, SpaceId};

/// Places that are looked at closely, those with the most frames first.
const MOST_PLACES: usize = 256;

/// Frames that are held against one place. Of more, as many are taken, spread evenly: they say as much.
const MOST_STEPS: usize = 4096;

/// Pairs of a frame and a call that are looked at in all.
const MOST_PAIRS: usize = 8_000_000;

/// Looks for the place of one file.
#[derive(Debug)]
pub(super) struct Searcher<'a> {
    unplaced: Unplaced,
    source: &'a SymbolSource,
    judge: Judge<'a>,
    odds: Odds,
    /// The addresses behind calls, by where they lie in a page, then by address.
    by_residue: Vec<(u64, u64)>,
    /// Every slide is a multiple of this.
    step: u64,
    /// First address of code, and the one behind the last.
    bounds: (VmAddr, VmAddr),
    /// How many files are looked for: each gives chance its own places.
    files: usize,
    candidates: Vec<Candidate>,
    places: Places,
}

impl<'a> Searcher<'a> {
    /// `None` for a file without code.
    pub(super) fn new(
        unplaced: Unplaced,
        source: &'a SymbolSource,
        files: usize,
    ) -> Option<Searcher<'a>> {
        let mut judge = Judge::with_pointers(source)?;
        let bounds = judge.code.bounds()?;
        let sites = judge.code.call_sites();
        let step = step(source, judge.code.alignment());
        let mut by_residue: Vec<_> = sites
            .all()
            .iter()
            .map(|site| (site.0 % step, site.0))
            .collect();
        by_residue.sort_unstable();
        Some(Searcher {
            unplaced,
            source,
            odds: Odds::of(&mut judge, &sites),
            judge,
            by_residue,
            step,
            bounds,
            files,
            candidates: Vec::new(),
            places: Places::default(),
        })
    }

    pub(super) fn id(&self) -> SourceId {
        self.unplaced.source
    }

    pub(super) fn role(&self) -> Role {
        self.unplaced.role
    }

    pub(super) fn image(&self) -> Option<usize> {
        self.unplaced.image.map(|(image, _)| image)
    }

    pub(super) fn matched_by(&self) -> Option<MatchedBy> {
        self.unplaced.image.map(|(_, by)| by)
    }

    pub(super) fn name(&self) -> &'a str {
        &self.source.identity().name
    }

    /// Builds of one image share it.
    pub(super) fn group(&self) -> (bool, &'a str) {
        (self.unplaced.role == Role::Kernel, self.name())
    }

    /// The places found, the best first.
    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub(super) fn inference(&self, outcome: Outcome) -> Inference {
        Inference {
            path: self.unplaced.path.clone(),
            name: self.name().to_owned(),
            candidates: self.candidates.iter().take(SHOWN).cloned().collect(),
            more: self.candidates.len().saturating_sub(SHOWN),
            outcome,
        }
    }

    /// Looks at every place where two unknown frames or more follow calls.
    pub(super) fn search(&mut self, unknown: &Unknown, spaces: &Spaces) {
        let length = self.bounds.1.0 - self.bounds.0.0;
        self.places = Places::count(&unknown.returns, length, self.step);
        let mut candidates: Vec<Candidate> = self
            .slides(&unknown.returns)
            .into_iter()
            .filter_map(|slide| self.candidate(slide, unknown, spaces))
            .collect();
        candidates.sort_by(|one, other| {
            let by_bits = other.bits.total_cmp(&one.bits);
            by_bits.then(one.address.cmp(&other.address))
        });
        self.candidates = candidates;
    }

    /// Slides at which the most frames follow calls, two at least.
    fn slides(&self, returns: &[Address]) -> Vec<Slide> {
        let mut slides = Vec::new();
        for at in returns {
            let residue = at.0 % self.step;
            let start = self
                .by_residue
                .partition_point(|(other, _)| *other < residue);
            let rest = self.by_residue.get(start..).unwrap_or_default();
            let same = rest.iter().take_while(|(other, _)| *other == residue);
            slides.extend(same.map(|(_, site)| at.0.wrapping_sub(*site)));
            if slides.len() > MOST_PAIRS {
                break;
            }
        }
        slides.sort_unstable();
        let runs = slides.chunk_by(|one, other| one == other);
        let mut counted: Vec<(usize, u64)> = runs
            .filter(|run| run.len() >= 2)
            .filter_map(|run| Some((run.len(), *run.first()?)))
            .collect();
        counted.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        counted.truncate(MOST_PLACES);
        counted.into_iter().map(|(_, slide)| Slide(slide)).collect()
    }

    /// The place with this slide, if nothing speaks against it.
    fn candidate(&mut self, slide: Slide, unknown: &Unknown, spaces: &Spaces) -> Option<Candidate> {
        let map = by_code(self.source, slide);
        let mut segments = map.segments.iter();
        if !segments.all(|segment| spaces.is_free(SpaceId::Kernel, &segment.range)) {
            return None;
        }
        let (first, last) = (self.bounds.0 + slide, self.bounds.1 + slide);
        if first > last {
            return None;
        }
        let steps = unknown.within(first, last);
        let every = steps.len().div_ceil(MOST_STEPS).max(1);
        let mut tally = Tally::default();
        // A single thing that a trap could explain is let pass among many that agree.
        let is_refuted = |tally: &Tally, checked: usize| {
            let against = usize::try_from(tally.against()).unwrap_or(usize::MAX);
            against.saturating_mul(16) > checked
        };
        for (number, step) in steps.iter().step_by(every).enumerate() {
            let step = self.step(step, slide);
            let opinion = self.judge.opinion(step);
            tally.add(step, opinion);
            // Each step is an address and a call at most: no number of those to come makes it good any more.
            if number % 64 == 63 && is_refuted(&tally, 2 * steps.len().div_ceil(every)) {
                return None;
            }
        }
        if is_refuted(&tally, tally.checked()) {
            return None;
        }
        let evidence = tally.evidence(false);
        let segment = code_segment(self.source)?;
        let bits = bits(&tally, self.odds);
        let by_frames = self.odds.bits_of_a_frame();
        let places = self.places.at_least(evidence.returns.agree, by_frames);
        let files = f64::from(u32::try_from(self.files).unwrap_or(u32::MAX));
        Some(Candidate {
            address: segment.range.start + slide,
            segment: segment.name.clone(),
            slide,
            returns: evidence.returns,
            calls: evidence.calls,
            bits,
            surplus: bits - (places * files).log2(),
        })
    }

    fn step(&self, step: &UnknownStep, slide: Slide) -> Step {
        let inner = match step.inner {
            Neighbour::Unrelated => Inner::Unrelated,
            Neighbour::InKext => Inner::InKext,
            Neighbour::InKernel => Inner::InKernel,
            Neighbour::Unknown(at, kind) => {
                let linked = at - slide;
                // A return address may stand one past the code.
                let before = match kind {
                    FrameKind::ReturnAddress => VmAddr(linked.0.wrapping_sub(1)),
                    FrameKind::InstructionPointer => linked,
                };
                if self.judge.code.contains(before) {
                    Inner::Here { at: linked, kind }
                } else {
                    Inner::InKernel
                }
            }
        };
        Step {
            at: step.at - slide,
            kind: step.kind,
            inner,
            waits: step.waits,
        }
    }
}

/// What every slide is a multiple of.
///
/// Images are placed on pages: of 4 KiB on Intel, of 16 KiB on arm64. What
/// makes a kernel collection packs the `__TEXT_EXEC` of its kexts, each at a
/// multiple of 16 and of what its sections ask for (dyld, `AppCacheBuilder.cpp`).
/// What is in a collection already is moved with it.
fn step(source: &SymbolSource, alignment: u64) -> u64 {
    if alignment == 1 {
        return 0x1000;
    }
    if !is_split(source) || source.collection().is_some() {
        return 0x4000;
    }
    let sections = code_segment(source).map(|segment| segment.sections.iter());
    let asked = sections.and_then(|sections| sections.map(|section| section.alignment).max());
    asked.unwrap_or_default().max(16)
}
