//! All chains held against all images that a source speaks for.

use std::collections::{BTreeMap, HashMap, HashSet};

use kstack_model::{ImageKind, VmAddr};

use super::{Contradiction, Evidence, Inner, Judge, Step, Tally};
use crate::resolve::chains::{Chain, Link};
use crate::resolve::lookup::{Key, whereabouts};
use crate::resolve::matching::{Matched, SourceId};
use crate::resolve::space::Spaces;
use crate::resolve::{MatchedBy, SpaceId};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Weighed {
    /// For each image that a source speaks for.
    pub(crate) evidence: BTreeMap<usize, Evidence>,
    /// Frames that contradict the placement of their image, by image.
    pub(crate) contradictions: BTreeMap<usize, Vec<(Key, Contradiction)>>,
}

/// Where a link lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    image: Option<usize>,
    linked: Option<VmAddr>,
}

/// Weighs the evidence for every image of the kernel's space.
pub(crate) fn weigh(chains: &[Chain], matched: &Matched<'_>, spaces: &Spaces) -> Weighed {
    let mut judges: BTreeMap<SourceId, Option<Judge<'_>>> = BTreeMap::new();
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    let mut places: HashMap<Link, Place> = HashMap::new();
    let mut seen = HashSet::new();
    let mut weighed = Weighed::default();
    for chain in chains {
        let mut inner: Option<(Link, Place)> = None;
        for link in &chain.links {
            let place = *places
                .entry(*link)
                .or_insert_with(|| place(*link, matched, spaces));
            let before = inner.replace((*link, place));
            let (Some(image), Some(at)) = (place.image, place.linked) else {
                continue;
            };
            let Some((id, _)) = matched.used(image) else {
                continue;
            };
            let judge = judges.entry(id).or_insert_with(|| {
                let source = matched.source(id)?;
                Judge::new(source)
            });
            let Some(judge) = judge else { continue };
            let step = Step {
                at,
                kind: link.kind,
                waits: link.waits,
                inner: match before.filter(|_| link.follows) {
                    None => Inner::Unrelated,
                    Some(before) => neighbour(before, image, matched),
                },
            };
            // Thousands of threads share most of their frames.
            if !seen.insert((*link, image, step.inner)) {
                continue;
            }
            let opinion = judge.opinion(step);
            tallies.entry(image).or_default().add(step, opinion);
            let against = opinion.address.and_then(Result::err);
            let against = against.or(opinion.call.and_then(Result::err));
            if let Some(against) = against {
                let key = (SpaceId::Kernel, link.at, link.kind);
                let known = weighed.contradictions.entry(image).or_default();
                known.push((key, against.what));
            }
        }
    }
    for (index, image) in matched.images.iter().enumerate() {
        if image.space != SpaceId::Kernel {
            continue;
        }
        let Some(used) = &image.used else { continue };
        let has_uuid = used.matched_by == MatchedBy::Uuid;
        let tally = tallies.remove(&index).unwrap_or_default();
        weighed.evidence.insert(index, tally.evidence(has_uuid));
    }
    weighed
}

fn place(link: Link, matched: &Matched<'_>, spaces: &Spaces) -> Place {
    let (image, linked) = whereabouts((SpaceId::Kernel, link.at, link.kind), matched, spaces);
    Place { image, linked }
}

fn neighbour((link, place): (Link, Place), image: usize, matched: &Matched<'_>) -> Inner {
    match place {
        Place {
            image: Some(other),
            linked: Some(at),
        } if other == image => Inner::Here {
            at,
            kind: link.kind,
        },
        Place {
            image: Some(other), ..
        } => {
            let kind = matched.images.get(other).map(|image| image.image.kind);
            match kind {
                Some(ImageKind::Kext) => Inner::InKext,
                _ => Inner::InKernel,
            }
        }
        Place { image: None, .. } => Inner::InKernel,
    }
}
