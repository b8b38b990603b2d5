//! Callers that a stack does not show: a function that jumped on in place of a call of its own.
//!
//! The outer frame's call names its target, and the next inner frame lies in another function. Where
//! the code leads from the one to the other without a frame between, the called function is known
//! although no frame is in it.

use std::collections::{BTreeMap, HashSet};

use foldhash::HashMap;
use kstack_model::{FrameKind, Report, VmAddr};
use kstack_symbols::{After, Certainty, Code, Named, Names, Target};

use super::chains::chains;
use super::lookup::{Key, whereabouts};
use super::matching::{Matched, SourceId};
use super::space::Spaces;
use super::walks::Walks;
use super::{Resolution, SpaceId, TraceImage};

/// Instructions followed in one image, at most.
const MOST_WALKED: usize = 1_000_000;

/// A function that was called and is not in the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Its name, demangled.
    pub name: String,
    /// Its name as the symbol file has it.
    pub raw: String,
}

/// An inner frame and the outer one that follows it.
pub(crate) type Pair = (Key, Key);

/// For each two frames between which a function is missing: that function, where the code proves it.
pub(super) fn entered(
    report: &Report,
    matched: &Matched<'_>,
    spaces: &Spaces,
    resolutions: &HashMap<Key, Resolution>,
) -> HashMap<Pair, Entered> {
    let mut walkers: BTreeMap<SourceId, Option<Walker<'_>>> = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut found = HashMap::default();
    for chain in chains(report) {
        for (inner, outer) in chain.links.iter().zip(chain.links.iter().skip(1)) {
            let key = |link: &super::chains::Link| (SpaceId::Kernel, link.at, link.kind);
            let pair = (key(inner), key(outer));
            if !outer.follows || outer.kind != FrameKind::ReturnAddress || !seen.insert(pair) {
                continue;
            }
            let Some(Resolution::Named { image, named, .. }) = resolutions.get(&pair.0) else {
                continue;
            };
            let (Some((id, used)), (Some(outer_image), Some(call))) =
                (matched.used(*image), whereabouts(pair.1, matched, spaces))
            else {
                continue;
            };
            let (_, Some(at)) = whereabouts(pair.0, matched, spaces) else {
                continue;
            };
            let is_refuted = |image: &TraceImage| used.mismatched || image.is_contradicted();
            let is_sure = named.certainty == Certainty::Inside
                && !matched.images.get(*image).is_some_and(is_refuted);
            if outer_image != *image || !is_sure {
                continue;
            }
            let walker = walkers.entry(id).or_insert_with(|| {
                let source = matched.source(id)?;
                Some(Walker::new(source.code()?, source.names()))
            });
            let entered = walker
                .as_mut()
                .and_then(|walker| walker.between(call, at, inner.kind, named));
            found.extend(entered.map(|entered| (pair, entered)));
        }
    }
    found
}

struct Walker<'a> {
    code: Code<'a>,
    names: Names<'a>,
    walks: Walks,
}

impl<'a> Walker<'a> {
    fn new(code: Code<'a>, names: Names<'a>) -> Walker<'a> {
        Walker {
            code,
            names,
            walks: Walks::at_most(MOST_WALKED),
        }
    }

    /// The function called at `call` if it is not that of the inner frame, and leads to it.
    fn between(
        &mut self,
        call: VmAddr,
        at: VmAddr,
        kind: FrameKind,
        inner: &Named,
    ) -> Option<Entered> {
        let After::Call(Target::Inside(target)) = self.code.call_before(call) else {
            return None;
        };
        if target == inner.start {
            return None;
        }
        let reach = self.walks.reach(&self.code, target)?;
        let leads = match kind {
            FrameKind::ReturnAddress => reach.returns_to(at),
            FrameKind::InstructionPointer => reach.runs(at),
        };
        if !leads {
            return None;
        }
        let called = self.names.lookup(target).ok()??;
        let is_named = called.certainty == Certainty::Inside && called.start == target;
        // Of its own cold part the name says enough.
        let is_part = inner
            .raw
            .strip_prefix(&*called.raw)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        (is_named && !is_part).then_some(Entered {
            name: called.name.to_string(),
            raw: called.raw.to_string(),
        })
    }
}
