//! Images of a kernel collection that the report does not list.
//!
//! All that is linked into one collection is moved by one slide. So where one
//! of its images is placed, the others are, and those that hold a frame become
//! images of the trace although nobody listed them.

use std::collections::BTreeMap;

use kstack_model::{Address, At, ImageKind, LoadedImage, Note, Report, Side, Slide};
use kstack_symbols::{Collection, FileKind, SymbolSource};

use super::clues::{Clues, differs};
use super::matching::{Matched, SourceId, listed};
use super::place::all;
use super::{MatchedBy, PlacedBy, SlideMap, SpaceId, UsedSource};

/// Adds the images of the collections in use that hold a frame.
pub(super) fn use_members(report: &Report, clues: &Clues, matched: &mut Matched<'_>) {
    let slides = placed_collections(report, clues, matched);
    add_members(&slides, &kernel_addresses(report), matched);
}

/// Takes the images of collections along with those that place them: an image that was withdrawn
/// places nothing, and one that was moved moves the others. Returns the images that are gone.
pub(super) fn follow(report: &Report, clues: &Clues, matched: &mut Matched<'_>) -> Vec<usize> {
    let slides = placed_collections(report, clues, matched);
    let addresses = kernel_addresses(report);
    let mut gone = Vec::new();
    for index in 0..matched.images.len() {
        let Some((id, used)) = matched.used(index) else {
            continue;
        };
        if used.matched_by != MatchedBy::Collection {
            continue;
        }
        let here = matched.source(id).and_then(|source| {
            let (slide, placed_by) = *slides.get(&source.collection()?.path)?;
            let slides = all(source, slide);
            holds_any(&slides, &addresses).then_some((slides, placed_by))
        });
        match here {
            Some((slides, placed_by)) => {
                let used = UsedSource {
                    placed_by,
                    slides,
                    ..used.clone()
                };
                matched.assign(index, id, used);
            }
            None => {
                matched.withdraw(index);
                gone.push(index);
            }
        }
    }
    add_members(&slides, &addresses, matched);
    gone
}

/// A collection's slide, and what it is from.
type Slides = BTreeMap<String, (Slide, PlacedBy)>;

fn add_members(slides: &Slides, addresses: &[Address], matched: &mut Matched<'_>) {
    if slides.is_empty() {
        return;
    }
    let files = matched.files();
    for (file, symbol_file) in files.iter().enumerate() {
        for (slice, source) in symbol_file.slices.iter().enumerate() {
            let id = SourceId { file, slice };
            let placed = source
                .collection()
                .and_then(|collection| slides.get(&collection.path));
            let Some((slide, placed_by)) = placed else {
                continue;
            };
            if matched.is_in_use(id) || is_listed(source, matched) {
                continue;
            }
            let slides = all(source, *slide);
            if holds_any(&slides, addresses) {
                matched.add(member(source, *placed_by, slides), id);
            }
        }
    }
}

/// The slide of each collection that one of its images, or its own UUID, places.
fn placed_collections(report: &Report, clues: &Clues, matched: &mut Matched<'_>) -> Slides {
    let mut slides = Slides::new();
    if clues.options.as_linked {
        // The addresses are those of the file, whatever else is known.
        let sources = matched.files().iter().flat_map(|file| &file.slices);
        for collection in sources.filter_map(SymbolSource::collection) {
            slides.insert(collection.path.clone(), (Slide(0), PlacedBy::Linked));
        }
        return slides;
    }
    let mut contradicted = Vec::new();
    for index in 0..matched.images.len() {
        let Some((id, used)) = matched.used(index) else {
            continue;
        };
        // A name alone does not prove that this collection was loaded.
        let is_proven = matches!(
            used.matched_by,
            MatchedBy::Uuid | MatchedBy::Kernel | MatchedBy::Given
        );
        let collection = matched.source(id).and_then(SymbolSource::collection);
        let slide = used.slides.segments.first().map(|placed| placed.slide);
        let (true, Some(collection), Some(slide)) = (is_proven, collection, slide) else {
            continue;
        };
        if !is_wanted(collection, report, clues) {
            continue;
        }
        let one = used
            .slides
            .segments
            .iter()
            .all(|placed| placed.slide == slide);
        let known = slides
            .entry(collection.path.clone())
            .or_insert((slide, used.placed_by));
        if !one || known.0 != slide {
            contradicted.push(collection.path.clone());
        }
    }
    contradicted.dedup();
    for path in contradicted {
        slides.remove(&path);
        let note = Note::new(format!(
            "{path}: its images are placed by different slides, so those that the report does not list are not used"
        ));
        if !matched.notes.contains(&note) {
            matched.notes.push(note);
        }
    }
    slides
}

/// Whether the report does not name another collection.
fn is_wanted(collection: &Collection, report: &Report, clues: &Clues) -> bool {
    let mut stated = report
        .kernel
        .images
        .iter()
        .filter(|image| image.kind == ImageKind::KernelCollection);
    let is_other = stated.any(|image| differs(image.uuid, collection.uuid));
    !is_other || !collection.has_kernel || clues.options.allow_mismatch
}

/// Whether the report lists the image: then it was matched, or refused, already.
fn is_listed(source: &SymbolSource, matched: &Matched<'_>) -> bool {
    let identity = source.identity();
    matched.images.iter().any(|image| {
        let same_uuid = image.image.uuid.is_some() && image.image.uuid == identity.uuid;
        let name = image.image.name.as_deref();
        same_uuid || (name.is_some() && name == identity.bundle_identifier.as_deref())
    })
}

/// Every address of a kernel stack as it is looked up, in ascending order.
fn kernel_addresses(report: &Report) -> Vec<Address> {
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    let stacks = threads.flat_map(|thread| &thread.stacks);
    let frames = stacks
        .filter(|stack| stack.side == Side::Kernel)
        .flat_map(|stack| &stack.frames);
    let mut addresses: Vec<Address> = frames
        .filter_map(|frame| match frame.at {
            At::Absolute(address) => Some(frame.kind.for_lookup(address)),
            At::InImage { .. } | At::Unknown => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn holds_any(slides: &SlideMap, addresses: &[Address]) -> bool {
    slides.segments.iter().any(|placed| {
        let first = addresses.partition_point(|address| *address < placed.range.start);
        let next = addresses.get(first);
        next.is_some_and(|address| *address < placed.range.end)
    })
}

fn member(source: &SymbolSource, placed_by: PlacedBy, slides: SlideMap) -> super::TraceImage {
    let identity = source.identity();
    let kind = match source.kind() {
        FileKind::Kernel => ImageKind::Kernel,
        _ => ImageKind::Kext,
    };
    let mut image = listed(SpaceId::Kernel, &LoadedImage::new(kind));
    image.used = Some(UsedSource {
        name: identity.name.clone(),
        paths: identity.paths.clone(),
        uuid: identity.uuid,
        matched_by: MatchedBy::Collection,
        placed_by,
        slides,
        detail: source.detail(),
        mismatched: false,
        remarks: source.remarks().to_vec(),
    });
    image
}
