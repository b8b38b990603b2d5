//! Bare addresses in batches, for scripts that ask for millions.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt as _};
use kstack_model::{Address, At, Frame, FrameKind, Note, Report, Side, Stack, Thread};
use kstack_symbols::SymbolSet;

use super::{ResolveOptions, Session, SpaceId, Trace, UnusedFile};

/// Symbol files to be asked for bare addresses, without a report.
///
/// Files are matched and placed once, and debug information that was read for
/// one batch serves the next.
///
/// # Examples
///
/// ```
/// use kstack::Lookups;
/// use kstack::model::{Address, FrameKind};
///
/// let symbols = Default::default();
/// let mut lookups = Lookups::new(&symbols, &Default::default());
/// let trace = lookups.batch(&[Address(0x1000)], FrameKind::InstructionPointer);
/// assert_eq!(trace.report.processes[0].threads[0].stacks[0].frames.len(), 1);
/// ```
#[derive(Debug)]
pub struct Lookups<'a> {
    session: Session<'a>,
}

impl<'a> Lookups<'a> {
    /// Matches and places the files.
    #[must_use]
    pub fn new(symbols: &'a SymbolSet, options: &ResolveOptions) -> Lookups<'a> {
        Lookups {
            session: Session::new(&Report::default(), symbols, options),
        }
    }

    /// Files that speak for no address, and why.
    #[must_use]
    pub fn unused(&self) -> &[UnusedFile] {
        self.session.unused()
    }

    /// What damage of the files has cost the answers given so far.
    #[must_use]
    pub fn damage(&self) -> Vec<Note> {
        self.session.damage()
    }

    /// Names addresses: a trace of one kernel stack that has them in the order given.
    ///
    /// Its evidence is empty: addresses that are no stack prove nothing about a placement.
    #[must_use]
    pub fn batch(&mut self, addresses: &[Address], kind: FrameKind) -> Trace {
        let mut distinct = addresses.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut resolutions = HashMap::with_capacity(distinct.len());
        for address in distinct {
            let key = (SpaceId::Kernel, At::Absolute(address), kind);
            resolutions.insert(key, self.session.resolve(address, kind));
        }
        let frames = addresses.iter().map(|address| Frame::new(*address, kind));
        let thread = Thread::with_stack(Stack::new(Side::Kernel, frames.collect()));
        let report = Report::of_threads(vec![thread]);
        Trace {
            report,
            images: self.session.images().to_vec(),
            unused: self.session.unused().to_vec(),
            notes: Vec::new(),
            inferences: Vec::new(),
            entered: HashMap::default(),
            guesses: HashMap::default(),
            awaited: BTreeMap::new(),
            contradictions: HashMap::default(),
            resolutions,
        }
    }
}
