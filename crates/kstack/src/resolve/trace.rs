//! A report with its answers beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use foldhash::HashMap;
use kstack_model::{
    Address, At, Frame, FrameKind, ImageKind, ImageOffset, LoadedImage, Note, Report, Side, Slide,
    Uuid, VmAddr,
};
use kstack_symbols::{Certainty, Detail, Named, Virtual};

use super::awaited::Awaited;
use super::entered::{Entered, Pair};
use super::evidence::{Contradiction, Evidence, Verdict};
use super::infer::Inference;

/// A report with its answers beside it.
#[derive(Debug)]
pub struct Trace {
    /// What the artefact said, untouched.
    pub report: Report,
    /// Every image of every space, those the report lists first, then those the user placed.
    pub images: Vec<TraceImage>,
    /// Files the user named that speak for no image of this report.
    pub unused: Vec<UnusedFile>,
    /// What a reader should know about the resolving; the report's own notes are apart.
    pub notes: Vec<Note>,
    /// What came of looking for places of files that nothing places.
    pub inferences: Vec<Inference>,
    pub(crate) entered: HashMap<Pair, Entered>,
    pub(crate) guesses: HashMap<(SpaceId, At, FrameKind), Virtual>,
    pub(crate) awaited: BTreeMap<Address, Awaited>,
    pub(crate) contradictions: HashMap<(SpaceId, At, FrameKind), Contradiction>,
    pub(crate) resolutions: HashMap<(SpaceId, At, FrameKind), Resolution>,
}

impl Trace {
    /// What was found for a frame of a stack in `space`.
    #[must_use]
    pub fn resolution(&self, space: SpaceId, frame: &Frame) -> &Resolution {
        const NEVER_ASKED: &Resolution = &Resolution::Nowhere {
            why: Why::NoImageThere,
        };
        let key = (space, frame.at, frame.kind);
        self.resolutions.get(&key).unwrap_or(NEVER_ASKED)
    }

    /// What is wrong with a frame, if its image lies where it was placed.
    #[must_use]
    pub fn contradiction(&self, space: SpaceId, frame: &Frame) -> Option<Contradiction> {
        let key = (space, frame.at, frame.kind);
        self.contradictions.get(&key).copied()
    }

    /// What a frame without a sure name probably is, by the virtual tables of its symbol file. Never
    /// its name, and not proven.
    #[must_use]
    pub fn guess(&self, space: SpaceId, frame: &Frame) -> Option<&Virtual> {
        self.guesses.get(&(space, frame.at, frame.kind))
    }

    /// The function that `outer` called and that jumped on to the one of `inner`, the next inner frame,
    /// without being in the stack; `None` where there is none, or the code does not prove it.
    #[must_use]
    pub fn entered(&self, space: SpaceId, inner: &Frame, outer: &Frame) -> Option<&Entered> {
        let key = |frame: &Frame| (space, frame.at, frame.kind);
        self.entered.get(&(key(inner), key(outer)))
    }

    /// What lies at an address of the kernel's space that threads wait at; `None` where no symbol file tells.
    #[must_use]
    pub fn awaited(&self, at: Address) -> Option<&Awaited> {
        self.awaited.get(&at)
    }

    /// The same in words, in brackets and after a blank; nothing where nothing is known.
    pub(crate) fn awaited_in_words(&self, at: Address, raw_names: bool) -> String {
        let awaited = self.awaited(at);
        awaited.map_or_else(String::new, |awaited| {
            format!(" ({})", awaited.in_words(self, raw_names))
        })
    }

    /// Whether any kernel frame has no name of its own.
    #[must_use]
    pub fn has_unresolved_kernel_frames(&self) -> bool {
        let processes = self.report.processes.iter();
        processes
            .flat_map(|process| &process.threads)
            .flat_map(|thread| &thread.stacks)
            .filter(|stack| stack.side == Side::Kernel)
            .flat_map(|stack| &stack.frames)
            .any(|frame| !self.resolution(SpaceId::Kernel, frame).is_sure())
    }

    /// The image with the index that resolutions use.
    #[must_use]
    pub fn image(&self, index: usize) -> Option<&TraceImage> {
        self.images.get(index)
    }

    /// The address a frame shows; `None` for an offset in an image that lies nowhere, and for a bare name.
    #[must_use]
    pub fn address(&self, space: SpaceId, frame: &Frame) -> Option<Address> {
        match frame.at {
            At::Absolute(address) => Some(address),
            At::Unknown => None,
            At::InImage { image, offset } => {
                let images = match space {
                    SpaceId::Kernel => &self.report.kernel.images,
                    SpaceId::Process(index) => &self.report.processes.get(index)?.space.images,
                };
                let image = images.get(usize::try_from(image).ok()?)?;
                Some(image.load_address()? + offset)
            }
        }
    }
}

