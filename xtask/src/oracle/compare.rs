//! Whether two answers say the same, and if not, whether that is understood.

use std::collections::BTreeMap;

use super::answer::Answer;

/// How two answers relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Word for word the same.
    Same,
    /// llvm-symbolizer reaches past the end of a function for the symbol before the address; kstack knows the end.
    PastTheEnd,
    /// No DWARF at the address; both have the symbol before it, kstack perhaps under another name of that place.
    AnotherNameOfThePlace,
    /// Not understood: a bug in one of the two.
    Unexplained,
}

impl Verdict {
    /// For a person.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Verdict::Same => "the same",
            Verdict::PastTheEnd => {
                "explained: llvm-symbolizer names padding after the function before it"
            }
            Verdict::AnotherNameOfThePlace => {
                "explained: two names for one place, each took another"
            }
            Verdict::Unexplained => "UNEXPLAINED",
        }
    }
}

/// Judges two answers about one address. `places` has every symbol's value, by its name without the underscore.
pub(crate) fn judge(kstack: &Answer, llvm: &Answer, places: &BTreeMap<String, u64>) -> Verdict {
    if kstack == llvm {
        return Verdict::Same;
    }
    if let ([], [only]) = (kstack.as_slice(), llvm.as_slice())
        && only.file.is_empty()
        && only.line == 0
    {
        return Verdict::PastTheEnd;
    }
    let (Some((own, inlined)), Some((theirs, others))) = (kstack.split_last(), llvm.split_last())
    else {
        return Verdict::Unexplained;
    };
    let place = |name: &str| places.get(name);
    let same_place = place(&own.name).is_some() && place(&own.name) == place(&theirs.name);
    let rest_is_same =
        (&own.file, own.line, own.column) == (&theirs.file, theirs.line, theirs.column);
    if inlined == others && rest_is_same && same_place {
        return Verdict::AnotherNameOfThePlace;
    }
    Verdict::Unexplained
}
