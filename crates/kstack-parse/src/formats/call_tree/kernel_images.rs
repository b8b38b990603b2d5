//! The kernel's images, which every process of a spindump lists again.

use std::collections::BTreeMap;

use kstack_model::{LoadedImage, Placement, Uuid};

use super::images::ImageRow;

/// Kernel and kexts, each once, its parts together.
#[derive(Debug, Default)]
pub(super) struct KernelImages {
    images: Vec<LoadedImage>,
    /// Rows that need no second look: UUID and start.
    seen: BTreeMap<(Option<Uuid>, u64), usize>,
    by_uuid: BTreeMap<Uuid, usize>,
}

impl KernelImages {
    /// Adds a row; a segment of an image that is known is one more placement of it.
    pub(super) fn add(&mut self, row: ImageRow) {
        let key = (row.image.uuid, row.start.0);
        if let Some(known) = self.seen.get(&key) {
            let known = self.images.get_mut(*known);
            if let Some(known) = known {
                complete(known, row.image);
            }
            return;
        }
        let same_build = row.image.uuid.and_then(|uuid| self.by_uuid.get(&uuid));
        let index = match same_build.and_then(|index| Some((*index, self.images.get_mut(*index)?)))
        {
            Some((index, known)) if can_join(known, &row.image) => {
                join(known, row.image);
                index
            }
            _ => {
                let index = self.images.len();
                if let Some(uuid) = row.image.uuid {
                    self.by_uuid.entry(uuid).or_insert(index);
                }
                self.images.push(row.image);
                index
            }
        };
        self.seen.insert(key, index);
    }

    pub(super) fn into_images(self) -> Vec<LoadedImage> {
        self.images
    }
}

/// Not two load addresses in one image.
fn can_join(known: &LoadedImage, part: &LoadedImage) -> bool {
    known.load_address().is_none() || part.load_address().is_none()
}

fn join(known: &mut LoadedImage, part: LoadedImage) {
    if part.load_address().is_some() {
        // The whole was listed after one of its parts: its size and place lead.
        let parts = std::mem::replace(known, part).placements;
        known.placements.extend(parts);
    } else {
        known.placements.extend(part.placements);
    }
}

/// Gives a known image the words that only this row has.
fn complete(known: &mut LoadedImage, again: LoadedImage) {
    known.name = known.name.take().or(again.name);
    known.executable = known.executable.take().or(again.executable);
    known.version = known.version.take().or(again.version);
    known.path = known.path.take().or(again.path);
    // A process with frames in one part only lists that part without its segment's name.
    let unnamed = |placement: &Placement| matches!(placement, Placement::LoadedAt(_));
    let again_named = again
        .placements
        .iter()
        .find(|placement| !unnamed(placement));
    let (Some(Placement::SegmentAt { segment, address }), Some(_)) =
        (again_named, known.load_address())
    else {
        return;
    };
    for placement in &mut known.placements {
        if *placement == Placement::LoadedAt(*address) {
            *placement = Placement::SegmentAt {
                segment: segment.clone(),
                address: *address,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kstack_model::Address;

    fn images(rows: &[&str]) -> Vec<LoadedImage> {
        let mut images = KernelImages::default();
        for row in rows {
            images.add(ImageRow::read(row).unwrap());
        }
        images.into_images()
    }

    const HIB: &str = "*0xffffff8000100000 - 0xffffff800019efff  kernel (1.2) <AABBCCDD-0000-3000-8000-001122334455>__HIB   /System/Library/Kernels/kernel";
    const TEXT: &str = "*0xffffff80002dc000 - 0xffffff8000cdbfff  kernel (1.2) <AABBCCDD-0000-3000-8000-001122334455>__TEXT  /System/Library/Kernels/kernel";
    const WHOLE: &str = "*0xffffff80002dc000 - 0xffffff8000cdbfff  kernel (1.2) <AABBCCDD-0000-3000-8000-001122334455>  /System/Library/Kernels/kernel";

    fn both_parts() -> Vec<Placement> {
        vec![
            Placement::LoadedAt(Address(0xffff_ff80_002d_c000)),
            Placement::SegmentAt {
                segment: "__HIB".to_owned(),
                address: Address(0xffff_ff80_0010_0000),
            },
        ]
    }

    #[test]
    fn a_kernel_with_two_bases_is_one_image_in_any_order() {
        for rows in [[HIB, TEXT, WHOLE], [WHOLE, HIB, TEXT], [TEXT, WHOLE, HIB]] {
            let images = images(&rows);
            assert_eq!(images.len(), 1);
            assert_eq!(images[0].placements, both_parts());
            assert_eq!(images[0].size, Some(0xa0_0000));
        }
    }

    #[test]
    fn a_part_listed_without_its_name_is_corrected_when_the_name_comes() {
        let unnamed = HIB.replace("__HIB", "");
        let images = images(&[unnamed.as_str(), HIB]);
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].load_address(), None);
    }

    #[test]
    fn two_load_addresses_are_two_images() {
        let moved = WHOLE.replace("80002dc", "80003dc");
        assert_eq!(images(&[WHOLE, moved.as_str()]).len(), 2);
    }
}
