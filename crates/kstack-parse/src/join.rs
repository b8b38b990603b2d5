//! A list of images joined to a trace of the same boot.

use std::collections::BTreeMap;
use std::fmt;

use kstack_model::{
    Address, AddressSpace, Basis, ImageKind, LoadedImage, Note, Origin, Placement, Report, Slide,
    SlideOf, Uuid,
};

use crate::Limits;

mod derive;

use derive::{derive, slide_of};

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
            "the list's addresses are {}, the trace's are {}, and nothing states the slide between them; pass --kernel-slide",
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
/// [`Origin::Listing`], unless the trace has another image at its address. Where both state a thing and differ, the trace's own
/// word stays and a note is left. Unslid list addresses are moved by the
/// slide that a slid trace states, slid ones of an unslid trace back. Where
/// none is stated, the kexts that both have fix it, if they agree; the trace
/// then gets the slide, and a note that tells where it is from.
///
/// # Errors
///
/// When list and trace have different bases and neither states the slide nor do kexts that both
/// have fix it; nothing is changed then.
pub fn join(report: &mut Report, listing: &Report) -> Result<(), BasisMismatch> {
    let slide = bridge(&report.kernel, &listing.kernel).or_else(|mismatch| {
        let derived = derive(&report.kernel, &listing.kernel).ok_or(mismatch)?;
        let of = slide_of(report.machine.arch);
        report.kernel.slides.push((of, derived.slide));
        report.notes.push(derived.note());
        Ok(derived.moves(report.kernel.basis))
    })?;
    if is_doubtful(report.kernel.basis, listing.kernel.basis) {
        report.notes.push(Note::new(format!(
            "whether the {}'s addresses are slid is not known; they are taken as they are in the list of images",
            if report.kernel.basis == Basis::Unknown { "trace" } else { "list" }
        )));
    }
    let mut known = Known::of(&report.kernel.images);
    for image in &listing.kernel.images {
        let mut image = moved(image, slide);
        image.origin = Origin::Listing;
        let same = known.same(&image);
        match same.and_then(|index| report.kernel.images.get_mut(index)) {
            Some(own) => report.notes.extend(complete(own, image)),
            None if known.is_taken(&image) => report.notes.push(taken(&image)),
            None => {
                known.add(&image, report.kernel.images.len());
                report.kernel.images.push(image);
            }
        }
    }
    report.notes.extend(listing.notes.iter().cloned());
    Ok(())
}