/// Which address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpaceId {
    /// The kernel's.
    Kernel,
    /// That of the process with this index in the report.
    Process(usize),
}

impl SpaceId {
    /// The space in which a stack of the process with this index lies.
    #[must_use]
    pub fn of(side: Side, process: usize) -> SpaceId {
        match side {
            Side::Kernel => SpaceId::Kernel,
            Side::User | Side::UserAsync => SpaceId::Process(process),
        }
    }
}

/// An image and the source that speaks for it.
#[derive(Clone, Debug)]
pub struct TraceImage {
    /// Whose space it lies in.
    pub space: SpaceId,
    /// The image as the artefact, the listing, or the user states it.
    pub image: LoadedImage,
    /// The symbol file that speaks for it.
    pub used: Option<UsedSource>,
    /// Files that were refused for it, and why.
    pub refused: Vec<Refusal>,
    /// How many frames of the report lie in it.
    pub frames: usize,
    /// How well the code of its symbol file agrees with the stacks; `None` for an image without one.
    pub evidence: Option<Evidence>,
}

impl TraceImage {
    /// What to call it: the bundle identifier or name, else the file's, else `kernel` when it is that, else the
    /// UUID, else "?".
    #[must_use]
    pub fn name(&self) -> String {
        let stated = self.image.name.clone();
        stated
            .or_else(|| self.used.as_ref().map(|used| used.name.clone()))
            // A report has one, so that this says more than its UUID.
            .or_else(|| (self.image.kind == ImageKind::Kernel).then(|| "kernel".to_owned()))
            .or_else(|| self.image.uuid.map(shown))
            .unwrap_or_else(|| "?".to_owned())
    }

    /// Whether the code of its symbol file contradicts the stacks. Where such a file is used all the
    /// same, because the user allowed it, every name from it may be wrong.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        let evidence = self.evidence.as_ref();
        evidence.is_some_and(|evidence| evidence.verdict == Verdict::Contradicted)
    }

    /// Whether its symbol file is of another build, which the user allowed.
    #[must_use]
    pub fn is_of_another_build(&self) -> bool {
        self.used.as_ref().is_some_and(|used| used.mismatched)
    }
}

/// A UUID as the field prints it, in capitals.
pub(super) fn shown(uuid: Uuid) -> String {
    uuid.hyphenated()
        .encode_upper(&mut Uuid::encode_buffer())
        .to_owned()
}

/// The symbol file that speaks for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedSource {
    /// What the file calls the image.
    pub name: String,
    /// The files, binary first, then dSYM.
    pub paths: Vec<String>,
    /// UUID of the file.
    pub uuid: Option<Uuid>,
    /// How the file was matched with the image.
    pub matched_by: MatchedBy,
    /// Who said where it lies.
    pub placed_by: PlacedBy,
    /// One slide for each segment that could be placed.
    pub slides: SlideMap,
    /// How much the file knows.
    pub detail: Detail,
    /// Used although its UUID differs, because the user allowed it: every name from it may be wrong.
    pub mismatched: bool,
    /// What a reader should know about the files.
    pub remarks: Vec<String>,
}

/// How a file was matched with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchedBy {
    /// Both have the same UUID: proof of the build.
    Uuid,
    /// The same bundle identifier; one of the two has no UUID.
    BundleIdentifier,
    /// The same executable name; one of the two has no UUID.
    ExecutableName,
    /// The user gave the file and its address; the report has nothing to compare.
    Given,
    /// The user gave it as the kernel; the report has nothing to compare.
    Kernel,
    /// It is linked into the kernel collection that another image proves, and the report does not list it.
    Collection,
    /// Its code fits the stacks.
    Evidence,
}

/// Who said where an image lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlacedBy {
    /// The user, with `@ADDRESS`.
    Given,
    /// The report itself.
    Report,
    /// A `kextstat` or `kmutil showloaded` listing.
    Listing,
    /// The file is linked at its address: a kernel, or a `.sym` of `kextutil -s`.
    Linked,
    /// The file's linked addresses and the slide that the report states.
    Slide,
    /// Nobody: it is the only place that the stacks allow; the image's evidence has the counts.
    Inferred,
    /// Nobody: the report gives offsets into the image, which need no place.
    Offsets,
}

/// One slide per segment: kexts of a kernel collection have their segments apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlideMap {
    /// Where each placed segment lies, and the slide that takes its vmaddrs there.
    pub segments: Vec<PlacedSegment>,
}

/// A segment and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedSegment {
    /// `__TEXT`, `__TEXT_EXEC`.
    pub name: String,
    /// Where it lies.
    pub range: Range<Address>,
    /// Placed minus linked.
    pub slide: Slide,
}

impl SlideMap {
    /// The linked address of a placed one; `None` outside every placed segment.
    #[must_use]
    pub fn linked(&self, at: Address) -> Option<VmAddr> {
        let mut segments = self.segments.iter();
        let segment = segments.find(|segment| segment.range.contains(&at))?;
        Some(at - segment.slide)
    }
}

