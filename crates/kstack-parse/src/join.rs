//! A list of images joined to a trace of the same boot.

use std::fmt;

use kstack_model::{Basis, LoadedImage, Note, Origin, Placement, Report, Slide, SlideOf};

/// A list of images whose addresses mean something else than the trace's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasisMismatch {
    /// What the trace's kernel addresses are.
    pub report: Basis,
    /// What the list's are.
    pub listing: Basis,
}

impl fmt::Display for BasisMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the list's addresses are {}, the trace's are {}, and the trace does not state the slide between them",
            in_words(self.listing),
            in_words(self.report)
        )
    }
}

fn in_words(basis: Basis) -> &'static str {
    match basis {
        Basis::Slid => "slid",
        Basis::Unslid => "unslid",
        Basis::Unknown => "of unknown basis",
    }
}

impl std::error::Error for BasisMismatch {}

/// Joins a list of images (`kextstat`, `kmutil showloaded`) to a trace.
///
/// An image that the trace already has, by UUID, else by load address, gets
/// the name, version and size it lacks; every other is added with
/// [`Origin::Listing`]. Where both state a thing and differ, the trace's own
/// word stays and a note is left. Unslid list addresses are moved by the
/// slide that a slid trace states.
///
/// # Errors
///
/// When list and trace have different bases and no slide is stated; nothing is changed then.
pub fn join(report: &mut Report, listing: &Report) -> Result<(), BasisMismatch> {
    let slide = bridge(report, listing.kernel.basis)?;
    for image in &listing.kernel.images {
        let mut image = moved(image, slide);
        image.origin = Origin::Listing;
        let known = report
            .kernel
            .images
            .iter_mut()
            .find(|own| is_same(own, &image));
        match known {
            Some(own) => report.notes.extend(complete(own, image)),
            None => report.kernel.images.push(image),
        }
    }
    report.notes.extend(listing.notes.iter().cloned());
    Ok(())
}

/// Joins the lists among the reports of one file to its traces.
pub(crate) fn within_one_file(reports: Vec<Report>) -> Vec<Report> {
    let (mut traces, listings): (Vec<_>, Vec<_>) = reports
        .into_iter()
        .partition(|report| !report.processes.is_empty());
    if traces.is_empty() {
        return listings;
    }
    for trace in &mut traces {
        for listing in &listings {
            if let Err(mismatch) = join(trace, listing) {
                trace.notes.push(Note::new(format!(
                    "the {} in the same file is not used: {mismatch}",
                    listing.format
                )));
            }
        }
    }
    traces
}

/// What must be added to the list's addresses.
fn bridge(report: &Report, listing: Basis) -> Result<Slide, BasisMismatch> {
    let own = report.kernel.basis;
    if own == listing || own == Basis::Unknown || listing == Basis::Unknown {
        return Ok(Slide(0));
    }
    let stated = |wanted| {
        let mut slides = report.kernel.slides.iter();
        slides
            .find(|(of, _)| *of == wanted)
            .map(|(_, slide)| *slide)
    };
    // A kext's addresses move with the collection it is in; before collections, with the kernel.
    let slide = stated(SlideOf::KernelCollection).or_else(|| stated(SlideOf::Kernel));
    match (own, slide) {
        (Basis::Slid, Some(slide)) => Ok(slide),
        (Basis::Unslid, Some(Slide(slide))) => Ok(Slide(slide.wrapping_neg())),
        _ => Err(BasisMismatch {
            report: own,
            listing,
        }),
    }
}

fn moved(image: &LoadedImage, Slide(slide): Slide) -> LoadedImage {
    let mut image = image.clone();
    for placement in &mut image.placements {
        let (Placement::LoadedAt(address) | Placement::SegmentAt { address, .. }) = placement;
        address.0 = address.0.wrapping_add(slide);
    }
    image
}

fn is_same(own: &LoadedImage, other: &LoadedImage) -> bool {
    if let (Some(a), Some(b)) = (own.uuid, other.uuid) {
        return a == b;
    }
    own.load_address().is_some() && own.load_address() == other.load_address()
}

/// Gives `own` what only the list knows; says where the two differ.
fn complete(own: &mut LoadedImage, listed: LoadedImage) -> Option<Note> {
    let differs = own.load_address() != listed.load_address() && !own.placements.is_empty();
    own.name = own.name.take().or(listed.name);
    own.uuid = own.uuid.or(listed.uuid);
    own.size = own.size.or(listed.size);
    own.version = own.version.take().or(listed.version);
    let name = own.name.as_deref().unwrap_or("an image");
    let note = differs.then(|| {
        Note::new(format!(
            "{name} is listed at another address than the trace has it; the trace's own is used"
        ))
    });
    if own.placements.is_empty() {
        own.placements = listed.placements;
    }
    note
}
