//! Which symbol files would name the frames that have no name, and how to pass them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use kstack_model::{Address, Arch, ImageKind, LoadedImage, Machine, Side, Uuid};

use crate::diagnose::is_no_mac;
use crate::resolve::{Resolution, SpaceId, Trace, TraceImage, Why};

/// What stands between a trace and its names, over the whole report whatever is shown of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Images of the kernel's space that have frames and no symbol file, in the order of the trace.
    pub images: Vec<MissingImage>,
    /// Kernel frames that lie in no known image, by where they lie.
    pub unknown: Vec<UnknownFrames>,
    /// Images of user space that have frames and no symbol file: how many.
    pub user_images: usize,
    /// Frames in them.
    pub user_frames: usize,
    /// The same images, one for all processes that share it, the one with most frames first.
    pub users: Vec<MissingImage>,
}

/// An image without a symbol file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImage {
    /// Index into the images of the trace.
    pub image: usize,
    /// Frames in it.
    pub frames: usize,
    /// What to pass, as an option with its value.
    pub pass: String,
}

/// Kernel frames that lie in no known image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFrames {
    /// Where they lie.
    pub region: Region,
    /// How many.
    pub frames: usize,
    /// The lowest and the highest of their addresses; `None` where they have none.
    pub range: Option<(Address, Address)>,
}

/// Where a kernel address lies by the layout of 64-bit Intel kernels.
///
/// xnu keeps kexts within reach of a 32-bit branch, in the two gigabytes below
/// `VM_MIN_KERNEL_ADDRESS` (xnu-11417.101.15, `osfmk/mach/i386/vm_param.h`,
/// `VM_MIN_KERNEL_AND_KEXT_ADDRESS`). For the same reason the kernel's own
/// code is within the two gigabytes above it. Other kernels have no such
/// fixed borders, and nothing is said about theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// Where kexts are loaded.
    Kexts,
    /// Where the kernel is, when no kernel was given.
    Kernel,
    /// Elsewhere, or the layout is not known.
    Elsewhere,
    /// Under two images at once.
    Overlap,
    /// In images of which the report has neither a name nor a UUID: no file could be told to be theirs.
    Undescribed,
}

const KEXTS: u64 = 0xffff_ff7f_8000_0000;
const KERNEL: u64 = 0xffff_ff80_0000_0000;
const BEYOND: u64 = 0xffff_ff80_8000_0000;

impl Region {
    /// Where it is, for a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Region::Kexts => "where kexts are loaded",
            Region::Kernel => "where the kernel lies",
            Region::Elsewhere => "in no known image",
            Region::Overlap => "under two images at once",
            Region::Undescribed => "in images that the report does not describe",
        }
    }

    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Region::Kexts => "kexts",
            Region::Kernel => "kernel",
            Region::Elsewhere => "elsewhere",
            Region::Overlap => "overlap",
            Region::Undescribed => "undescribed",
        }
    }

    /// What to pass to have such frames named, where that is known.
    #[must_use]
    pub fn pass(self) -> Option<&'static str> {
        match self {
            Region::Kexts => Some("--kextstat FILE, or --kext PATH@ADDRESS"),
            Region::Kernel => Some("--kernel PATH"),
            Region::Elsewhere | Region::Overlap | Region::Undescribed => None,
        }
    }
}

impl Missing {
    /// Goes through a trace once.
    #[must_use]
    pub fn of(trace: &Trace) -> Missing {
        let mut missing = Missing::default();
        let mut undescribed = 0;
        let mut users: BTreeMap<(Option<Uuid>, String), MissingImage> = BTreeMap::new();
        for (index, image) in trace.images.iter().enumerate() {
            if image.frames == 0 || image.used.is_some() {
                continue;
            }
            if image.space == SpaceId::Kernel && is_undescribed(&image.image) {
                undescribed += image.frames;
            } else if image.space == SpaceId::Kernel {
                missing.images.push(MissingImage {
                    image: index,
                    frames: image.frames,
                    pass: what_to_pass(image, &trace.report.machine),
                });
            } else {
                missing.user_images += 1;
                missing.user_frames += image.frames;
                let uuid = image.image.uuid;
                let name = uuid.map_or_else(|| image.name(), |_| String::new());
                let known = users.entry((uuid, name)).or_insert_with(|| MissingImage {
                    image: index,
                    frames: 0,
                    pass: what_to_pass(image, &trace.report.machine),
                });
                known.frames += image.frames;
            }
        }
        missing.users = users.into_values().collect();
        missing
            .users
            .sort_by_key(|user| (Reverse(user.frames), user.image));
        missing.unknown = unknown_frames(trace);
        if undescribed > 0 {
            missing.unknown.push(UnknownFrames {
                region: Region::Undescribed,
                frames: undescribed,
                range: None,
            });
        }
        missing
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Missing::default()
    }
}

