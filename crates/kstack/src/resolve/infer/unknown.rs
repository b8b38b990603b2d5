//! The frames that lie in no known image.

use std::collections::BTreeSet;

use kstack_model::{Address, At, FrameKind, ImageKind};

use crate::resolve::SpaceId;
use crate::resolve::chains::{Chain, Link};
use crate::resolve::lookup::whereabouts;
use crate::resolve::matching::Matched;
use crate::resolve::space::Spaces;

/// The frames that lie in no known image, with their neighbours.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// Sorted by address, each distinct one once.
    pub(super) steps: Vec<UnknownStep>,
    /// The distinct return addresses among them.
    pub(super) returns: Vec<Address>,
}

/// A frame in no known image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnknownStep {
    pub(super) at: Address,
    pub(super) kind: FrameKind,
    pub(super) inner: Neighbour,
    /// Whether its thread waits.
    pub(super) waits: bool,
}

/// The next inner frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Neighbour {
    /// None that was called by this frame.
    Unrelated,
    /// In no known image either.
    Unknown(Address, FrameKind),
    /// In a kext.
    InKext,
    /// In the kernel.
    InKernel,
}

impl Unknown {
    pub(super) fn of(chains: &[Chain], matched: &Matched<'_>, spaces: &Spaces) -> Unknown {
        let mut steps = BTreeSet::new();
        let mut returns = BTreeSet::new();
        for chain in chains {
            let mut before = None;
            for link in &chain.links {
                let neighbour = neighbour(*link, matched, spaces);
                let inner = before.replace(neighbour).filter(|_| link.follows);
                let Neighbour::Unknown(at, kind) = neighbour else {
                    continue;
                };
                let inner = inner.unwrap_or(Neighbour::Unrelated);
                let waits = link.waits;
                steps.insert(UnknownStep {
                    at,
                    kind,
                    inner,
                    waits,
                });
                if kind == FrameKind::ReturnAddress {
                    returns.insert(at);
                }
            }
        }
        Unknown {
            steps: steps.into_iter().collect(),
            returns: returns.into_iter().collect(),
        }
    }

    /// The steps with an address in a range, both ends included.
    pub(super) fn within(&self, first: Address, last: Address) -> &[UnknownStep] {
        let start = self.steps.partition_point(|step| step.at < first);
        let end = self.steps.partition_point(|step| step.at <= last);
        self.steps.get(start..end).unwrap_or_default()
    }
}

fn neighbour(link: Link, matched: &Matched<'_>, spaces: &Spaces) -> Neighbour {
    let key = (SpaceId::Kernel, link.at, link.kind);
    let (image, _) = whereabouts(key, matched, spaces);
    let kind = image.and_then(|image| matched.images.get(image));
    match (kind.map(|image| image.image.kind), link.at) {
        (Some(ImageKind::Kext), _) => Neighbour::InKext,
        (None, At::Absolute(at)) => Neighbour::Unknown(at, link.kind),
        _ => Neighbour::InKernel,
    }
}
