//! Load information → images and shared caches.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::{
    Address, AddressSpace, ImageKind, LoadedImage, Placement, SharedCache, Slide, SlideOf, Uuid,
    VmAddr,
};

use super::item::{Elements, Item};
use super::layout::{Scalar, Type};
use super::tree::{Node, children};

/// Tags of load information (`osfmk/kern/kcdata.h`, xnu-11417.101.15).
pub(crate) mod tag {
    pub(crate) const LOADINFO32: u32 = 0x30;
    pub(crate) const LOADINFO64: u32 = 0x31;
    pub(crate) const AOTINFO: u32 = 0x39;
    pub(crate) const SHAREDCACHE_LOADINFO: u32 = 0x908;
    pub(crate) const KERNELCACHE_LOADINFO: u32 = 0x91c;
    pub(crate) const SHAREDCACHE_LAYOUT: u32 = 0x927;
    pub(crate) const LOADINFO64_TEXT_EXEC: u32 = 0x92e;
    pub(crate) const SHAREDCACHE_INFO: u32 = 0x943;
}

/// One entry of a list of images.
struct Entry {
    address: Address,
    uuid: Option<Uuid>,
}

impl Entry {
    /// `None` for an entry of zeros: the kernel leaves these where it could not read the list of a task.
    fn read(of: &Type<'_>, data: &[u8]) -> Option<Entry> {
        let [address, uuid] = of.fields else {
            return None;
        };
        let entry = Entry {
            address: Address(address.read(data)?.bits()),
            uuid: uuid.read(data).and_then(known_uuid),
        };
        (entry.address.0 != 0 || entry.uuid.is_some()).then_some(entry)
    }

    fn placed(self, kind: ImageKind, placement: Placement) -> LoadedImage {
        let mut image = LoadedImage::new(kind);
        image.uuid = self.uuid;
        image.placements = vec![placement];
        image
    }
}

/// A UUID of zeros is no UUID.
fn known_uuid(scalar: Scalar<'_>) -> Option<Uuid> {
    let Scalar::Bytes(bytes) = scalar else {
        return None;
    };
    let uuid = Uuid::from_slice(bytes).ok()?;
    (!uuid.is_nil()).then_some(uuid)
}

/// Adds the images of a task; returns how many entries the kernel could not read.
pub(crate) fn add_user(space: &mut AddressSpace, elements: Elements<'_>) -> usize {
    let Some(of) = elements.known() else { return 0 };
    let all = elements.len();
    let before = space.images.len();
    for entry in elements.filter_map(|data| Entry::read(of, data)) {
        let placement = Placement::LoadedAt(entry.address);
        space.images.push(entry.placed(ImageKind::User, placement));
    }
    all - (space.images.len() - before)
}

/// Adds Rosetta's translations of images of a task.
pub(crate) fn add_translated(space: &mut AddressSpace, elements: Elements<'_>) {
    for data in elements {
        let word =
            |index: usize| super::layout::little_endian(data.get(8 * index..).unwrap_or_default());
        let (code, size) = (word(1), word(2));
        let mut image = LoadedImage::new(ImageKind::Other);
        image.placements = vec![Placement::LoadedAt(Address(code))];
        image.size = (size != 0).then_some(size);
        if code != 0 {
            space.images.push(image);
        }
    }
}

/// What the kernel task lists: the kernel collection, the kernel, its kexts.
#[derive(Debug, Default)]
pub(crate) struct KernelImages {
    pub(crate) images: Vec<LoadedImage>,
    /// Where the image of a UUID is, and the tag of the list it was first in.
    by_uuid: BTreeMap<Uuid, (usize, u32)>,
    /// Tags of the lists that have begun: the kernel comes first in each.
    begun: BTreeSet<u32>,
}

