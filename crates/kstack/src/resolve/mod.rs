//! Report and symbol files in, [`Trace`] out.
//!
//! Four steps, each complete before the next:
//!
//! 1. [`matching`]: which source speaks for which image, and why not.
//! 2. [`place`]: image + source → one slide per segment.
//! 3. [`space`]: what lies where, overlaps included.
//! 4. [`lookup`]: each distinct address once, sources in parallel.
//!
//! Nothing fails: every frame without a name carries a [`Why`], every file
//! that is not used a reason.

mod clues;
mod found;
mod lookup;
mod matching;
mod members;
mod named;
mod place;
mod slice;
mod space;
mod trace;
mod variants;

pub use trace::{
    MatchedBy, PlacedBy, PlacedSegment, Refusal, Resolution, SlideMap, SpaceId, Trace, TraceImage,
    UnusedFile, UnusedReason, UsedSource, Why,
};

use kstack_model::{Arch, Note, Report};
use kstack_symbols::SymbolSet;

/// What the user decides about resolving.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolveOptions {
    /// Use a symbol file although its UUID differs from the image's; every frame it names is marked.
    pub allow_mismatch: bool,
    /// The slice to use of fat files; else the report's architecture or the UUID decides.
    pub arch: Option<Arch>,
    /// Take a file that nothing places to lie where it is linked, even at zero: the addresses are
    /// those of the file.
    pub as_linked: bool,
}

/// Names every frame of a report as far as the symbol files allow.
#[must_use]
pub fn resolve(report: Report, symbols: &SymbolSet, options: &ResolveOptions) -> Trace {
    let matched = matching::matches(&report, symbols, options);
    let spaces = space::lay_out(&matched.images);
    let resolutions = lookup::resolutions(&report, &matched, &spaces);
    let mut notes = matched.notes;
    notes.extend(symbols.remarks().iter().map(Note::new));
    notes.extend(spaces.overlaps(&matched.images));
    let mut trace = Trace {
        report,
        images: matched.images,
        unused: matched.unused,
        notes,
        resolutions,
    };
    lookup::count_frames(&mut trace);
    trace
}