/// A file not used for an image, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The file.
    pub path: String,
    /// Its UUID.
    pub uuid: Option<Uuid>,
    /// Why, as a fragment with what to do next.
    pub why: String,
}

/// A file the user named that speaks for no image, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedFile {
    /// The file as named.
    pub path: String,
    /// What the file calls its image, where it could be read.
    pub name: Option<String>,
    /// Its UUID.
    pub uuid: Option<Uuid>,
    /// Which kind of reason.
    pub reason: UnusedReason,
    /// Why, as a fragment with what to do next.
    pub why: String,
}

/// Why a file speaks for no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum UnusedReason {
    /// It cannot be opened or read.
    Unusable,
    /// It has no slice of the architecture, or several that would do.
    NoSlice,
    /// It is another build than the report's, or another image than the address says.
    OtherBuild,
    /// A KDK with several kernels, and the report does not say which it ran.
    SeveralKernels,
    /// Another named file already speaks for its image.
    Superseded,
    /// Nothing says where it was loaded.
    NotPlaced,
    /// Its code cannot lie where it was placed.
    Contradicted,
}

impl UnusedReason {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            UnusedReason::Unusable => "unusable",
            UnusedReason::NoSlice => "no-slice",
            UnusedReason::OtherBuild => "other-build",
            UnusedReason::SeveralKernels => "several-kernels",
            UnusedReason::Superseded => "superseded",
            UnusedReason::NotPlaced => "not-placed",
            UnusedReason::Contradicted => "contradicted",
        }
    }

    /// Whether the file itself was a mistake, rather than something still missing beside it.
    #[must_use]
    pub fn is_mistake(self) -> bool {
        match self {
            UnusedReason::Unusable
            | UnusedReason::NoSlice
            | UnusedReason::OtherBuild
            | UnusedReason::Contradicted => true,
            UnusedReason::SeveralKernels | UnusedReason::Superseded | UnusedReason::NotPlaced => {
                false
            }
        }
    }
}

/// What was found for one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It has a name.
    Named {
        /// Index into [`Trace::images`].
        image: usize,
        /// Where in the image.
        offset_in_image: ImageOffset,
        /// The linked address that was looked up.
        looked_up: VmAddr,
        /// From the shown address (not the looked-up one) back to the start of the function.
        offset: u64,
        /// What the source says.
        named: Box<Named>,
    },
    /// It lies in an image, and nothing names it.
    ImageOnly {
        /// Index into [`Trace::images`].
        image: usize,
        /// Where in the image.
        offset_in_image: ImageOffset,
        /// Why there is no name.
        why: Why,
    },
    /// It lies in no known image.
    Nowhere {
        /// Why.
        why: Why,
    },
}

impl Resolution {
    /// Whether it names the function, beyond doubt of its bounds.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        matches!(self, Resolution::Named { named, .. } if named.certainty == Certainty::Inside)
    }
}

/// Why a frame has no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The artefact gives a name and no address.
    NotStated,
    /// No known image lies there.
    NoImageThere,
    /// No symbol file was given for the image.
    NoSymbolFile,
    /// As before; and the image's size is not known: it is only the nearest one below.
    NearestImageBelow,
    /// The file for the image has another UUID.
    UuidMismatch,
    /// The code of the file for the image contradicts the stacks.
    Contradicted,
    /// Two images lie over the address.
    Overlap,
    /// The address lies in a segment of the image whose place is not known.
    SegmentNotPlaced,
    /// The symbol file has nothing at this address.
    NoSymbolThere,
    /// The symbol file's debug information is damaged there.
    SourceFailed,
}

impl Why {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Why::NotStated => "not-stated",
            Why::NoImageThere => "no-image-there",
            Why::NoSymbolFile => "no-symbol-file",
            Why::NearestImageBelow => "nearest-image-below",
            Why::UuidMismatch => "uuid-mismatch",
            Why::Contradicted => "contradicted",
            Why::Overlap => "overlap",
            Why::SegmentNotPlaced => "segment-not-placed",
            Why::NoSymbolThere => "no-symbol-there",
            Why::SourceFailed => "source-failed",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NotStated => "the report gives no address",
            Why::NoImageThere => "no known image lies there",
            Why::NoSymbolFile => "no symbol file",
            Why::NearestImageBelow => "no symbol file; only the nearest image below",
            Why::UuidMismatch => "the symbol file is of another build",
            Why::Contradicted => "the code of the symbol file contradicts the stacks",
            Why::Overlap => "two images lie there",
            Why::SegmentNotPlaced => "the place of this segment is not known",
            Why::NoSymbolThere => "the symbol file has nothing there",
            Why::SourceFailed => "the debug information there is damaged",
        })
    }
}
