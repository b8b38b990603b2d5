//! Which source speaks for which image, and why not.
//!
//! Files the user named come first, in the order named; found ones only fill
//! what is left. A file fits by UUID, else by bundle identifier, else by
//! executable name. A UUID that differs refuses a file however well its name
//! fits: a name from another build is worse than none.

use std::collections::BTreeMap;

use kstack_model::{Address, LoadedImage, Note, Placement, Report};
use kstack_symbols::{SymbolError, SymbolFile, SymbolSet, SymbolSource};

use super::{
    Refusal, ResolveOptions, SpaceId, TraceImage, UnusedFile, UnusedReason, UsedSource, Why,
    clues::Clues, clues::differs, found, infer::Unplaced, members, named,
};

/// A source of the set: file and slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceId {
    /// Index into [`SymbolSet::files`].
    pub(super) file: usize,
    /// Index into its slices.
    pub(super) slice: usize,
}

/// Images with the sources that speak for them.
#[derive(Debug)]
pub(super) struct Matched<'a> {
    symbols: &'a SymbolSet,
    /// All images: the kernel's, then each process's, then those the user placed.
    pub(super) images: Vec<TraceImage>,
    /// Parallel to `images`.
    sources: Vec<Option<SourceId>>,
    /// How many of the images the report or a listing states.
    listed: usize,
    /// Index of the first image of each space.
    first: BTreeMap<SpaceId, usize>,
    pub(super) unused: Vec<UnusedFile>,
    /// Files that nothing places.
    pub(super) unplaced: Vec<Unplaced>,
    /// Named files for images that another file speaks for: they stand in if that one is contradicted.
    pub(super) rivals: Vec<Rival>,
    pub(super) notes: Vec<Note>,
}

/// A file for an image that another file speaks for.
#[derive(Clone, Debug)]
pub(super) struct Rival {
    pub(super) image: usize,
    pub(super) source: SourceId,
    pub(super) used: UsedSource,
}

/// Matches every file of the set with the images of the report.
pub(super) fn matches<'a>(
    report: &Report,
    symbols: &'a SymbolSet,
    options: &ResolveOptions,
) -> (Matched<'a>, Clues) {
    let mut matched = Matched::of(report, symbols);
    let clues = Clues::new(report, options, &matched);
    named::use_named(&clues, &mut matched);
    found::use_found(&clues, &mut matched);
    members::use_members(report, &clues, &mut matched);
    (matched, clues)
}

