//! Images as an artefact lists them, and the address spaces they lie in.

use crate::{Address, Slide, Uuid, VmAddr};

/// Whether the kernel addresses of an artefact contain the kernel's slide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// As they were at run time: panic logs, debuggers, dtrace, and every user address.
    Slid,
    /// Without the slide: stackshots, spindumps, `kextstat`; also every kernel before 10.8, which has none.
    Unslid,
    /// The artefact does not tell.
    #[default]
    Unknown,
}

/// One address space: the kernel's, or a process's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressSpace {
    /// What the addresses in it mean.
    pub basis: Basis,
    /// The slides the artefact states, in the order stated.
    pub slides: Vec<(SlideOf, Slide)>,
    /// The images that lie in it, in the order of the artefact.
    pub images: Vec<LoadedImage>,
}

/// What a stated slide is the slide of.
///
/// Panic logs print up to three kernel slides (xnu-11417.101.15, `osfmk/kern/debug.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlideOf {
    /// "Kernel slide": the kernel's `__TEXT`.
    Kernel,
    /// "Kernel text exec slide": the kernel's `__TEXT_EXEC`.
    KernelTextExec,
    /// "`KernelCache` slide": the whole kernel collection.
    KernelCollection,
    /// The shared cache that a process uses.
    SharedCache,
}

/// A shared cache of user space.
///
/// The address of an image inside it is its vmaddr plus the cache's slide, in
/// every process that uses the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedCache {
    /// Number by which processes name it; `None` where the artefact knows one cache only.
    pub id: Option<u64>,
    /// UUID of the cache as a whole.
    pub uuid: Option<Uuid>,
    /// Its slide.
    pub slide: Option<Slide>,
    /// Where its header lies, slid.
    pub header: Option<Address>,
    /// 1 the system's primary cache, 2 that of drivers, 4 Rosetta's.
    pub flags: u32,
    /// Load addresses and UUIDs of the images in it, without the slide.
    pub images: Vec<(VmAddr, Uuid)>,
}

/// A Mach-O as loaded, as far as the artefact tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedImage {
    /// Bundle identifier or file name; `None` where the artefact has only an address and a UUID.
    pub name: Option<String>,
    /// The name as printed, where [`name`](Self::name) is its expansion: Intel panics write `>usb.!UHub`
    /// for `com.apple.driver.usb.AppleUSBHub`.
    pub said_name: Option<String>,
    /// The other name of an image that is listed under two: its executable's.
    pub executable: Option<String>,
    /// What kind of image.
    pub kind: ImageKind,
    /// Its `LC_UUID`.
    pub uuid: Option<Uuid>,
    /// Where it lies. More than one when the artefact places its parts separately; empty when it does not say.
    pub placements: Vec<Placement>,
    /// Bytes from the first placement's address to the end of what is placed there: of the image, or of the one segment.
    ///
    /// `None` for stackshots, whose load information has no sizes.
    pub size: Option<u64>,
    /// The version as printed: "1.0.0", "(4.5)" without the brackets.
    pub version: Option<String>,
    /// The path of its file on the machine of the report.
    pub path: Option<String>,
    /// Which list it comes from.
    pub origin: Origin,
}

impl LoadedImage {
    /// An image of the report's own with nothing known but its kind.
    #[must_use]
    pub fn new(kind: ImageKind) -> LoadedImage {
        LoadedImage {
            name: None,
            said_name: None,
            executable: None,
            kind,
            uuid: None,
            placements: Vec::new(),
            size: None,
            version: None,
            path: None,
            origin: Origin::Report,
        }
    }

    /// The load address of the Mach-O header, where the artefact states it.
    #[must_use]
    pub fn load_address(&self) -> Option<Address> {
        self.placements
            .iter()
            .find_map(|placement| match placement {
                Placement::LoadedAt(address) => Some(*address),
                Placement::SegmentAt { .. } => None,
            })
    }
}

impl LoadedImage {
    /// Whether the artefact places a segment by itself, so that the header's place is not the code's.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.placements
            .iter()
            .any(|placement| !placement.is_header())
    }
}

impl Placement {
    /// The address of what is placed.
    #[must_use]
    pub fn address(&self) -> Address {
        match self {
            Placement::LoadedAt(address) | Placement::SegmentAt { address, .. } => *address,
        }
    }

    /// Whether it places the Mach-O header.
    #[must_use]
    pub fn is_header(&self) -> bool {
        matches!(self, Placement::LoadedAt(_))
    }
}

/// Which list an image comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The report's own load information.
    #[default]
    Report,
    /// A `kextstat` or `kmutil showloaded` listing beside it.
    Listing,
}

/// What kind of image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImageKind {
    /// The kernel itself.
    Kernel,
    /// A kernel collection as a whole.
    KernelCollection,
    /// A kernel extension.
    Kext,
    /// A pseudo-kext such as `com.apple.kpi.bsd`: a name without code.
    PseudoKext,
    /// The shared cache of user space.
    SharedCache,
    /// Something in user space: executable or library.
    User,
    /// The artefact does not tell, or kstack does not know the word.
    Other,
}

/// What an artefact says about where an image lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The Mach-O header was placed here.
    LoadedAt(Address),
    /// The start of one segment was placed here, `__TEXT_EXEC` for kexts in arm64 panics.
    SegmentAt {
        /// The segment's name.
        segment: String,
        /// Where it starts.
        address: Address,
    },
}
