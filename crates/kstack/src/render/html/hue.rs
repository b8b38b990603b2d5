//! Which colour an image has: the same in stacks, tables and the flame graph, in light and dark.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kstack_model::{ImageKind, Side};

use super::super::document::Document;
use super::super::image_color;
use super::super::paths::Kin;
use crate::diagnose::short;
use crate::resolve::SpaceId;

/// How many colours the style sheet has for kexts.
const KEXTS: usize = 6;

/// The class of a colour in the style sheet.
pub(super) type Class = &'static str;

/// That of the kernel.
pub(super) const KERNEL: Class = "hk";

const CLASSES: [Class; KEXTS] = ["h0", "h1", "h2", "h3", "h4", "h5"];

/// The colours of one trace. Kexts take theirs in turn, so that few have the same.
#[derive(Debug)]
pub(super) struct Hues {
    kexts: BTreeMap<String, usize>,
    /// Kinds of images, by whether they are in the kernel's space, and their name.
    kinds: HashMap<(bool, String), ImageKind>,
}

impl Hues {
    pub(super) fn of(document: &Document<'_>) -> Hues {
        let mut kinds = HashMap::new();
        let mut kexts = BTreeSet::new();
        for (name, image) in document.images() {
            let is_kernel = image.space == SpaceId::Kernel;
            let kind = image.image.kind;
            if image.frames > 0 && is_kext(kind) {
                kexts.insert(short(name).to_owned());
            }
            kinds.entry((is_kernel, name.to_owned())).or_insert(kind);
        }
        Hues {
            kexts: kexts.into_iter().zip(0..).collect(),
            kinds,
        }
    }

    /// The colour of a frame of that side in the image of this name.
    pub(super) fn of_image(&self, name: Option<&str>, side: Side) -> Class {
        let is_kernel = side == Side::Kernel;
        let Some(name) = name else {
            return if is_kernel { "hn" } else { "hu" };
        };
        match self.kinds.get(&(is_kernel, name.to_owned())) {
            Some(ImageKind::Kernel | ImageKind::KernelCollection) => KERNEL,
            Some(kind) if is_kext(*kind) => self.kext(short(name)),
            _ if !is_kernel => "hu",
            Some(_) => "hn",
            None if short(name) == "kernel" => KERNEL,
            None => self.kext(short(name)),
        }
    }

    pub(super) fn of_kin(&self, kin: &Kin) -> Class {
        match kin {
            Kin::Process => "hp",
            Kin::Kernel => KERNEL,
            Kin::Kext(name) => self.kext(name),
            Kin::User => "hu",
            Kin::Unknown => "hn",
        }
    }

    /// By the short name; one that no image of the report has takes the colour it has everywhere.
    fn kext(&self, name: &str) -> Class {
        let place = self.kexts.get(name).copied();
        let place = place.unwrap_or_else(|| usize::from(image_color::terminal(name)));
        CLASSES.get(place % KEXTS).copied().unwrap_or("h0")
    }
}

fn is_kext(kind: ImageKind) -> bool {
    matches!(kind, ImageKind::Kext | ImageKind::PseudoKext)
}