impl<'a> Matched<'a> {
    fn of(report: &Report, symbols: &'a SymbolSet) -> Matched<'a> {
        let mut images = Vec::new();
        let mut first = BTreeMap::new();
        let processes = report.processes.iter().enumerate();
        let spaces = processes.map(|(index, process)| (SpaceId::Process(index), &process.space));
        for (id, space) in [(SpaceId::Kernel, &report.kernel)]
            .into_iter()
            .chain(spaces)
        {
            first.insert(id, images.len());
            images.extend(space.images.iter().map(|image| listed(id, image)));
        }
        Matched {
            symbols,
            sources: vec![None; images.len()],
            listed: images.len(),
            images,
            first,
            unused: symbols.errors().iter().map(unusable).collect(),
            unplaced: Vec::new(),
            rivals: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The index of the image that a space lists at `image`.
    pub(super) fn index_of(&self, space: SpaceId, image: u32) -> Option<usize> {
        let index = self.first.get(&space)? + usize::try_from(image).ok()?;
        (self.images.get(index)?.space == space).then_some(index)
    }

    /// The images that the report or a listing states, with their indices.
    pub(super) fn listed(&self) -> impl Iterator<Item = (usize, &TraceImage)> {
        self.images.iter().enumerate().take(self.listed)
    }

    /// The images that only the user knows of.
    pub(super) fn added(&self) -> impl Iterator<Item = &TraceImage> {
        self.images.iter().skip(self.listed)
    }

    /// The source that speaks for an image, and how it was placed.
    pub(super) fn used(&self, image: usize) -> Option<(SourceId, &UsedSource)> {
        let source = (*self.sources.get(image)?)?;
        Some((source, self.images.get(image)?.used.as_ref()?))
    }

    /// Whether a source speaks for some image already.
    pub(super) fn is_in_use(&self, source: SourceId) -> bool {
        self.sources.contains(&Some(source))
    }

    /// The source itself.
    pub(super) fn source(&self, id: SourceId) -> Option<&'a SymbolSource> {
        self.symbols.files().get(id.file)?.slices.get(id.slice)
    }

    /// The files of the set.
    pub(super) fn files(&self) -> &'a [SymbolFile] {
        self.symbols.files()
    }

    /// Where offsets into an image count from, at an address: its header, or where its segments lie apart,
    /// the part that the address is in.
    pub(super) fn base_at(&self, image: usize, at: Address) -> Option<Address> {
        let image = self.images.get(image)?;
        let placed = image
            .used
            .as_ref()
            .map(|used| used.slides.segments.as_slice());
        match placed {
            Some([first, rest @ ..]) if rest.iter().any(|one| one.slide != first.slide) => {
                let mut segments = placed?.iter();
                let part = segments.find(|segment| segment.range.contains(&at))?;
                Some(part.range.start)
            }
            Some([first, ..]) => Some(first.range.start),
            _ => {
                let places = image.image.placements.iter().map(Placement::address);
                places
                    .filter(|place| *place <= at)
                    .max()
                    .or_else(|| image.image.placements.first().map(Placement::address))
            }
        }
    }

    /// Where the artefact's own offsets into an image count from.
    pub(super) fn base(&self, image: usize) -> Option<Address> {
        self.images
            .get(image)?
            .image
            .placements
            .first()
            .map(Placement::address)
    }

    /// Why an image without a source has none.
    pub(super) fn why_unused(&self, image: usize) -> Why {
        if self.is_contradicted(image) {
            return Why::Contradicted;
        }
        let is_other_build = self.images.get(image).is_some_and(|image| {
            let mut refused = image.refused.iter();
            refused.any(|refusal| differs(image.image.uuid, refusal.uuid))
        });
        if is_other_build {
            Why::UuidMismatch
        } else {
            Why::NoSymbolFile
        }
    }

    /// Whether the code of the source that spoke for the image contradicted the stacks.
    fn is_contradicted(&self, image: usize) -> bool {
        self.images
            .get(image)
            .is_some_and(TraceImage::is_contradicted)
    }

    /// Takes the source away from an image.
    pub(super) fn withdraw(&mut self, image: usize) -> Option<(SourceId, UsedSource)> {
        let source = self.sources.get_mut(image)?.take()?;
        Some((source, self.images.get_mut(image)?.used.take()?))
    }

    /// Names an image that no list has after the file that was to speak for it.
    pub(super) fn name_if_unlisted(&mut self, index: usize, used: &UsedSource) {
        let is_listed = index < self.listed;
        if let Some(image) = self.images.get_mut(index).filter(|_| !is_listed) {
            image.image.name.get_or_insert_with(|| used.name.clone());
        }
    }

    /// Drops images that no list has, that nothing speaks for and nothing was refused for: parts of a
    /// collection that is not used after all. Indices of images change.
    pub(super) fn forget_bare(&mut self) {
        let listed = self.listed;
        let is_bare = |(index, image): (usize, &TraceImage)| {
            index >= listed && image.used.is_none() && image.refused.is_empty()
        };
        let bare: Vec<bool> = self.images.iter().enumerate().map(is_bare).collect();
        let mut keep = bare.iter().map(|is_bare| !is_bare);
        self.images.retain(|_| keep.next().unwrap_or(true));
        let mut keep = bare.iter().map(|is_bare| !is_bare);
        self.sources.retain(|_| keep.next().unwrap_or(true));
    }

    /// The next file that could speak for an image; it is asked for once.
    pub(super) fn rival_of(&mut self, image: usize) -> Option<Rival> {
        let index = self.rivals.iter().position(|rival| rival.image == image)?;
        Some(self.rivals.remove(index))
    }

    /// Why a file is not used, to be changed.
    pub(super) fn unused_of(&mut self, source: SourceId) -> Option<&mut UnusedFile> {
        let path = &self.symbols.files().get(source.file)?.path;
        let mut unused = self.unused.iter_mut();
        unused.find(|unused| unused.path == *path)
    }

    /// Says that a file is used after all.
    pub(super) fn placed(&mut self, source: SourceId) {
        let Some(file) = self.symbols.files().get(source.file) else {
            return;
        };
        let used = self
            .unused
            .iter()
            .position(|unused| unused.path == file.path);
        if let Some(index) = used {
            self.unused.remove(index);
        }
    }

    /// Lets a source speak for an image.
    pub(super) fn assign(&mut self, image: usize, source: SourceId, used: UsedSource) {
        if let (Some(image), Some(slot)) = (self.images.get_mut(image), self.sources.get_mut(image))
        {
            image.used = Some(used);
            *slot = Some(source);
        }
    }

    /// Adds an image that only the user knows of.
    pub(super) fn add(&mut self, image: TraceImage, source: SourceId) {
        self.images.push(image);
        self.sources.push(Some(source));
    }

    /// Keeps a file away from an image, with the reason.
    pub(super) fn refuse(&mut self, image: usize, refusal: Refusal) {
        if let Some(image) = self.images.get_mut(image) {
            image.refused.push(refusal);
        }
    }
}

fn unusable(error: &SymbolError) -> UnusedFile {
    UnusedFile {
        path: error.path.clone(),
        name: None,
        uuid: None,
        reason: UnusedReason::Unusable,
        why: error.kind.to_string(),
    }
}

/// An image with nothing matched yet.
pub(super) fn listed(space: SpaceId, image: &LoadedImage) -> TraceImage {
    TraceImage {
        space,
        image: image.clone(),
        used: None,
        refused: Vec::new(),
        frames: 0,
        evidence: None,
    }
}
