//! One frame held against the code of one image.

use std::cell::OnceCell;

use kstack_model::{FrameKind, VmAddr};
use kstack_symbols::{After, Code, FileKind, Reach, SymbolSource, Target};

use super::Contradiction;
use crate::resolve::walks::Walks;

/// The code of a source, and what was found out about it.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    source: &'a SymbolSource,
    pub(crate) code: Code<'a>,
    /// Whether the code is what ran: found out when something speaks against it.
    is_code: OnceCell<bool>,
    /// What calls to a target reach.
    walks: Walks,
    /// What calls through a pointer reach, where that was asked for.
    pointed: Pointed,
}

/// Instructions looked at in one image, at most: a report and a file made for it could ask for any
/// number. Thousands of distinct frames stay far below.
const MOST_WALKED: usize = 4_000_000;

/// What calls through pointers reach: all code may have to be read for it, so it is found on demand,
/// and only when a place is looked for.
#[derive(Debug)]
enum Pointed {
    NotWanted,
    Wanted,
    Known(Option<Reach>),
}

/// One frame of an image, with its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The address as linked, not moved to the call.
    pub(crate) at: VmAddr,
    pub(crate) kind: FrameKind,
    pub(crate) inner: Inner,
    /// Whether its thread waits: see [`Link`](crate::resolve::chains::Link).
    pub(crate) waits: bool,
}

/// The next inner frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Inner {
    /// There is none, or it is not the one that was called.
    Unrelated,
    /// In the same image.
    Here { at: VmAddr, kind: FrameKind },
    /// In another kext.
    InKext,
    /// In the kernel, or in no known image: it may be the handler of a trap.
    InKernel,
}

/// What one frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opinion {
    /// Of the address itself; `None` where nothing can be said.
    pub(crate) address: Option<Result<(), Against>>,
    /// Of the call before it; the count is how many return addresses the call can reach.
    pub(crate) call: Option<Result<usize, Against>>,
    /// The call goes through a pointer, and the next inner frame is among so many return addresses
    /// that pointers can lead to.
    pub(crate) pointed: Option<usize>,
}

/// Something that speaks against the placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Against {
    pub(crate) what: Contradiction,
    /// 2 for what cannot be in a stack that is not damaged, 1 for what a trap explains.
    pub(crate) weight: u32,
}

/// Which next inner frames a call refutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Constrains {
    /// Those in the image, but for the few that it reaches.
    pub(crate) inside: bool,
    /// Those in other images.
    pub(crate) outside: bool,
}

/// Cannot be.
const IMPOSSIBLE: u32 = 2;
/// Can be, where a trap or hand-written assembly is in the way.
const RARE: u32 = 1;

