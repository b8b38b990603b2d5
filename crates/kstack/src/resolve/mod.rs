//! Report and symbol files in, [`Trace`] out.
//!
//! Five steps, each complete before the next:
//!
//! 1. matching: which source speaks for which image, and why not.
//! 2. place: image + source → one slide per segment.
//! 3. space: what lies where, overlaps included.
//! 4. prove: does the code agree with the stacks (evidence), and where do files lie that
//!    nothing places (infer).
//! 5. lookup: each distinct address once, sources in parallel; then what stands beside the names:
//!    callers that a stack does not show (entered), and what virtual tables tell (guesses).
//!
//! Nothing fails: every frame without a name carries a [`Why`], every file
//! that is not used a reason.

mod awaited;
mod chains;
mod clues;
mod entered;
mod evidence;
mod found;
mod guesses;
mod infer;
mod kit;
mod lookup;
mod lookups;
mod matching;
mod members;
mod named;
mod place;
mod prove;
mod rewritten;
mod session;
mod slice;
mod space;
mod trace;
mod variants;
mod walks;

pub use awaited::Awaited;
pub use entered::{Entered, TailCaller};
pub use evidence::{Agreement, Contradiction, Evidence, Verdict};
pub use infer::{Candidate, Inference, Outcome};
pub use lookups::Lookups;
pub(crate) use session::Session;
pub use trace::{
    MatchedBy, PlacedBy, PlacedSegment, Refusal, Resolution, SlideMap, SpaceId, Trace, TraceImage,
    UnusedFile, UnusedReason, UsedSource, Why,
};

use kstack_model::{Arch, Basis, ImageKind, Note, Report, Slide, SlideOf};
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

/// The slide of the kernel in a slid report that does not state it: the only one at which the
/// kernel among the symbol files fits the stacks.
///
/// With it, a listing without the slide can be joined to the report. A kernel whose code is in a
/// segment of its own has no such one slide.
#[must_use]
pub fn kernel_slide(
    report: &Report,
    symbols: &SymbolSet,
    options: &ResolveOptions,
) -> Option<Slide> {
    let slides = &report.kernel.slides;
    if report.kernel.basis != Basis::Slid || slides.iter().any(|(of, _)| *of == SlideOf::Kernel) {
        return None;
    }
    let (mut matched, clues) = matching::matches(report, symbols, options);
    prove::prove(report, &clues, &mut matched);
    let mut kernels = matched
        .images
        .iter()
        .filter(|image| image.image.kind == ImageKind::Kernel);
    let used = kernels.find_map(|image| image.used.as_ref())?;
    let header = used
        .slides
        .segments
        .iter()
        .find(|segment| segment.name == "__TEXT")?;
    (used.placed_by == PlacedBy::Inferred).then_some(header.slide)
}

/// Names every frame of a report as far as the symbol files allow.
#[must_use]
pub fn resolve(report: Report, symbols: &SymbolSet, options: &ResolveOptions) -> Trace {
    let (mut matched, clues) = matching::matches(&report, symbols, options);
    let proof = prove::prove(&report, &clues, &mut matched);
    let spaces = space::lay_out(&matched.images);
    let (resolutions, damage) = lookup::resolutions(&report, &matched, &spaces);
    let entered = entered::entered(&report, &matched, &spaces, &resolutions);
    let guesses = guesses::guesses(&matched, &spaces, &resolutions);
    let rewritten = rewritten::notes(&matched);
    let awaited = awaited::awaited(&report, &matched, &spaces);
    let mut notes = matched.notes;
    notes.extend(symbols.remarks().iter().map(Note::new));
    notes.extend(damage);
    notes.extend(rewritten);
    notes.extend(spaces.overlaps(&matched.images));
    let mut trace = Trace {
        report,
        images: matched.images,
        unused: matched.unused,
        notes,
        contradictions: proof.contradictions(),
        inferences: proof.inferences,
        entered,
        guesses,
        awaited,
        resolutions,
    };
    lookup::count_frames(&mut trace);
    trace.notes.extend(kit::note(&trace));
    trace
}
