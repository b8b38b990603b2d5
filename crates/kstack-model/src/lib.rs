//! The words of kstack: what a hang or panic artefact says, as plain data.
//!
//! Nothing here reads, opens or prints anything. A parser fills a [`Report`],
//! the resolver holds it beside its answers, a renderer shows both. What the
//! artefact said and what kstack found never share a field.
//!
//! # Glossary
//!
//! One word per thing, the field's own word where there is one.
//!
//! | word | meaning |
//! |---|---|
//! | image | a Mach-O as loaded: kernel, kext, dylib, executable |
//! | kernel collection, fileset entry | the linked bundle of kernel and kexts; one image inside it |
//! | bundle identifier | the `com.vendor.name` of a kext |
//! | segment, section | `__TEXT_EXEC`; `__text` inside it |
//! | load address | where an image's Mach-O header was placed |
//! | vmaddr | an address as linked into a file ([`VmAddr`]) |
//! | slide | stated address minus vmaddr, per segment ([`Slide`]) |
//! | slid, unslid | with or without the kernel's slide ([`Basis`]) |
//! | placement | what the artefact says about where an image lies ([`Placement`]) |
//! | UUID | the image's `LC_UUID` |
//! | instruction pointer, return address | the two kinds of code address a frame can hold ([`FrameKind`]) |
//! | frame, inline frame | one address in a stack; one source-level function within it |
//! | stack | the frames of one thread on one side ([`Stack`]) |
//! | trace | a report with its resolutions |
//! | innermost first | the order of frames, everywhere |
//! | report | what one artefact says ([`Report`]) |
//! | symbol file, symbol source | the file; the thing that answers lookups |
//! | resolve, place, match, look up | the four verbs of symbolication |
//! | note, refusal | something a reader should know; a symbol file not used, with the reason |
//!
//! # Sources
//!
//! Facts about Apple's formats are taken from the published sources of xnu;
//! each parser names the version it follows.

mod addr;
mod arch;
pub mod fault;
mod image;
mod note;
mod report;
mod state;
mod wait;

pub use addr::{Address, FrameKind, ImageOffset, Slide, VmAddr};
pub use arch::{Arch, UnknownArch};
pub use image::{
    AddressSpace, Basis, ImageKind, LoadedImage, Origin, Placement, SharedCache, SlideOf,
};
pub use note::{Note, Position};
pub use report::{
    At, Fact, Frame, Machine, Process, Report, Said, Side, Stack, StackEnd, Thread, ThreadRole,
    Value,
};
pub use state::ThreadState;
pub use uuid::Uuid;
pub use wait::{PortLabel, PortLabelId, Turnstile, WaitInfo, WaitType, WaitsFor};
