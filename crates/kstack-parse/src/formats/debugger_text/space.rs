//! The kernel's address space as a session tells of it.

use std::collections::BTreeMap;

use kstack_model::{
    Address, AddressSpace, Arch, Basis, ImageKind, LoadedImage, Machine, Placement, Slide, SlideOf,
};

use super::lldb::Target;
use crate::formats::numbers::is_arm64_kernel;

/// Gathers what is said of the kernel and its kexts.
#[derive(Debug, Default)]
pub(super) struct Space {
    machine: Machine,
    kernel: Option<LoadedImage>,
    slide: Option<Slide>,
    /// Kexts in the order they were first named.
    kexts: Vec<LoadedImage>,
    by_name: BTreeMap<String, usize>,
}

impl Space {
    /// Takes what lldb says when it attaches.
    pub(super) fn target(&mut self, target: Target<'_>) {
        match target {
            Target::Version(version) => {
                self.machine.arch = self.machine.arch.or(arch_of_version(version));
                self.machine.kernel_version = Some(version.to_owned());
            }
            Target::Arch(arch) => self.machine.arch = arch.parse().ok().or(self.machine.arch),
            Target::Uuid(uuid) => self.kernel().uuid = Some(uuid),
            Target::LoadAddress(address) => {
                self.kernel().placements = vec![Placement::LoadedAt(address)];
            }
            Target::Slide(slide) => self.slide = Some(Slide(slide)),
            Target::KernelFile(path) => {
                let name = path.rsplit('/').next().unwrap_or(path).to_owned();
                let kernel = self.kernel();
                kernel.name = Some(name);
                kernel.path = path.starts_with('/').then(|| path.to_owned());
            }
            Target::Kext(name, uuid) => {
                let mut kext = LoadedImage::new(ImageKind::Kext);
                kext.name = Some(name.to_owned());
                kext.uuid = Some(uuid);
                self.kext(kext);
            }
        }
    }

    fn kernel(&mut self) -> &mut LoadedImage {
        self.kernel
            .get_or_insert_with(|| LoadedImage::new(ImageKind::Kernel))
    }

    /// Takes a kext; what is known of it by name is completed.
    pub(super) fn kext(&mut self, kext: LoadedImage) {
        let known = kext.name.as_ref().and_then(|name| self.by_name.get(name));
        let Some(known) = known.and_then(|index| self.kexts.get_mut(*index)) else {
            if let Some(name) = &kext.name {
                self.by_name.insert(name.clone(), self.kexts.len());
            }
            self.kexts.push(kext);
            return;
        };
        known.uuid = known.uuid.or(kext.uuid);
        known.size = known.size.or(kext.size);
        known.version = known.version.take().or(kext.version);
        if known.placements.is_empty() {
            known.placements = kext.placements;
        }
    }

    /// Takes a frame in a kext without symbols: its offset is one from where the kext lies.
    ///
    /// The macros subtract the load address, on Apple silicon the start of the code segment
    /// (xnu, `tools/lldbmacros/process.py`, `GetSourceInformationForAddress`).
    pub(super) fn offset_in(&mut self, name: &str, address: Address, offset: u64) {
        let start = Address(address.0.wrapping_sub(offset));
        let mut kext = LoadedImage::new(ImageKind::Kext);
        kext.name = Some(name.to_owned());
        kext.placements.push(if is_arm64_kernel(address.0) {
            Placement::SegmentAt {
                segment: "__TEXT_EXEC".to_owned(),
                address: start,
            }
        } else {
            Placement::LoadedAt(start)
        });
        self.kext(kext);
    }

    /// Everything gathered.
    pub(super) fn finish(self) -> (Machine, AddressSpace) {
        let space = AddressSpace {
            basis: Basis::Slid,
            slides: self
                .slide
                .map(|slide| (SlideOf::Kernel, slide))
                .into_iter()
                .collect(),
            images: self.kernel.into_iter().chain(self.kexts).collect(),
        };
        (self.machine, space)
    }
}

/// "… root:xnu-4903.251.3~3/RELEASE_X86_64".
fn arch_of_version(version: &str) -> Option<Arch> {
    let (_, configuration) = version.split_once("root:xnu-")?;
    let machine = |name: &str| configuration.contains(name);
    if machine("_X86_64") {
        Some(Arch::X86_64)
    } else if machine("_ARM64") {
        Some(Arch::Arm64)
    } else if machine("_I386") {
        Some(Arch::I386)
    } else if machine("_PPC") {
        Some(Arch::Ppc)
    } else {
        None
    }
}
