//! What lies where in each address space.

use std::collections::BTreeMap;
use std::ops::Range;

use kstack_model::{Address, ImageKind, ImageOffset, LoadedImage, Note};

use super::{SpaceId, TraceImage, Why};

/// How far below an address an image without a known size may start and still be a guess worth
/// showing. The largest kexts and user binaries are smaller.
const FARTHEST_GUESS: u64 = 256 << 20;

/// The layout of every address space of a report.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    spaces: BTreeMap<SpaceId, Layout>,
}

#[derive(Debug, Default)]
struct Layout {
    /// Ranges whose end is known, by start.
    extents: Vec<Extent>,
    /// Starts of images whose end is not known, by address.
    starts: Vec<(Address, usize)>,
}

#[derive(Debug)]
struct Extent {
    start: Address,
    end: Address,
    /// Index of the image.
    image: usize,
    /// The highest end of this and all before it, so that a search can stop.
    reach: Address,
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Within the known extent of this image.
    Inside(usize),
    /// Above the start of this image, whose size is not known.
    Above(usize),
    /// Nowhere, or in more than one.
    Not(Why),
}

/// Lays out all images: by their symbol file's segments, else by their stated size, else by their start.
pub(super) fn lay_out(images: &[TraceImage]) -> Spaces {
    lay_out_without(images, None)
}

/// Lays out all images but one, as if nothing were known of it.
pub(super) fn lay_out_without(images: &[TraceImage], without: Option<usize>) -> Spaces {
    let mut spaces = Spaces::default();
    for (index, image) in images.iter().enumerate() {
        if image.image.kind == ImageKind::PseudoKext || without == Some(index) {
            continue;
        }
        let layout = spaces.spaces.entry(image.space).or_default();
        layout.add(index, image);
    }
    for layout in spaces.spaces.values_mut() {
        layout.sort();
    }
    spaces
}

impl Spaces {
    /// The image at an address.
    pub(super) fn find(&self, space: SpaceId, at: Address) -> Found {
        match self.spaces.get(&space) {
            Some(layout) => layout.find(at),
            None => Found::Not(Why::NoImageThere),
        }
    }

    /// Whether no image is known to lie in a range.
    pub(super) fn is_free(&self, space: SpaceId, range: &Range<Address>) -> bool {
        let layout = self.spaces.get(&space);
        layout.is_none_or(|layout| layout.is_free(range))
    }

    /// One note for each pair of images that lie over each other.
    pub(super) fn overlaps(&self, images: &[TraceImage]) -> Vec<Note> {
        let mut pairs = BTreeMap::new();
        for layout in self.spaces.values() {
            for (first, second, from, to) in layout.overlaps() {
                pairs.entry((first, second)).or_insert((from, to));
            }
        }
        let name = |index: usize| images.get(index).map(TraceImage::name).unwrap_or_default();
        pairs
            .into_iter()
            .map(|((first, second), (from, to))| {
                Note::new(format!(
                    "{} and {} both lie at {from}..{to}: frames there are not named; check the addresses given",
                    name(first),
                    name(second)
                ))
            })
            .collect()
    }
}

impl Layout {
    fn add(&mut self, index: usize, image: &TraceImage) {
        if let Some(used) = &image.used
            && !used.slides.segments.is_empty()
        {
            for segment in &used.slides.segments {
                self.extent(index, segment.range.start, segment.range.end);
            }
            return;
        }
        self.add_stated(index, &image.image);
    }

    /// Places an image by what is stated of it; its size is that of the first part.
    fn add_stated(&mut self, index: usize, image: &LoadedImage) {
        let mut size = image.size;
        for placement in &image.placements {
            match (placement.address(), size.take()) {
                (_, Some(0)) => {}
                (start, Some(size)) => self.extent(index, start, start + ImageOffset(size)),
                // The header of an image whose code lies elsewhere says nothing about what follows it.
                (_, None) if image.is_apart() && placement.is_header() => {}
                (start, None) => self.starts.push((start, index)),
            }
        }
    }

    fn extent(&mut self, image: usize, start: Address, end: Address) {
        self.extents.push(Extent {
            start,
            // A size from a damaged list may reach past the end of the address space.
            end: if end < start { Address(u64::MAX) } else { end },
            image,
            reach: end,
        });
    }

    fn sort(&mut self) {
        self.starts.sort_unstable();
        self.extents
            .sort_unstable_by_key(|extent| (extent.start, extent.end, extent.image));
        let mut reach = Address(0);
        for extent in &mut self.extents {
            reach = reach.max(extent.end);
            extent.reach = reach;
        }
    }

