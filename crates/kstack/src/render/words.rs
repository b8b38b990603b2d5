//! What a person reads for the cases of a trace.

use std::fmt;

use kstack_model::{Basis, Fact, ImageKind, Side, SlideOf, Uuid};
use kstack_symbols::Detail;

use crate::diagnose::Fingerprint;
use crate::resolve::{MatchedBy, PlacedBy};

pub(crate) fn matched(by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::Uuid => "matched by UUID",
        MatchedBy::BundleIdentifier => "matched by bundle identifier only",
        MatchedBy::ExecutableName => "matched by executable name only",
        MatchedBy::Given => "given with its address, nothing to compare",
        MatchedBy::Kernel => "given as the kernel, nothing to compare",
        MatchedBy::Collection => "part of the kernel collection",
        MatchedBy::Evidence => "matched by its code",
    }
}

/// Who placed an image; an address given by hand is in the basis of the report.
pub(crate) fn placed(by: PlacedBy, report: Basis) -> &'static str {
    match (by, report) {
        (PlacedBy::Given, Basis::Slid) => "placed by hand at a slid address, as the report's are",
        (PlacedBy::Given, Basis::Unslid) => {
            "placed by hand at an unslid address, as the report's are"
        }
        (PlacedBy::Given, Basis::Unknown) => "placed by hand",
        (PlacedBy::Report, _) => "placed by the report",
        (PlacedBy::Listing, _) => "placed by the listing",
        (PlacedBy::Linked, _) => "linked at its address",
        (PlacedBy::Slide, _) => "linked there but for the stated slide",
        (PlacedBy::Inferred, _) => "placed where the stacks allow it, and nowhere else",
        (PlacedBy::Offsets, _) => "the report gives offsets into it",
    }
}

/// What a reader needs of the facts even without asking for them.
pub(crate) fn is_headline(fact: &Fact) -> bool {
    matches!(fact.name.as_ref(), "panic" | "fault")
}

pub(crate) fn detail(detail: Detail) -> &'static str {
    match detail {
        Detail::Nothing => "no names",
        Detail::FunctionStarts => "starts of functions, no names",
        Detail::Exports => "exported names only",
        Detail::Symbols => "names",
        Detail::Lines => "names, inlined functions and lines",
    }
}

pub(crate) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Slid => "slid, with the kernel's slide",
        Basis::Unslid => "unslid, without the kernel's slide",
        Basis::Unknown => "not known whether slid",
    }
}

pub(crate) fn slide(of: SlideOf) -> &'static str {
    match of {
        SlideOf::Kernel => "Kernel slide",
        SlideOf::KernelTextExec => "Kernel text exec slide",
        SlideOf::KernelCollection => "Kernel collection slide",
        SlideOf::SharedCache => "Shared cache slide",
    }
}

pub(crate) fn kind(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Kernel => "kernel",
        ImageKind::KernelCollection => "kernel-collection",
        ImageKind::Kext => "kext",
        ImageKind::PseudoKext => "pseudo-kext",
        ImageKind::SharedCache => "shared-cache",
        ImageKind::User => "user",
        _ => "other",
    }
}

pub(crate) fn stack(side: Side) -> &'static str {
    match side {
        Side::Kernel => "Kernel stack",
        Side::User => "User stack",
        Side::UserAsync => "User stack of asynchronous callers",
    }
}

/// What stands below a stack that is known to have gone on.
pub(crate) const CUT_SHORT: &str = "[cut short: the stack went on]";

/// The fingerprint and what it is made of.
pub(crate) fn fingerprint(fingerprint: &Fingerprint) -> String {
    let frames = Count(fingerprint.frames, "frame");
    let mut words = format!("{fingerprint} ({}, {frames}", fingerprint.of.in_words());
    if fingerprint.unnamed > 0 {
        words.push_str(&format!(
            "; {} without a name left out",
            fingerprint.unnamed
        ));
    }
    words.push(')');
    words
}

/// "1 thread", "2 threads", "2 boxes".
pub(crate) struct Count(pub(crate) usize, pub(crate) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, what) = *self;
        let plural = match what {
            _ if count == 1 => "",
            what if what.ends_with(['s', 'x']) => "es",
            _ => "s",
        };
        write!(f, "{count} {what}{plural}")
    }
}

/// A UUID as Apple's tools print it.
pub(crate) struct ShownUuid(pub(crate) Uuid);

impl fmt::Display for ShownUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0.hyphenated())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_not_boxs() {
        let said = |count, what| Count(count, what).to_string();
        assert_eq!(said(1, "box"), "1 box");
        assert_eq!(said(2, "box"), "2 boxes");
        assert_eq!(said(0, "process"), "0 processes");
        assert_eq!(said(2, "thread"), "2 threads");
    }
}
