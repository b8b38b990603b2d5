//! A place that the stacks allow, and how far chance explains it.
//!
//! A wrong place fits a frame by chance as often as calls end in the code:
//! with a call every 30 bytes, once in 30, which is 5 bits. A frame that the
//! direct call of the next outer frame reaches fits by chance only where that
//! one function has calls: with 8 calls in 500 KB, 16 bits. The bits of
//! distinct frames add up. Against them stands the number of places at which
//! chance had as many frames to fit: 1000 places cost 10 bits ([`Places`](super::places::Places)).

use kstack_model::{Address, Slide};

use kstack_symbols::CallSites;

use crate::resolve::evidence::{Agreement, Fit, Judge, Tally};

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
    /// What is left of the bits when the places are paid for that chance had to fit as well, in this file
    /// and in the others that are looked for.
    pub surplus: f64,
}

/// What must be left when the places tried are paid for: chance gets there once in eight thousand times at most.
const MARGIN: f64 = 13.0;

/// A place that is less likely than another by this many bits is no rival.
const APART: f64 = 8.0;

/// Whether chance does not explain a place.
pub(super) fn is_enough(candidate: &Candidate) -> bool {
    candidate.returns.agree >= 2 && candidate.surplus >= MARGIN
}

/// Whether a place is about as likely as the best one.
pub(super) fn is_rival(other: &Candidate, best: &Candidate) -> bool {
    other.bits > best.bits - APART
}

/// How often chance fits a frame: the addresses of an image by what stands before them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odds {
    /// Addresses at which an instruction can end.
    pub(super) positions: u64,
    /// Addresses that follow a call.
    pub(super) sites: usize,
    /// Those of them that follow a call of which the code does not tell where in the image it goes.
    pub(super) anywhere: usize,
    /// Those that follow a call that can go out of the image.
    pub(super) outward: usize,
}

impl Odds {
    /// What a frame says that only follows a call.
    pub(super) fn bits_of_a_frame(&self) -> f64 {
        log2(self.positions) - log2(u64::try_from(self.sites).unwrap_or(u64::MAX))
    }

    /// Samples so many calls: the odds need not be exact.
    const SAMPLES: usize = 256;

    pub(super) fn of(judge: &mut Judge<'_>, sites: &CallSites) -> Odds {
        let all = sites.all();
        let every = all.len().div_ceil(Odds::SAMPLES).max(1);
        let (mut sampled, mut anywhere, mut outward) = (0, 0, 0);
        for site in all.iter().step_by(every) {
            let constrains = judge.constrains(*site);
            sampled += 1;
            anywhere += usize::from(!constrains.inside);
            outward += usize::from(!constrains.outside);
        }
        let of_all = |count: usize| (all.len() * count).div_ceil(sampled.max(1));
        Odds {
            positions: judge.code.positions(),
            sites: all.len(),
            anywhere: of_all(anywhere),
            outward: of_all(outward),
        }
    }
}

/// What speaks for a place, in bits.
pub(super) fn bits(tally: &Tally, odds: Odds) -> f64 {
    let by_chance = |count: usize| {
        let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        (log2(odds.positions) - log2(count)).max(0.0)
    };
    let bits = tally.hits().map(|(at, fit)| {
        // An outer call that leads here leaves few addresses to chance; of these, as many as
        // of all others fit the next inner frame.
        let fitting = match fit {
            Fit::Any => odds.sites,
            Fit::ToAnyInside => odds.anywhere,
            Fit::ToOutside => odds.outward,
        };
        match tally.reached.get(&at) {
            None => by_chance(fitting),
            Some(reached) => by_chance(*reached) + by_chance(fitting) - by_chance(odds.sites),
        }
    });
    bits.sum()
}

fn log2(count: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a logarithm needs no more than the leading digits"
    )]
    let count = count.max(1) as f64;
    count.log2()
}
