//! Where the segments of an image lie: one slide for each that can be placed.

use kstack_model::{Address, Basis, LoadedImage, Origin, Placement, Slide, SlideOf, VmAddr};
use kstack_symbols::{FileKind, Segment, StatedPlace, SymbolSource};

use super::{PlacedBy, PlacedSegment, SlideMap};

/// What there is to place a source by, best first: the user's word, the
/// image's own placements, the file's linked addresses.
///
/// `None` when nothing says where it lies.
pub(super) fn place(
    source: &SymbolSource,
    stated: Option<&StatedPlace>,
    image: Option<&LoadedImage>,
    basis: Basis,
    slides: &[(SlideOf, Slide)],
    as_linked: bool,
) -> Option<(PlacedBy, SlideMap)> {
    if let Some(stated) = stated {
        let placement = match &stated.segment {
            None => Placement::LoadedAt(stated.address),
            Some(segment) => Placement::SegmentAt {
                segment: segment.clone(),
                address: stated.address,
            },
        };
        return Some((PlacedBy::Given, by_placements(source, &[placement])));
    }
    if let Some(image) = image.filter(|image| !image.placements.is_empty()) {
        let by = match image.origin {
            Origin::Report => PlacedBy::Report,
            Origin::Listing => PlacedBy::Listing,
        };
        return Some((by, by_placements(source, &image.placements)));
    }
    // A kext is linked at zero until `kextutil -s` links it where it was loaded; a kernel
    // is linked where it lies without a slide.
    if source.linked_at() == VmAddr(0) && !as_linked {
        return None;
    }
    match basis {
        Basis::Unslid | Basis::Unknown => Some((PlacedBy::Linked, all(source, Slide(0)))),
        Basis::Slid => by_slides(source, slides).map(|map| (PlacedBy::Slide, map)),
    }
}

/// Linked addresses moved by the kernel's stated slides.
fn by_slides(source: &SymbolSource, slides: &[(SlideOf, Slide)]) -> Option<SlideMap> {
    let stated = |wanted| {
        slides
            .iter()
            .find(|(of, _)| *of == wanted)
            .map(|(_, slide)| *slide)
    };
    let kernel = stated(SlideOf::Kernel);
    let text_exec = stated(SlideOf::KernelTextExec);
    if let Some(collection) = source.collection() {
        // The kernel's collection moves as a whole; others have slides that no report states.
        let whole = stated(SlideOf::KernelCollection).filter(|_| collection.has_kernel);
        if let Some(slide) = whole {
            return Some(all(source, slide));
        }
        let is_kernel = source.kind() == FileKind::Kernel;
        if !is_kernel && (!collection.has_kernel || is_split(source)) {
            return None;
        }
    }
    let mut map = SlideMap::default();
    for segment in source.segments() {
        let slide = match segment.name.as_str() {
            "__TEXT_EXEC" => text_exec,
            "__TEXT" => kernel,
            // On arm64 the two differ, and no slide is stated for the rest.
            _ if is_split(source) => None,
            _ => kernel,
        };
        if let Some(slide) = slide {
            add(&mut map, segment, slide);
        }
    }
    (!map.segments.is_empty()).then_some(map)
}

/// The segment that holds the Mach-O header.
fn header_segment(source: &SymbolSource) -> Option<&Segment> {
    let linked_at = source.linked_at();
    let mut segments = source.segments().iter();
    segments.find(|segment| segment.range.start == linked_at)
}

fn by_placements(source: &SymbolSource, placements: &[Placement]) -> SlideMap {
    let mut map = SlideMap::default();
    for placement in placements {
        match placement {
            Placement::LoadedAt(address) => by_header(source, *address, &mut map),
            Placement::SegmentAt { segment, address } => {
                by_segment(source, segment, *address, &mut map);
            }
        }
    }
    map
}

/// The header's address places the whole image, unless its segments may have been laid out apart.
fn by_header(source: &SymbolSource, address: Address, map: &mut SlideMap) {
    let Some(header) = header_segment(source) else {
        return;
    };
    let slide = address - header.range.start;
    if is_split(source) && source.collection().is_none() && slide != Slide(0) {
        add(map, header, slide);
    } else {
        for segment in source.segments() {
            add(map, segment, slide);
        }
    }
}

fn by_segment(source: &SymbolSource, name: &str, address: Address, map: &mut SlideMap) {
    let named = source
        .segments()
        .iter()
        .find(|segment| segment.name == name);
    match named {
        Some(segment) if source.collection().is_some() => {
            let slide = address - segment.range.start;
            for segment in source.segments() {
                add(map, segment, slide);
            }
        }
        Some(segment) => add(map, segment, address - segment.range.start),
        // The kernel prints `__TEXT` where a kext has no `__TEXT_EXEC` (xnu, osfmk/kern/debug.c
        // and kext summaries), so such an address is the header's.
        None if name == "__TEXT_EXEC" => by_header(source, address, map),
        None => {}
    }
}

/// Whether the linker of a kernel collection may have moved the segments apart.
///
/// A kext with code in `__TEXT_EXEC` is built for that, and its header says
/// nothing about where its code went.
pub(super) fn is_split(source: &SymbolSource) -> bool {
    source
        .segments()
        .iter()
        .any(|segment| segment.name == "__TEXT_EXEC")
}

/// The segment whose start is an inferred place: that of the code where it may be apart, else the header's.
pub(super) fn code_segment(source: &SymbolSource) -> Option<&Segment> {
    let mut segments = source.segments().iter();
    let exec = segments.find(|segment| segment.name == "__TEXT_EXEC");
    exec.or_else(|| header_segment(source))
}

/// A slide that the code of an image shows: it moves the image, or only its code where that may be apart.
pub(super) fn by_code(source: &SymbolSource, slide: Slide) -> SlideMap {
    if !is_split(source) || source.collection().is_some() {
        return all(source, slide);
    }
    let mut map = SlideMap::default();
    if let Some(segment) = code_segment(source) {
        add(&mut map, segment, slide);
    }
    map
}

/// The whole image moved by one slide.
pub(super) fn all(source: &SymbolSource, slide: Slide) -> SlideMap {
    let mut map = SlideMap::default();
    for segment in source.segments() {
        add(&mut map, segment, slide);
    }
    map
}

/// `__LINKEDIT` holds no code, and in kernel collections it is shared by all: it places nothing.
fn add(map: &mut SlideMap, segment: &Segment, slide: Slide) {
    let is_known = map
        .segments
        .iter()
        .any(|placed| placed.name == segment.name);
    if segment.name == "__LINKEDIT" || segment.range.is_empty() || is_known {
        return;
    }
    map.segments.push(PlacedSegment {
        name: segment.name.clone(),
        range: segment.range.start + slide..segment.range.end + slide,
        slide,
    });
}

/// Where offsets into an image that lies nowhere count from; `None` when its segments may be apart.
pub(super) fn header_place(source: &SymbolSource) -> Option<VmAddr> {
    (!is_split(source)).then(|| source.linked_at())
}
