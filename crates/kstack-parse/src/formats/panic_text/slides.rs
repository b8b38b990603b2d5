//! Slides and bases of kernel and kernel collection.

use kstack_model::{Address, ImageKind, LoadedImage, Placement, Slide, SlideOf, Uuid};

use crate::formats::numbers::leading_hex;

/// What a panic says about where the kernel lies.
///
/// The lines are those of `panic_display_kernel_aslr` (xnu-11417.101.15,
/// `osfmk/kern/debug.c`). With a kernel collection "Kernel slide" is the text
/// base minus the address that the *collection* is linked at, and the text
/// exec slide likewise. That is the slide of a kernel file linked there, as
/// those of a KDK are; only the bases place the kernel inside the collection.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) slides: Vec<(SlideOf, Slide)>,
    pub(super) kernel: LoadedImage,
    collection: Option<LoadedImage>,
    /// Monitors that run beside the kernel on newer phones.
    monitors: Vec<LoadedImage>,
}

impl Default for Kernel {
    fn default() -> Kernel {
        let mut kernel = LoadedImage::new(ImageKind::Kernel);
        kernel.name = Some("kernel".to_owned());
        Kernel {
            slides: Vec::new(),
            kernel,
            collection: None,
            monitors: Vec::new(),
        }
    }
}

#[derive(Clone, Copy)]
enum Line {
    Slide(SlideOf),
    KernelAt(Option<&'static str>),
    KernelUuid,
    CollectionAt,
    CollectionUuid,
    MonitorAt(&'static str),
    MonitorUuid(&'static str),
}

const LINES: &[(&str, Line)] = &[
    ("Kernel slide:", Line::Slide(SlideOf::Kernel)),
    (
        "Kernel text exec slide:",
        Line::Slide(SlideOf::KernelTextExec),
    ),
    ("KernelCache slide:", Line::Slide(SlideOf::KernelCollection)),
    ("Kernel text base:", Line::KernelAt(None)),
    (
        "Kernel text exec base:",
        Line::KernelAt(Some("__TEXT_EXEC")),
    ),
    ("Kernel text exec:", Line::KernelAt(Some("__TEXT_EXEC"))),
    ("__HIB text base:", Line::KernelAt(Some("__HIB"))),
    ("__HIB  text base:", Line::KernelAt(Some("__HIB"))),
    ("Kernel UUID:", Line::KernelUuid),
    ("KernelCache base:", Line::CollectionAt),
    ("KernelCache UUID:", Line::CollectionUuid),
    ("Fileset Kernelcache UUID:", Line::CollectionUuid),
    ("TXM load address:", Line::MonitorAt("TXM")),
    ("TXM UUID:", Line::MonitorUuid("TXM")),
    ("SPTM load address:", Line::MonitorAt("SPTM")),
    ("SPTM UUID:", Line::MonitorUuid("SPTM")),
];

impl Kernel {
    /// Takes a line that states a slide, a base or a UUID; says whether it was one.
    pub(super) fn take(&mut self, line: &str) -> bool {
        let found = LINES
            .iter()
            .find_map(|(key, what)| Some((*what, line.strip_prefix(key)?.trim_start())));
        let Some((what, value)) = found else {
            return false;
        };
        match what {
            Line::Slide(of) => {
                let known = self.slides.iter().any(|(own, _)| *own == of);
                if let (false, Some(slide)) = (known, leading_hex(value)) {
                    self.slides.push((of, Slide(slide.value)));
                }
            }
            Line::KernelAt(segment) => place(&mut self.kernel, segment, value),
            Line::KernelUuid => identify(&mut self.kernel, value),
            Line::CollectionAt => place(self.collection(), None, value),
            Line::CollectionUuid => identify(self.collection(), value),
            Line::MonitorAt(name) => place(self.monitor(name), None, value),
            Line::MonitorUuid(name) => identify(self.monitor(name), value),
        }
        true
    }

    /// The text base of the kernel, as a sample of its addresses.
    pub(super) fn base(&self) -> Option<u64> {
        self.kernel.load_address().map(|address| address.0)
    }

    /// Whether nothing was said about the kernel.
    pub(super) fn is_silent(&self) -> bool {
        self.slides.is_empty()
            && self.kernel.uuid.is_none()
            && self.kernel.placements.is_empty()
            && self.collection.is_none()
    }

    /// Kernel, collection, monitors.
    pub(super) fn into_images(self) -> Vec<LoadedImage> {
        let mut images = vec![self.kernel];
        images.extend(self.collection);
        images.extend(self.monitors);
        images
    }

    fn collection(&mut self) -> &mut LoadedImage {
        self.collection.get_or_insert_with(|| {
            let mut image = LoadedImage::new(ImageKind::KernelCollection);
            image.name = Some("kernel collection".to_owned());
            image
        })
    }

    fn monitor(&mut self, name: &str) -> &mut LoadedImage {
        let known = self
            .monitors
            .iter()
            .position(|image| image.name.as_deref() == Some(name));
        let at = known.unwrap_or(self.monitors.len());
        if known.is_none() {
            let mut image = LoadedImage::new(ImageKind::Other);
            image.name = Some(name.to_owned());
            self.monitors.push(image);
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the image was found or pushed just above"
        )]
        &mut self.monitors[at]
    }
}

fn place(image: &mut LoadedImage, segment: Option<&str>, value: &str) {
    let Some(address) = leading_hex(value).map(|hex| Address(hex.value)) else {
        return;
    };
    let placement = match segment {
        None => Placement::LoadedAt(address),
        Some(segment) => Placement::SegmentAt {
            segment: segment.to_owned(),
            address,
        },
    };
    // A panic within a panic prints the lines again; the first are as good.
    if image.placements.len() < LINES.len() && !image.placements.contains(&placement) {
        image.placements.push(placement);
    }
}

fn identify(image: &mut LoadedImage, value: &str) {
    image.uuid = image.uuid.or_else(|| Uuid::parse_str(value.trim()).ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slide_and_base_has_its_place() {
        let mut kernel = Kernel::default();
        for line in [
            "Fileset Kernelcache UUID: 11111111222233334444555555555555",
            "KernelCache slide: 0x0000000010000000",
            "KernelCache base:  0xfffffe0017004000",
            "Kernel slide:      0x0000000010700000",
            "Kernel text base:  0xfffffe0017704000",
            "Kernel text exec slide: 0x0000000010800000",
            "Kernel text exec base:  0xfffffe0017804000",
        ] {
            assert!(kernel.take(line), "{line}");
        }
        assert!(!kernel.take("Kernel version:"));
        assert_eq!(
            kernel.slides,
            [
                (SlideOf::KernelCollection, Slide(0x1000_0000)),
                (SlideOf::Kernel, Slide(0x1070_0000)),
                (SlideOf::KernelTextExec, Slide(0x1080_0000)),
            ]
        );
        let images = kernel.into_images();
        assert_eq!(images[0].placements.len(), 2);
        assert_eq!(images[1].kind, ImageKind::KernelCollection);
        assert!(images[1].uuid.is_some());
    }

    #[test]
    fn a_blacked_out_uuid_is_none() {
        let mut kernel = Kernel::default();
        assert!(kernel.take("Kernel UUID: [REDACTED]"));
        assert_eq!(kernel.kernel.uuid, None);
    }
}
