//! A place that the stacks allow, and how far chance explains it.
//!
//! A wrong place fits a frame by chance as often as calls end in the code:
//! with a call every 30 bytes, once in 30, which is 5 bits. A frame that the
//! direct call of the next outer frame reaches fits by chance only where that
//! one function has calls: with 8 calls in 500 KB, 16 bits. The bits of
//! distinct frames add up. Against them stands the number of places that were
//! tried: 1000 places cost 10 bits.

use kstack_model::{Address, Slide};

use crate::resolve::evidence::{Agreement, Tally};

/// A place that the stacks allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Where the image's header would lie, or its code where that is apart.
    pub address: Address,
    /// The name of the segment that would start there.
    pub segment: String,
    /// Placed minus linked.
    pub slide: Slide,
    /// Return addresses that follow a call there.
    pub returns: Agreement,
    /// Direct calls that lead to the next inner frame.
    pub calls: Agreement,
    /// How much speaks for it, in bits.
    pub bits: f64,
}

/// What must be left when the places tried are paid for: chance gets there once in a thousand times.
const MARGIN: f64 = 10.0;

/// A place that is less likely than another by this many bits is no rival.
const APART: f64 = 8.0;

/// Whether chance does not explain the place.
pub(super) fn is_enough(candidate: &Candidate, tried: u64) -> bool {
    candidate.returns.agree >= 2 && surplus(candidate, tried) >= MARGIN
}

/// Bits left when the places tried are paid for.
pub(super) fn surplus(candidate: &Candidate, tried: u64) -> f64 {
    candidate.bits - log2(tried)
}

/// Whether a place is about as likely as the best one.
pub(super) fn is_rival(other: &Candidate, best: &Candidate) -> bool {
    other.bits > best.bits - APART
}

/// What speaks for a place, in bits. `sites` of `positions` addresses of the code follow a call.
pub(super) fn bits(tally: &Tally, sites: usize, positions: u64) -> f64 {
    let by_chance = |count: usize| {
        let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        (log2(positions) - log2(count)).max(0.0)
    };
    let hits = tally.hits();
    hits.map(|at| by_chance(tally.reached.get(&at).copied().unwrap_or(sites)))
        .sum()
}

fn log2(count: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a logarithm needs no more than the leading digits"
    )]
    let count = count.max(1) as f64;
    count.log2()
}
