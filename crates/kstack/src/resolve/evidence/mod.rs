//! Whether the code of a symbol file agrees with the stacks: the evidence for its placement.
//!
//! Three things can be checked without any UUID:
//!
//! * a return address directly follows a call;
//! * where that call is direct, it leads to the next inner frame, be it through stubs, through
//!   functions that jump on in place of a call, or through functions without a frame;
//! * an interrupted instruction pointer is where an instruction starts.
//!
//! What speaks against a placement is weighed, because stacks hold things
//! that are no return addresses. The rules are in `docs/evidence.md`.

mod judge;
mod tally;
mod weigh;

pub(super) use judge::{Inner, Judge, Opinion, Step};
pub(super) use tally::{Fit, Tally};
pub(super) use weigh::{Weighed, weigh};

use std::fmt;

/// How well the placement of an image agrees with the report.
///
/// Distinct addresses are counted, not frames: a stack that a hundred threads have proves no more than one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it comes to.
    pub verdict: Verdict,
    /// Return addresses that follow a call.
    pub returns: Agreement,
    /// Direct calls that lead to the next inner frame.
    pub calls: Agreement,
    /// Interrupted instruction pointers at the start of an instruction.
    pub interrupted: Agreement,
}

/// How many of how many agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// How many agree.
    pub agree: usize,
    /// How many could be checked.
    pub of: usize,
}

/// What the evidence for a placement comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The UUID proves the build, the code proves the place.
    Proven,
    /// The code agrees.
    Agrees,
    /// The code cannot lie there.
    Contradicted,
    /// No frame could be checked: no code, no decoder, or no frame of a waiting thread in it.
    NotCheckable,
}

impl Verdict {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::Agrees => "agrees",
            Verdict::Contradicted => "contradicted",
            Verdict::NotCheckable => "not-checkable",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Agreement { agree, of } = self.all();
        match self.verdict {
            Verdict::Proven => write!(f, "proven by UUID and code, {agree} of {of}")?,
            Verdict::Agrees => write!(f, "agrees {agree} of {of}")?,
            Verdict::Contradicted => write!(f, "contradicted, agrees only {agree} of {of}")?,
            Verdict::NotCheckable => return f.write_str("not checkable"),
        }
        let parts = [
            (self.returns, "return addresses"),
            (self.calls, "direct calls"),
            (self.interrupted, "interrupted instructions"),
        ];
        let parts = parts.iter().filter(|(agreement, _)| agreement.of > 0);
        for (index, (Agreement { agree, of }, what)) in parts.enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(f, "{before}{agree}/{of} {what}")?;
        }
        f.write_str(")")
    }
}

impl Evidence {
    /// All that was checked, together.
    #[must_use]
    pub fn all(&self) -> Agreement {
        let parts = [self.returns, self.calls, self.interrupted];
        Agreement {
            agree: parts.iter().map(|part| part.agree).sum(),
            of: parts.iter().map(|part| part.of).sum(),
        }
    }
}

/// What is wrong with a frame, if its image lies where it was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contradiction {
    /// A return address that follows no call.
    NoCall,
    /// A return address where the image has no code.
    NoCode,
    /// The call before the return address is direct and does not lead to the next inner frame.
    CallLeadsElsewhere,
}

impl Contradiction {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Contradiction::NoCall => "no-call",
            Contradiction::NoCode => "no-code",
            Contradiction::CallLeadsElsewhere => "call-leads-elsewhere",
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contradiction::NoCall => "contradicts the symbol file: no call ends here",
            Contradiction::NoCode => "contradicts the symbol file: no code here",
            Contradiction::CallLeadsElsewhere => {
                "contradicts the symbol file: the call here does not lead to the next inner frame"
            }
        })
    }
}