impl KernelImages {
    /// Adds a list of images: the kernel first, then its kexts.
    ///
    /// The same image may be listed by its header and by its `__TEXT_EXEC`; it then has two placements.
    pub(crate) fn add(&mut self, elements: Elements<'_>) {
        let Some(of) = elements.known() else { return };
        let list = elements.tag;
        for entry in elements.filter_map(|data| Entry::read(of, data)) {
            let kind = if self.begun.insert(list) {
                ImageKind::Kernel
            } else {
                ImageKind::Kext
            };
            let placement = if list == tag::LOADINFO64_TEXT_EXEC {
                Placement::SegmentAt {
                    segment: "__TEXT_EXEC".to_owned(),
                    address: entry.address,
                }
            } else {
                Placement::LoadedAt(entry.address)
            };
            let known = entry.uuid.and_then(|uuid| self.by_uuid.get(&uuid));
            let known = known.filter(|(_, other)| *other != list);
            match known.and_then(|(place, _)| self.images.get_mut(*place)) {
                Some(same) => same.placements.push(placement),
                None => self.push(entry.placed(kind, placement), list),
            }
        }
    }

    /// Adds the kernel collection. Its stated address is the lowest of the kernel, not that of a Mach-O header,
    /// so it places nothing; the caller keeps it as a fact.
    pub(crate) fn add_collection(&mut self, elements: Elements<'_>) {
        let Some(of) = elements.known() else { return };
        for entry in elements.filter_map(|data| Entry::read(of, data)) {
            let mut image = LoadedImage::new(ImageKind::KernelCollection);
            image.uuid = entry.uuid;
            self.images.push(image);
        }
    }

    fn push(&mut self, image: LoadedImage, list: u32) {
        if let Some(uuid) = image.uuid {
            self.by_uuid
                .entry(uuid)
                .or_insert((self.images.len(), list));
        }
        self.images.push(image);
    }
}

/// The shared cache of an item outside a container; `None` if the item is all zero.
pub(crate) fn cache(item: &Item<'_>) -> Option<SharedCache> {
    let elements = item.elements()?;
    let of = elements.known()?;
    let mut cache = SharedCache::default();
    for data in elements {
        for field in of.fields {
            let Some(scalar) = field.read(data) else {
                break;
            };
            let bits = scalar.bits();
            match field.name {
                "imageLoadAddress" | "sharedCacheSlide" => cache.slide = Some(Slide(bits)),
                "imageUUID" | "sharedCacheUUID" => cache.uuid = known_uuid(scalar),
                "sharedCacheSlidFirstMapping" => {
                    cache.header = (bits != 0).then_some(Address(bits))
                }
                "sharedCacheFlags" => cache.flags = u32::try_from(bits).unwrap_or_default(),
                // The slid base is unreliable by its own name; the id is that of the container.
                _ => {}
            }
        }
    }
    (cache.uuid.is_some() || cache.header.is_some()).then_some(cache)
}

/// The shared cache of a container.
pub(crate) fn contained_cache(id: u64, nodes: &[Node<'_>]) -> SharedCache {
    let mut found = SharedCache::default();
    let mut layout = Vec::new();
    for (item, _) in children(nodes) {
        match item.elements() {
            Some(elements) if elements.tag == tag::SHAREDCACHE_LAYOUT => {
                add_layout(&mut layout, elements)
            }
            Some(elements) if elements.tag == tag::SHAREDCACHE_INFO => {
                found = cache(&item).unwrap_or_default()
            }
            _ => {}
        }
    }
    SharedCache {
        id: Some(id),
        images: layout,
        ..found
    }
}

/// Adds the images inside a shared cache, whose addresses are unslid.
pub(crate) fn add_layout(images: &mut Vec<(VmAddr, Uuid)>, elements: Elements<'_>) {
    let Some(of) = elements.known() else { return };
    let entries = elements.filter_map(|data| Entry::read(of, data));
    images.extend(entries.map(|entry| (VmAddr(entry.address.0), entry.uuid.unwrap_or_default())));
}

/// Puts a shared cache into the space of a process that uses it.
pub(crate) fn use_cache(space: &mut AddressSpace, cache: &SharedCache) {
    let mut image = LoadedImage::new(ImageKind::SharedCache);
    image.uuid = cache.uuid;
    image
        .placements
        .extend(cache.header.map(Placement::LoadedAt));
    space.images.push(image);
    space.slides = cache
        .slide
        .map(|slide| (SlideOf::SharedCache, slide))
        .into_iter()
        .collect();
}
