//! Addresses asked for one by one, for text that arrives piece by piece.

use std::collections::btree_map::{BTreeMap, Entry};

use foldhash::HashMap;
use kstack_model::{Address, At, FrameKind, Note, Report};
use kstack_symbols::{Names, SymbolSet, SymbolSource};

use super::lookup::{answer, damage, locate};
use super::matching::{self, Matched, SourceId};
use super::prove;
use super::space::{self, Spaces};
use super::{Resolution, ResolveOptions, SpaceId, Trace, TraceImage, UnusedFile, Why};

/// The kernel's space of a report with the files that speak for its images.
///
/// Matched, placed and laid out as by [`resolve`](super::resolve), by the same code.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    matched: Matched<'a>,
    spaces: Spaces,
    names: BTreeMap<SourceId, Names<'a>>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        report: &Report,
        symbols: &'a SymbolSet,
        options: &ResolveOptions,
    ) -> Session<'a> {
        let (mut matched, clues) = matching::matches(report, symbols, options);
        prove::prove(report, &clues, &mut matched);
        let spaces = space::lay_out(&matched.images);
        let overlaps = spaces.overlaps(&matched.images);
        matched
            .notes
            .extend(symbols.remarks().iter().map(Note::new));
        matched.notes.extend(overlaps);
        Session {
            matched,
            spaces,
            names: BTreeMap::new(),
        }
    }

    /// What is at an address of the kernel's space.
    pub(crate) fn resolve(&mut self, at: Address, kind: FrameKind) -> Resolution {
        let key = (SpaceId::Kernel, At::Absolute(at), kind);
        let (id, query) = match locate(key, &self.matched, &self.spaces) {
            Ok(found) => found,
            Err(resolution) => return resolution,
        };
        let names = match (self.names.entry(id), self.matched.source(id)) {
            (Entry::Occupied(open), _) => open.into_mut(),
            (Entry::Vacant(slot), Some(source)) => slot.insert(source.names()),
            (Entry::Vacant(_), None) => {
                let why = Why::NoSymbolFile;
                return Resolution::Nowhere { why };
            }
        };
        answer(&query, names.lookup(query.look_up))
    }

    /// The images, by the indices that resolutions use.
    pub(crate) fn images(&self) -> &[TraceImage] {
        &self.matched.images
    }

    /// The source that speaks for an image.
    pub(crate) fn source(&self, image: usize) -> Option<&'a SymbolSource> {
        let (id, _) = self.matched.used(image)?;
        self.matched.source(id)
    }

    /// Files the user named that speak for no image.
    pub(crate) fn unused(&self) -> &[UnusedFile] {
        &self.matched.unused
    }

    /// What a reader should know about the matching and placing.
    pub(crate) fn notes(&self) -> &[Note] {
        &self.matched.notes
    }

    /// What damage has cost the answers given so far.
    pub(crate) fn damage(&self) -> Vec<Note> {
        let names = self.names.iter();
        let damaged = names.filter_map(|(id, names)| damage(self.matched.source(*id)?, names));
        damaged.collect()
    }

    /// The report with its images matched, and no frame answered.
    pub(crate) fn into_trace(mut self, report: Report) -> Trace {
        let damage = self.damage();
        self.matched.notes.extend(damage);
        Trace {
            report,
            images: self.matched.images,
            unused: self.matched.unused,
            notes: self.matched.notes,
            inferences: Vec::new(),
            entered: HashMap::default(),
            guesses: HashMap::default(),
            awaited: BTreeMap::new(),
            contradictions: HashMap::default(),
            resolutions: HashMap::default(),
        }
    }
}