    fn find(&self, at: Address) -> Found {
        let below = self.extents.partition_point(|extent| extent.start <= at);
        let mut inside = self
            .extents
            .get(..below)
            .unwrap_or_default()
            .iter()
            .rev()
            .take_while(|extent| extent.reach > at)
            .filter(|extent| extent.end > at)
            .map(|extent| extent.image);
        if let Some(image) = inside.next() {
            return match inside.all(|other| other == image) {
                true => Found::Inside(image),
                false => Found::Not(Why::Overlap),
            };
        }
        let last_extent = below
            .checked_sub(1)
            .and_then(|index| self.extents.get(index))
            .map(|extent| extent.start);
        let unsized_below = self.starts.partition_point(|(start, _)| *start <= at);
        let nearest = unsized_below
            .checked_sub(1)
            .and_then(|index| self.starts.get(index));
        match nearest {
            // What ends between the start and the address shows that the image is not there.
            Some((start, image))
                if Some(*start) > last_extent && (at - *start).0 < FARTHEST_GUESS =>
            {
                Found::Above(*image)
            }
            _ => Found::Not(Why::NoImageThere),
        }
    }

    fn is_free(&self, range: &Range<Address>) -> bool {
        let below = self
            .extents
            .partition_point(|extent| extent.start < range.end);
        let reach = below.checked_sub(1).and_then(|last| self.extents.get(last));
        let first = self
            .starts
            .partition_point(|(start, _)| *start < range.start);
        let start = self.starts.get(first).map(|(start, _)| *start);
        reach.is_none_or(|last| last.reach <= range.start)
            && start.is_none_or(|start| start >= range.end)
    }

    /// Pairs of different images with the first range both have.
    fn overlaps(&self) -> Vec<(usize, usize, Address, Address)> {
        let mut found = Vec::new();
        let mut widest: Option<&Extent> = None;
        for extent in &self.extents {
            if let Some(before) = widest
                && before.end > extent.start
                && before.image != extent.image
            {
                let (first, second) = (
                    before.image.min(extent.image),
                    before.image.max(extent.image),
                );
                found.push((first, second, extent.start, before.end.min(extent.end)));
            }
            if widest.is_none_or(|before| extent.end > before.end) {
                widest = Some(extent);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use kstack_model::{LoadedImage, Placement};

    use super::*;

    fn image(start: u64, size: Option<u64>) -> TraceImage {
        let mut image = LoadedImage::new(ImageKind::Kext);
        image.placements = vec![Placement::LoadedAt(Address(start))];
        image.size = size;
        super::super::matching::listed(SpaceId::Kernel, &image)
    }

    fn find(images: &[TraceImage], at: u64) -> Found {
        lay_out(images).find(SpaceId::Kernel, Address(at))
    }

    #[test]
    fn a_sized_image_ends_where_it_says() {
        let images = [image(0x1000, Some(0x100))];
        assert_eq!(find(&images, 0x10ff), Found::Inside(0));
        assert_eq!(find(&images, 0x1100), Found::Not(Why::NoImageThere));
        assert_eq!(find(&images, 0xfff), Found::Not(Why::NoImageThere));
    }

    #[test]
    fn an_unsized_image_is_only_the_nearest_below() {
        let images = [image(0x1000, None), image(0x3000, None)];
        assert_eq!(find(&images, 0x2fff), Found::Above(0));
        assert_eq!(find(&images, 0x3000), Found::Above(1));
    }

    #[test]
    fn an_image_that_ends_in_between_hides_the_unsized_one_below_it() {
        let images = [image(0x1000, None), image(0x3000, Some(0x10))];
        assert_eq!(find(&images, 0x4000), Found::Not(Why::NoImageThere));
    }

    #[test]
    fn an_unsized_image_far_below_is_no_guess_worth_showing() {
        let images = [image(0x1000, None)];
        let far = 0x1000 + FARTHEST_GUESS;
        assert_eq!(find(&images, far), Found::Not(Why::NoImageThere));
    }

    #[test]
    fn two_images_over_one_address_are_reported_and_neither_is_taken() {
        let images = [image(0x1000, Some(0x1000)), image(0x1800, Some(0x1000))];
        assert_eq!(find(&images, 0x17ff), Found::Inside(0));
        assert_eq!(find(&images, 0x1900), Found::Not(Why::Overlap));
        assert_eq!(find(&images, 0x2000), Found::Inside(1));
        let notes = lay_out(&images).overlaps(&images);
        assert_eq!(notes.len(), 1);
        assert!(notes[0].text.contains("0x1800..0x2000"), "{}", notes[0]);
    }

    #[test]
    fn a_small_image_within_a_large_one_overlaps_it() {
        let images = [
            image(0x1000, Some(0x9000)),
            image(0x2000, Some(0x10)),
            image(0x3000, Some(0x10)),
        ];
        assert_eq!(find(&images, 0x2008), Found::Not(Why::Overlap));
        assert_eq!(find(&images, 0x2100), Found::Inside(0));
        assert_eq!(lay_out(&images).overlaps(&images).len(), 2);
    }

    #[test]
    fn a_size_past_the_end_of_memory_is_cut_there() {
        let images = [image(0xffff_ffff_ffff_f000, Some(0x2000))];
        assert_eq!(find(&images, 0xffff_ffff_ffff_f800), Found::Inside(0));
    }
}
