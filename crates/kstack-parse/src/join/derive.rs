//! The kernel's slide from two artefacts of one boot: one with it, one without it.

use std::collections::BTreeMap;

use kstack_model::{
    Address, AddressSpace, Arch, Basis, ImageKind, LoadedImage, Note, Slide, SlideOf,
};

/// A slide that one kext in two artefacts of the same boot fixes.
#[derive(Debug)]
pub(super) struct Derived {
    pub(super) slide: Slide,
    /// The first kext that shows it, and its two addresses.
    name: String,
    slid: Address,
    unslid: Address,
    /// How many more show the same.
    others: usize,
}

/// What a slide is a multiple of: pages.
const PAGE: u64 = 0x1000;

/// The slide that every kext in both shows, if they all show the same.
pub(super) fn derive(report: &AddressSpace, listing: &AddressSpace) -> Option<Derived> {
    let (slid, unslid) = match (report.basis, listing.basis) {
        (Basis::Slid, Basis::Unslid) => (report, listing),
        (Basis::Unslid, Basis::Slid) => (listing, report),
        _ => return None,
    };
    let mut by_name = BTreeMap::new();
    for image in unslid.images.iter().filter(|image| is_kext(image)) {
        if let (Some(name), Some(address)) = (image.name.as_deref(), image.load_address()) {
            by_name.insert(name, (address, image.uuid));
        }
    }
    let mut derived: Option<Derived> = None;
    for image in slid.images.iter().filter(|image| is_kext(image)) {
        let (Some(name), Some(address)) = (image.name.as_deref(), image.load_address()) else {
            continue;
        };
        let Some((unslid, uuid)) = by_name.get(name) else {
            continue;
        };
        if matches!((image.uuid, uuid), (Some(one), Some(other)) if one != *other) {
            // Another build of it: the list is of another time.
            return None;
        }
        let slide = Slide(address.0.wrapping_sub(unslid.0));
        match &mut derived {
            None => {
                derived = Some(Derived {
                    slide,
                    name: name.to_owned(),
                    slid: address,
                    unslid: *unslid,
                    others: 0,
                });
            }
            Some(known) if known.slide != slide => return None,
            Some(known) => known.others += 1,
        }
    }
    derived.filter(|derived| derived.slide.0.is_multiple_of(PAGE))
}

fn is_kext(image: &LoadedImage) -> bool {
    image.kind == ImageKind::Kext && image.load_address() != Some(Address(0))
}

/// What such a slide is the slide of: on arm64 kexts move with their collection, and the kernel may not.
pub(super) fn slide_of(arch: Option<Arch>) -> SlideOf {
    match arch {
        Some(Arch::Arm64 | Arch::Arm64e) => SlideOf::KernelCollection,
        _ => SlideOf::Kernel,
    }
}

impl Derived {
    /// What must be added to the list's addresses.
    pub(super) fn moves(&self, report: Basis) -> Slide {
        match report {
            Basis::Unslid => Slide(self.slide.0.wrapping_neg()),
            Basis::Slid | Basis::Unknown => self.slide,
        }
    }

    pub(super) fn note(&self) -> Note {
        let Derived {
            slide,
            name,
            slid,
            unslid,
            others,
        } = self;
        let others = match others {
            0 => String::new(),
            count => format!(", and {count} more agree"),
        };
        Note::new(format!(
            "the kernel's slide {slide} is not stated but derived: {name} is at {slid} with it and at {unslid} without it{others}"
        ))
    }
}