impl<'a> Judge<'a> {
    /// `None` for a source without code, or without a decoder for it.
    pub(crate) fn new(source: &'a SymbolSource) -> Option<Judge<'a>> {
        Some(Judge {
            code: source.code()?,
            source,
            is_code: OnceCell::new(),
            walks: Walks::at_most(MOST_WALKED),
            pointed: Pointed::NotWanted,
        })
    }

    /// Likewise, for one that also says where calls through pointers can lead.
    pub(crate) fn with_pointers(source: &'a SymbolSource) -> Option<Judge<'a>> {
        let mut judge = Judge::new(source)?;
        judge.pointed = Pointed::Wanted;
        Some(judge)
    }

    pub(crate) fn opinion(&mut self, step: Step) -> Opinion {
        match step.kind {
            FrameKind::InstructionPointer => Opinion {
                address: self.interrupted(step.at),
                ..Opinion::default()
            },
            FrameKind::ReturnAddress => match self.code.call_before(step.at) {
                After::Call(target) => Opinion {
                    address: Some(Ok(())),
                    call: self.call(target, step.inner),
                    pointed: self.pointed(target, step.inner),
                },
                After::NoCall => self.against(Contradiction::NoCall, step),
                // Bytes that a cut file lost say nothing.
                After::Unknown if self.is_listed_as_code(step.at) => Opinion::default(),
                After::Unknown => self.against(Contradiction::NoCode, step),
            },
        }
    }

    fn against(&self, what: Contradiction, step: Step) -> Opinion {
        // Some files have their code cut out, or filled.
        if !*self.is_code.get_or_init(|| self.code.has_calls()) {
            return Opinion::default();
        }
        let weight = match step.inner {
            // Nothing says how the first frame came about.
            Inner::Unrelated => return Opinion::default(),
            Inner::InKernel if self.can_be_interrupted_at(step) => RARE,
            // The handlers of traps are the kernel's own.
            Inner::Here { .. } if self.is_kernel() && self.can_be_interrupted_at(step) => RARE,
            Inner::Here { .. } | Inner::InKext | Inner::InKernel => IMPOSSIBLE,
        };
        Opinion {
            address: Some(Err(Against { what, weight })),
            ..Opinion::default()
        }
    }

    /// Whether the call leads to the inner frame.
    fn call(&mut self, target: Target, inner: Inner) -> Option<Result<usize, Against>> {
        let Target::Inside(target) = target else {
            return None;
        };
        let is_kernel = self.is_kernel();
        // What follows no call may have been interrupted; that it does not is its own matter.
        let is_interrupted = match inner {
            Inner::Here { at, kind } => {
                kind == FrameKind::InstructionPointer || self.code.call_before(at) == After::NoCall
            }
            _ => false,
        };
        let reach = self.walks.reach(&self.code, target)?;
        let (leads, is_refuted, weight) = match inner {
            Inner::Unrelated => return None,
            Inner::Here { at, .. } if is_interrupted => {
                return reach.runs(at).then_some(Ok(reach.returns()));
            }
            Inner::Here { at, .. } => {
                let leads = reach.returns_to(at);
                let is_refuted = reach.is_closed();
                // A fault inside a called function hides it behind the handler of the trap.
                (leads, is_refuted, if is_kernel { RARE } else { IMPOSSIBLE })
            }
            Inner::InKext => (false, !reach.may_leave(), IMPOSSIBLE),
            Inner::InKernel => (false, !reach.may_leave(), RARE),
        };
        if leads {
            return Some(Ok(reach.returns()));
        }
        is_refuted.then_some(Err(Against {
            what: Contradiction::CallLeadsElsewhere,
            weight,
        }))
    }

    /// How many return addresses a call through a pointer can lead to, if the inner frame is one.
    fn pointed(&mut self, target: Target, inner: Inner) -> Option<usize> {
        let Inner::Here { at, kind } = inner else {
            return None;
        };
        if target != Target::Pointer || kind != FrameKind::ReturnAddress {
            return None;
        }
        if matches!(self.pointed, Pointed::Wanted) {
            let targets = self.source.pointed(&self.code);
            self.pointed = Pointed::Known(targets.map(|targets| self.code.reach_of_any(&targets)));
        }
        match &self.pointed {
            Pointed::Known(Some(reach)) if reach.returns_to(at) => Some(reach.returns()),
            _ => None,
        }
    }

    /// What can be said of the call that ends at a site, had its frame such a neighbour.
    pub(crate) fn constrains(&mut self, site: VmAddr) -> Constrains {
        let After::Call(Target::Inside(target)) = self.code.call_before(site) else {
            return Constrains::default();
        };
        let Some(reach) = self.walks.reach(&self.code, target) else {
            return Constrains::default();
        };
        Constrains {
            inside: reach.is_closed(),
            outside: !reach.may_leave(),
        }
    }

    fn interrupted(&self, at: VmAddr) -> Option<Result<(), Against>> {
        // On arm64 every fourth address starts an instruction: that says nothing.
        let says_something = self.code.alignment() == 1 && self.code.contains(at);
        let starts = says_something && self.starts_instruction(at) == Some(true);
        // An interrupted instruction pointer that fits is counted, one that does not is not held against the image: the
        // first frame is the least certain of a stack.
        starts.then_some(Ok(()))
    }

    /// Whether an instruction could have been interrupted here, and the thread be in the state it is in.
    fn can_be_interrupted_at(&self, step: Step) -> bool {
        let Step { at, waits, .. } = step;
        self.code.contains(at)
            && at.0.is_multiple_of(self.code.alignment())
            && self.starts_instruction(at) != Some(false)
            // Of all traps only a fault of memory makes a thread wait.
            && (!waits || self.code.touches_memory(at) == Some(true))
    }

    fn starts_instruction(&self, at: VmAddr) -> Option<bool> {
        let start = self.source.start_before(at)?;
        self.code.starts_instruction(start, at)
    }

    fn is_kernel(&self) -> bool {
        self.source.kind() == FileKind::Kernel
    }

    fn is_listed_as_code(&self, at: VmAddr) -> bool {
        let before = VmAddr(at.0.wrapping_sub(1));
        let sections = self
            .source
            .segments()
            .iter()
            .flat_map(|segment| &segment.sections);
        sections
            .filter(|section| section.is_code)
            .any(|section| section.range.contains(&before))
    }
}