fn is_undescribed(image: &LoadedImage) -> bool {
    image.name.is_none() && image.uuid.is_none()
}

fn what_to_pass(image: &TraceImage, machine: &Machine) -> String {
    let build = machine.os_build.as_deref().filter(|_| !is_no_mac(machine));
    let this_build = image.image.uuid.is_some();
    let pass = match image.image.kind {
        // Kits go by the build of the system, and one fits by the UUID of its kernel.
        ImageKind::Kernel => {
            let whose = match this_build {
                true => ", whose kernel has this UUID",
                false => "",
            };
            return match build {
                Some(build) => {
                    format!("--kernel KDK, the Kernel Debug Kit of build {build}{whose}")
                }
                None if this_build => "--kernel PATH, the build with this UUID".to_owned(),
                None => "--kernel PATH".to_owned(),
            };
        }
        ImageKind::KernelCollection if this_build => "--kernel PATH, the build with this UUID",
        ImageKind::KernelCollection => "--kernel PATH",
        ImageKind::User | ImageKind::SharedCache if this_build => {
            "--symbols DIR, a folder with the build with this UUID"
        }
        ImageKind::User | ImageKind::SharedCache => "--symbols DIR, a folder with its build",
        _ if this_build => "--kext PATH, the build with this UUID",
        _ => "--kext PATH",
    };
    pass.to_owned()
}

fn unknown_frames(trace: &Trace) -> Vec<UnknownFrames> {
    let layout = Layout::of(trace);
    let mut regions: BTreeMap<Region, UnknownFrames> = BTreeMap::new();
    let threads = trace
        .report
        .processes
        .iter()
        .flat_map(|process| &process.threads);
    let stacks = threads.flat_map(|thread| &thread.stacks);
    for frame in stacks
        .filter(|stack| stack.side == Side::Kernel)
        .flat_map(|stack| &stack.frames)
    {
        let Resolution::Nowhere { why } = trace.resolution(SpaceId::Kernel, frame) else {
            continue;
        };
        let address = trace.address(SpaceId::Kernel, frame);
        let region = match why {
            Why::Overlap => Region::Overlap,
            _ => layout.region(address),
        };
        let known = regions.entry(region).or_insert(UnknownFrames {
            region,
            frames: 0,
            range: None,
        });
        known.frames += 1;
        if let Some(address) = address {
            let (lowest, highest) = known.range.unwrap_or((address, address));
            known.range = Some((lowest.min(address), highest.max(address)));
        }
    }
    regions.into_values().collect()
}

/// What can be told from an address alone.
struct Layout {
    /// Whether the borders of 64-bit Intel kernels hold.
    is_intel: bool,
    /// Whether a symbol file tells how far the kernel reaches: what lies past it is not the kernel.
    has_kernel: bool,
}

impl Layout {
    fn of(trace: &Trace) -> Layout {
        // Legacy stackshots do not state the CPU; on the Mac they are of Intel machines.
        let arch = trace.report.machine.arch.unwrap_or(Arch::X86_64);
        let kernel = [ImageKind::Kernel, ImageKind::KernelCollection];
        let mut used = trace.images.iter().filter(|image| image.used.is_some());
        Layout {
            is_intel: arch.is_kin_of(Arch::X86_64),
            has_kernel: used.any(|image| kernel.contains(&image.image.kind)),
        }
    }

    fn region(&self, address: Option<Address>) -> Region {
        match address {
            Some(Address(KEXTS..KERNEL)) if self.is_intel => Region::Kexts,
            Some(Address(KERNEL..BEYOND)) if self.is_intel && !self.has_kernel => Region::Kernel,
            _ => Region::Elsewhere,
        }
    }
}
