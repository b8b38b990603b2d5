//! What there is to match and place files by.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::{Arch, At, Basis, ImageKind, Report, Slide, SlideOf, Uuid};
use kstack_symbols::{ImageIdentity, StatedPlace, SymbolSource};

use super::matching::Matched;
use super::place::place;
use super::{
    MatchedBy, PlacedBy, ResolveOptions, SlideMap, SpaceId, TraceImage, UsedSource, trace,
};

/// What there is to match and place files by.
#[derive(Debug)]
pub(super) struct Clues {
    /// What the kernel addresses of the report mean.
    pub(super) basis: Basis,
    /// The slides the report states for the kernel.
    pub(super) slides: Vec<(SlideOf, Slide)>,
    /// The report's architecture.
    pub(super) arch: Option<Arch>,
    /// What the user decided.
    pub(super) options: ResolveOptions,
    /// Images by UUID; a library is in many processes.
    by_uuid: BTreeMap<Uuid, Vec<usize>>,
    /// Images that frames give offsets into, so that they need no place.
    by_offset: BTreeSet<usize>,
}

impl Clues {
    pub(super) fn new(report: &Report, options: &ResolveOptions, matched: &Matched<'_>) -> Clues {
        let mut by_uuid: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (index, image) in matched.images.iter().enumerate() {
            // The kpi pseudo-kexts of macOS 11 and later carry the kernel's UUID.
            let is_code = image.image.kind != ImageKind::PseudoKext;
            if let Some(uuid) = image.image.uuid.filter(|_| is_code) {
                by_uuid.entry(uuid).or_default().push(index);
            }
        }
        Clues {
            basis: report.kernel.basis,
            slides: report.kernel.slides.clone(),
            arch: report.machine.arch,
            options: options.clone(),
            by_uuid,
            by_offset: given_by_offset(report, matched),
        }
    }

    /// The images with this UUID.
    pub(super) fn with_uuid(&self, uuid: Option<Uuid>) -> &[usize] {
        let images = uuid.and_then(|uuid| self.by_uuid.get(&uuid));
        images.map(Vec::as_slice).unwrap_or_default()
    }

    /// How the source would be used for the image; `None` when nothing says where it lies.
    pub(super) fn used(
        &self,
        source: &SymbolSource,
        stated: Option<&StatedPlace>,
        image: Option<(usize, &TraceImage)>,
        matched_by: MatchedBy,
    ) -> Option<UsedSource> {
        let image_stated = image.map(|(_, image)| &image.image);
        let (placed_by, slides) = place(
            source,
            stated,
            image_stated,
            self.basis,
            &self.slides,
            self.options.as_linked,
        )
        .or_else(|| {
            let (index, _) = image?;
            let is_by_offset = self.by_offset.contains(&index);
            is_by_offset.then(|| (PlacedBy::Offsets, SlideMap::default()))
        })?;
        let mismatched =
            image_stated.is_some_and(|image| differs(image.uuid, source.identity().uuid));
        Some(UsedSource {
            placed_by,
            slides,
            mismatched,
            ..described(source, matched_by)
        })
    }
}

/// A source as it would be used, placed nowhere yet.
pub(super) fn described(source: &SymbolSource, matched_by: MatchedBy) -> UsedSource {
    let identity = source.identity();
    UsedSource {
        name: identity.name.clone(),
        paths: identity.paths.clone(),
        uuid: identity.uuid,
        matched_by,
        placed_by: PlacedBy::Offsets,
        slides: SlideMap::default(),
        detail: source.detail(),
        mismatched: false,
        remarks: source.remarks().to_vec(),
    }
}

fn given_by_offset(report: &Report, matched: &Matched<'_>) -> BTreeSet<usize> {
    let mut images = BTreeSet::new();
    for (index, process) in report.processes.iter().enumerate() {
        for stack in process.threads.iter().flat_map(|thread| &thread.stacks) {
            let space = SpaceId::of(stack.side, index);
            for frame in &stack.frames {
                if let At::InImage { image, .. } = frame.at {
                    images.extend(matched.index_of(space, image));
                }
            }
        }
    }
    images
}

/// Both have a UUID, and they are not the same.
pub(super) fn differs(a: Option<Uuid>, b: Option<Uuid>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

/// Whether a source's name fits an image of the kernel's space. Proves nothing about the build.
pub(super) fn fits_by_name(image: &TraceImage, identity: &ImageIdentity) -> Option<MatchedBy> {
    let stated = &image.image;
    if image.space != SpaceId::Kernel || stated.kind == ImageKind::PseudoKext {
        return None;
    }
    let name = stated.name.as_deref();
    if name.is_some() && name == identity.bundle_identifier.as_deref() {
        return Some(MatchedBy::BundleIdentifier);
    }
    let executable = Some(identity.executable.as_str());
    let is_bare = identity.bundle_identifier.is_none();
    // A bare file has only its own name; the last word of the identifier is that of the executable.
    let last_word = name.and_then(|name| name.rsplit('.').next());
    let is_executable = stated.executable.as_deref() == executable
        || (is_bare && (name == executable || last_word == executable));
    is_executable.then_some(MatchedBy::ExecutableName)
}

/// A UUID as the field prints it, or that there is none.
pub(super) fn shown(uuid: Option<Uuid>) -> String {
    uuid.map_or("none".to_owned(), trace::shown)
}
