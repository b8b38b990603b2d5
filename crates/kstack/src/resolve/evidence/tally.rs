//! What all frames of an image say together.

use std::collections::BTreeMap;

use kstack_model::{FrameKind, VmAddr};

use super::judge::Against;
use super::{Agreement, Evidence, Inner, Opinion, Step, Verdict};

/// Distinct addresses and calls of one image, each with what it says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// 0 for an address that agrees, else the weight against.
    addresses: BTreeMap<(FrameKind, VmAddr), u32>,
    /// A return address and the inner one that its call has to reach; likewise.
    calls: BTreeMap<(VmAddr, VmAddr), u32>,
    /// How many return addresses the call to the frame's function can reach, be it direct or through a
    /// pointer: the fewer, the more it says.
    pub(crate) reached: BTreeMap<VmAddr, usize>,
    /// How the return addresses that follow calls fit their next inner frames.
    fits: BTreeMap<VmAddr, Fit>,
}

/// How a call fits the next inner frame, from the least telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// It leads there.
    Any,
    /// It goes where the code does not tell, so that any frame of the image can be next.
    ToAnyInside,
    /// It can go out of the image, and the next frame is there.
    ToOutside,
}

impl Tally {
    pub(crate) fn add(&mut self, step: Step, opinion: Opinion) {
        if let Some(address) = opinion.address {
            let weight = weight(address);
            let known = self.addresses.entry((step.kind, step.at)).or_default();
            *known = weight.max(*known);
        }
        // What would not be held against the place says nothing for it either.
        if step.kind == FrameKind::ReturnAddress
            && step.inner != Inner::Unrelated
            && opinion.address == Some(Ok(()))
        {
            let fit = match (opinion.call, step.inner) {
                (Some(_), _) | (None, Inner::Unrelated) => Fit::Any,
                (None, Inner::Here { .. }) => Fit::ToAnyInside,
                (None, Inner::InKext | Inner::InKernel) => Fit::ToOutside,
            };
            let known = self.fits.entry(step.at).or_insert(fit);
            *known = fit.max(*known);
        }
        let inner = match step.inner {
            Inner::Here { at, .. } => at,
            Inner::Unrelated | Inner::InKext | Inner::InKernel => VmAddr(u64::MAX),
        };
        let reached = opinion.call.and_then(Result::ok).or(opinion.pointed);
        if let Some(returns) = reached {
            let known = self.reached.entry(inner).or_insert(returns);
            *known = returns.min(*known);
        }
        let Some(call) = opinion.call else { return };
        let weight = weight(call.map(|_| ()));
        let known = self.calls.entry((step.at, inner)).or_default();
        *known = weight.max(*known);
    }

    /// Return addresses that follow a call, and how that fits the next inner frame.
    pub(crate) fn hits(&self) -> impl Iterator<Item = (VmAddr, Fit)> {
        self.fits.iter().map(|(at, fit)| (*at, *fit))
    }

    /// The weight of all that speaks against the placement.
    pub(crate) fn against(&self) -> u32 {
        let weights = self.addresses.values().chain(self.calls.values());
        weights.sum()
    }

    /// How many things were checked.
    pub(crate) fn checked(&self) -> usize {
        self.addresses.len() + self.calls.len()
    }

    /// Whether the image cannot lie where it was placed.
    ///
    /// One thing that cannot be, or two that a trap could explain; but not
    /// if eight times as many agree, for then a damaged stack is likelier
    /// than a wrong placement that agrees so well.
    pub(crate) fn is_contradicted(&self) -> bool {
        let against = usize::try_from(self.against()).unwrap_or(usize::MAX);
        against >= 2 && against.saturating_mul(4) > self.checked()
    }

    pub(crate) fn evidence(&self, has_uuid: bool) -> Evidence {
        let of_kind = |wanted| {
            let addresses = self.addresses.iter();
            agreement(addresses.filter(move |((kind, _), _)| *kind == wanted))
        };
        let verdict = if self.checked() == 0 {
            Verdict::NotCheckable
        } else if self.is_contradicted() {
            Verdict::Contradicted
        } else if has_uuid {
            Verdict::Proven
        } else {
            Verdict::Agrees
        };
        Evidence {
            verdict,
            returns: of_kind(FrameKind::ReturnAddress),
            calls: agreement(self.calls.iter()),
            interrupted: of_kind(FrameKind::InstructionPointer),
        }
    }
}

fn weight(opinion: Result<(), Against>) -> u32 {
    opinion.err().map_or(0, |against| against.weight)
}

fn agreement<'a, K: 'a>(checked: impl Iterator<Item = (K, &'a u32)>) -> Agreement {
    let mut agreement = Agreement::default();
    for (_, weight) in checked {
        agreement.of += 1;
        agreement.agree += usize::from(*weight == 0);
    }
    agreement
}
