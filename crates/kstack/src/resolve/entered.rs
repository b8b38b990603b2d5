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

/// Functions that are named as those of which one jumped on; more say nothing.
const MOST_TAIL_CALLERS: usize = 3;

/// Jumps that are looked at for it, those inside the function among them; each costs a lookup.
const MOST_JUMPS: usize = 512;

/// A function that was called and is not in the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Its name, demangled.
    pub name: String,
    /// Its name as the symbol file has it.
    pub raw: String,
    /// The functions of which one jumped to that of the inner frame, in place of a call; empty where
    /// it is the called one itself, or the code leaves more ways.
    pub tail_callers: Vec<TailCaller>,
}

/// A function that may have jumped on in place of a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TailCaller {
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
        if !is_named || is_part {
            return None;
        }
        let tail_callers = self.tail_callers(target, inner).unwrap_or_default();
        Some(Entered {
            name: called.name.to_string(),
            raw: called.raw.to_string(),
            tail_callers,
        })
    }

    /// The functions one of which surely jumped to that of the inner frame, when `target` was called;
    /// `None` when there are other ways, too many, or only the called one.
    fn tail_callers(&mut self, target: VmAddr, inner: &Named) -> Option<Vec<TailCaller>> {
        let reach = self.walks.reach(&self.code, target)?;
        if !reach.is_closed() {
            return None;
        }
        let entries = self.code.entries(reach, inner.start);
        if entries.otherwise || entries.jumps.len() + entries.into_body.len() > MOST_JUMPS {
            return None;
        }
        for (from, to) in entries.into_body {
            let crosses = self.function_at(to)?.start == inner.start
                && self.function_at(from)?.start != inner.start;
            if crosses {
                return None;
            }
        }
        let mut callers = BTreeMap::new();
        for jump in entries.jumps {
            let from = self.function_at(jump)?;
            // A loop to its own start is no way in.
            if from.start != inner.start {
                callers.insert(from.start, from);
            }
        }
        let is_called_one = callers.len() == 1 && callers.contains_key(&target);
        if is_called_one || !(1..=MOST_TAIL_CALLERS).contains(&callers.len()) {
            return None;
        }
        let callers = callers.into_values();
        let callers = callers.map(|caller| TailCaller {
            name: caller.name.to_string(),
            raw: caller.raw.to_string(),
        });
        Some(callers.collect())
    }

    /// The function that surely holds an address, and has a name.
    fn function_at(&mut self, at: VmAddr) -> Option<Named> {
        let named = self.names.lookup(at).ok()??;
        (named.certainty == Certainty::Inside).then_some(named)
    }
}