/// Joins the lists among the reports of one file to its traces.
///
/// Every trace gets every list, so a file of many small traces and many small
/// lists would grow to the product of both. A thousand traces with one list of
/// a whole system stay far below the bound.
pub(crate) fn within_one_file(reports: Vec<Report>, limits: &Limits) -> Vec<Report> {
    /// Images looked at in all joins together.
    const MOST: usize = 1_000_000;
    let (mut traces, listings): (Vec<_>, Vec<_>) = reports
        .into_iter()
        .partition(|report| !report.processes.is_empty());
    if traces.is_empty() {
        return listings;
    }
    let mut left = limits.items.min(MOST);
    for trace in &mut traces {
        for listing in &listings {
            let images = trace.kernel.images.len() + listing.kernel.images.len();
            let cost = 1 + images + listing.notes.len();
            let Some(rest) = left.checked_sub(cost) else {
                trace.notes.push(Note::new(
                    "the limit of items is reached; not every list of images in the same file is used",
                ));
                break;
            };
            left = rest;
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

/// Whether one side does not tell what its addresses are, and the other does.
fn is_doubtful(own: Basis, listing: Basis) -> bool {
    own != listing && (own == Basis::Unknown || listing == Basis::Unknown)
}

/// What must be added to the list's addresses.
fn bridge(report: &AddressSpace, listing: &AddressSpace) -> Result<Slide, BasisMismatch> {
    if report.basis == listing.basis || is_doubtful(report.basis, listing.basis) {
        return Ok(Slide(0));
    }
    let stated = |wanted| {
        let mut slides = report.slides.iter().chain(&listing.slides);
        slides
            .find(|(of, _)| *of == wanted)
            .map(|(_, slide)| *slide)
    };
    // A kext's addresses move with the collection it is in; before collections, with the kernel.
    let slide = stated(SlideOf::KernelCollection).or_else(|| stated(SlideOf::Kernel));
    match (report.basis, slide) {
        (Basis::Slid, Some(slide)) => Ok(slide),
        (Basis::Unslid, Some(Slide(slide))) => Ok(Slide(slide.wrapping_neg())),
        _ => Err(BasisMismatch {
            report: report.basis,
            listing: listing.basis,
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

/// Where the trace's images are found again.
#[derive(Debug, Default)]
struct Known {
    by_uuid: BTreeMap<Uuid, usize>,
    /// With the UUID, if it has one: two images of different UUIDs are not the same.
    by_address: BTreeMap<Address, (Option<Uuid>, usize)>,
    /// Pseudo-kexts are told by their names alone: since macOS 11 all of them
    /// carry the kernel's UUID, and none of them is the kernel.
    pseudo: BTreeMap<String, usize>,
}

impl Known {
    fn of(images: &[LoadedImage]) -> Known {
        let mut known = Known::default();
        for (index, image) in images.iter().enumerate() {
            known.add(image, index);
        }
        known
    }

    /// The first of several alike counts.
    fn add(&mut self, image: &LoadedImage, index: usize) {
        if image.kind == ImageKind::PseudoKext {
            if let Some(name) = &image.name {
                self.pseudo.entry(name.clone()).or_insert(index);
            }
            return;
        }
        if let Some(uuid) = image.uuid {
            self.by_uuid.entry(uuid).or_insert(index);
        }
        if let Some(address) = image.load_address() {
            self.by_address
                .entry(address)
                .or_insert((image.uuid, index));
        }
    }

    fn same(&self, image: &LoadedImage) -> Option<usize> {
        if image.kind == ImageKind::PseudoKext {
            return self.pseudo.get(image.name.as_ref()?).copied();
        }
        let by_uuid = image.uuid.and_then(|uuid| self.by_uuid.get(&uuid));
        if let Some(index) = by_uuid {
            return Some(*index);
        }
        let (uuid, index) = self.by_address.get(&image.load_address()?)?;
        (uuid.is_none() || image.uuid.is_none()).then_some(*index)
    }

    fn is_taken(&self, image: &LoadedImage) -> bool {
        let address = image.load_address();
        image.kind != ImageKind::PseudoKext
            && address.is_some_and(|address| self.by_address.contains_key(&address))
    }
}

/// Two images cannot lie at one address: the list is of another boot or another build.
fn taken(image: &LoadedImage) -> Note {
    let name = image.name.as_deref().unwrap_or("an image");
    let address = image.load_address().unwrap_or_default();
    Note::new(format!(
        "{name} is listed at {address}, where the trace has an image of another UUID; the trace's own is used"
    ))
}

/// Gives `own` what only the list knows; says where the two differ.
fn complete(own: &mut LoadedImage, listed: LoadedImage) -> Option<Note> {
    let note = difference(own, &listed);
    own.name = own.name.take().or(listed.name);
    own.uuid = own.uuid.or(listed.uuid);
    own.size = own.size.or(listed.size);
    own.version = own.version.take().or(listed.version);
    if own.placements.is_empty() {
        own.placements = listed.placements;
    }
    note
}

fn difference(own: &LoadedImage, listed: &LoadedImage) -> Option<Note> {
    fn differ<T: PartialEq>(own: Option<T>, listed: Option<T>) -> Option<(T, T)> {
        own.zip(listed).filter(|(own, listed)| own != listed)
    }
    let name = differ(own.name.as_deref(), listed.name.as_deref());
    let address = differ(own.load_address(), listed.load_address());
    let version = differ(own.version.as_deref(), listed.version.as_deref());
    let differing: Vec<String> = [
        name.map(|(_, listed)| format!("with the name {listed}")),
        address.map(|(own, listed)| format!("at {listed} instead of {own}")),
        version.map(|(own, listed)| format!("in version {listed} instead of {own}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let name = own.name.as_deref().or(listed.name.as_deref());
    (!differing.is_empty()).then(|| {
        Note::new(format!(
            "{} is listed {}; the trace's own word is used",
            name.unwrap_or("an image"),
            differing.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests;
