//! What stacks are compared by: functions and images, never addresses.

use std::sync::Arc;

use foldhash::HashMap;
use kstack_model::{Address, At, Frame, FrameKind, ImageKind, ImageOffset, Said, Side};
use kstack_symbols::Certainty;

use super::roles::{self, Role};
use crate::resolve::{Resolution, SpaceId, Trace};

/// Which label; an index into [`Labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(u32);

/// A function of an image as one of many frames.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The image, as [`short`] has it; `None` where none is known.
    pub image: Option<String>,
    /// What is known of the function.
    pub function: Function,
    /// Whose code it is.
    pub owner: Owner,
    /// What the function does in a stack, when it is a well-known one.
    pub role: Option<Role>,
    /// Whether a symbol file was given for the image, and the image is a kext.
    pub is_given_kext: bool,
}

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Its name, without parameters.
    Named(String),
    /// The nearest symbol before it, which may be another function.
    After(String),
    /// An offset in the image.
    Offset(ImageOffset),
    /// An address in no known image.
    Address(u64),
    /// Nothing.
    Unknown,
}

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The kernel.
    Kernel,
    /// A kext of the system.
    AppleKext,
    /// Another kext.
    Kext,
    /// User space.
    User,
    /// Not known.
    Unknown,
}

impl Label {
    /// The name of the function, when it is known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.function {
            Function::Named(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the frame tells what the thread was about: not the scheduler, a wait, the way in, or a panic.
    #[must_use]
    pub fn is_meaningful(&self) -> bool {
        self.role.is_none()
    }

    /// `arc_read (in zfs)`, or as much of it as is known.
    #[must_use]
    pub fn in_words(&self) -> String {
        let image = self.image.as_deref();
        match (&self.function, image) {
            (Function::Named(name), Some(image)) => format!("{name} (in {image})"),
            (Function::Named(name), None) => name.clone(),
            (Function::After(name), Some(image)) => format!("after {name} (in {image})"),
            (Function::After(name), None) => format!("after {name}"),
            (Function::Offset(offset), Some(image)) => format!("{image} + {offset}"),
            (Function::Offset(offset), None) => format!("? + {offset}"),
            (Function::Address(address), _) => format!("{address:#x}"),
            (Function::Unknown, Some(image)) => format!("somewhere in {image}"),
            (Function::Unknown, None) => "?".to_owned(),
        }
    }
}

/// The name of an image without what differs between tools: `net.lundman.zfs`
/// and `zfs` are one, and every kernel is `kernel`.
#[must_use]
pub fn short(image: &str) -> &str {
    match image {
        "mach_kernel" | "com.apple.kernel" => "kernel",
        _ if image.starts_with("kernel.") => "kernel",
        _ if image.ends_with(".dylib") => image,
        _ => {
            let last = image.rsplit('.').next();
            last.filter(|last| !last.is_empty()).unwrap_or(image)
        }
    }
}

/// The labels of all frames of a trace.
#[derive(Debug, Default)]
pub struct Labels {
    all: Vec<Label>,
}

impl Labels {
    /// The label with this number.
    #[must_use]
    pub fn get(&self, id: LabelId) -> Option<&Label> {
        self.all.get(usize::try_from(id.0).ok()?)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Gives every frame its label. Each distinct one is worked out once.
#[derive(Debug)]
pub(crate) struct Labeller<'a> {
    trace: &'a Trace,
    images: Vec<ImageFacts>,
    /// Images of the kernel's space by their short names, the first of each.
    by_name: HashMap<String, usize>,
    by_said: HashMap<Place, LabelId>,
    /// Tells equal labels before anything is copied; there are far fewer of them than frames.
    by_parts: HashMap<Parts<'a>, LabelId>,
    by_content: HashMap<Label, LabelId>,
    labels: Labels,
}

/// Frames with the same place have the same label. What the report said can be very long and a call tree shares it
/// among stacks, so that it is compared by where it is stored first.
type Place = (SpaceId, At, FrameKind, usize);

/// What a label is made of, borrowed from the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Parts<'a> {
    is_kernel: bool,
    image: Option<usize>,
    said_image: Option<&'a str>,
    function: FunctionPart<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum FunctionPart<'a> {
    Named(&'a str),
    After(&'a str),
    Offset(ImageOffset),
    Address(u64),
    Unknown,
}

impl From<FunctionPart<'_>> for Function {
    fn from(part: FunctionPart<'_>) -> Function {
        match part {
            FunctionPart::Named(name) => Function::Named(plain(name)),
            FunctionPart::After(name) => Function::After(plain(name)),
            FunctionPart::Offset(offset) => Function::Offset(offset),
            FunctionPart::Address(address) => Function::Address(address),
            FunctionPart::Unknown => Function::Unknown,
        }
    }
}

/// A name as labels have it: a report prints C++ names as the linker has them, symbol files give them as they were written.
pub(crate) fn plain(name: &str) -> String {
    match kstack_symbols::demangled(name) {
        Some(written) => roles::bare(&written).to_owned(),
        None => roles::bare(name).to_owned(),
    }
}

#[derive(Debug)]
struct ImageFacts {
    name: String,
    owner: Owner,
    is_given_kext: bool,
}

impl<'a> Labeller<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Labeller<'a> {
        let facts = |image: &crate::resolve::TraceImage| {
            let name = image.name();
            let owner = owner(image.image.kind, &name, image.space);
            ImageFacts {
                owner,
                is_given_kext: image.used.is_some() && image.image.kind == ImageKind::Kext,
                name: match owner {
                    Owner::Kernel => "kernel".to_owned(),
                    _ => short(&name).to_owned(),
                },
            }
        };
        let images: Vec<ImageFacts> = trace.images.iter().map(facts).collect();
        let mut by_name = HashMap::default();
        for (index, image) in images.iter().enumerate() {
            if image.owner != Owner::User {
                by_name.entry(image.name.clone()).or_insert(index);
            }
        }
        Labeller {
            trace,
            images,
            by_name,
            by_said: HashMap::default(),
            by_parts: HashMap::default(),
            by_content: HashMap::default(),
            labels: Labels::default(),
        }
    }

    /// A label that was given.
    pub(crate) fn get(&self, id: LabelId) -> Option<&Label> {
        self.labels.get(id)
    }

    pub(crate) fn finish(self) -> Labels {
        self.labels
    }

    pub(crate) fn label(&mut self, process: usize, side: Side, frame: &'a Frame) -> LabelId {
        let space = SpaceId::of(side, process);
        let Some(said) = &frame.said else {
            return self.by_parts(space, frame, None);
        };
        let place = (space, frame.at, frame.kind, Arc::as_ptr(said).addr());
        if let Some(id) = self.by_said.get(&place) {
            return *id;
        }
        let id = self.by_parts(space, frame, Some(said));
        self.by_said.insert(place, id);
        id
    }

    /// The label of where a thread will continue that gave up its kernel stack.
    pub(crate) fn continuation(&mut self, address: Address) -> LabelId {
        let frame = Frame::new(address, FrameKind::InstructionPointer);
        self.by_parts(SpaceId::Kernel, &frame, None)
    }

    fn by_parts(&mut self, space: SpaceId, frame: &Frame, said: Option<&'a Said>) -> LabelId {
        let parts = self.parts(space, frame, said);
        if let Some(id) = self.by_parts.get(&parts) {
            return *id;
        }
        let id = self.intern(self.work_out(parts));
        self.by_parts.insert(parts, id);
        id
    }

    fn intern(&mut self, label: Label) -> LabelId {
        if let Some(id) = self.by_content.get(&label) {
            return *id;
        }
        // Labels are never more than frames, and a file has fewer of those than 32 bits count.
        let id = LabelId(u32::try_from(self.labels.all.len()).unwrap_or(u32::MAX));
        self.labels.all.push(label.clone());
        self.by_content.insert(label, id);
        id
    }

    fn parts(&self, space: SpaceId, frame: &Frame, said: Option<&'a Said>) -> Parts<'a> {
        let trace = self.trace;
        let found = trace.resolution(space, frame);
        let (image, offset) = match found {
            Resolution::Named {
                image,
                offset_in_image,
                ..
            }
            | Resolution::ImageOnly {
                image,
                offset_in_image,
                ..
            } => (Some(*image), Some(*offset_in_image)),
            Resolution::Nowhere { .. } => (None, None),
        };
        let named = match found {
            Resolution::Named { named, .. } => match named.certainty {
                Certainty::Inside => Some(FunctionPart::Named(&named.name)),
                Certainty::Nearest => Some(FunctionPart::After(&named.name)),
                Certainty::Unnamed => None,
            },
            Resolution::ImageOnly { .. } | Resolution::Nowhere { .. } => None,
        };
        let said_name = said.and_then(|said| said.symbol.as_deref());
        let place = match (offset, frame.at) {
            (Some(offset), _) | (None, At::InImage { offset, .. }) => FunctionPart::Offset(offset),
            (None, At::Absolute(address)) => FunctionPart::Address(address.0),
            (None, At::Unknown) => FunctionPart::Unknown,
        };
        let function = match (named, said_name) {
            (Some(FunctionPart::Named(name)), _) => FunctionPart::Named(name),
            (_, Some(name)) => FunctionPart::Named(name),
            (other, None) => other.unwrap_or(place),
        };
        Parts {
            is_kernel: space == SpaceId::Kernel,
            image,
            said_image: said
                .and_then(|said| said.image.as_deref())
                .filter(|_| image.is_none()),
            function,
        }
    }

    fn work_out(&self, parts: Parts<'_>) -> Label {
        let is_kernel = parts.is_kernel;
        let image = parts.image.and_then(|image| self.images.get(image));
        let (image, owner, is_given_kext) = match (image, parts.said_image) {
            (Some(image), _) => (Some(image.name.clone()), image.owner, image.is_given_kext),
            (None, Some(said)) => {
                let name = short(said);
                let known = self.by_name.get(name).filter(|_| is_kernel);
                let known = known.and_then(|index| self.images.get(*index));
                let owner = match known {
                    Some(known) => known.owner,
                    None if !is_kernel => Owner::User,
                    None if name == "kernel" => Owner::Kernel,
                    None => kext(said),
                };
                let given = known.is_some_and(|image| image.is_given_kext);
                (Some(name.to_owned()), owner, given)
            }
            (None, None) if is_kernel => (None, Owner::Unknown, false),
            (None, None) => (None, Owner::User, false),
        };
        let function = Function::from(parts.function);
        Label {
            role: match &function {
                Function::Named(name) if is_kernel => roles::role(name),
                _ => None,
            },
            image,
            function,
            owner,
            is_given_kext,
        }
    }
}

fn owner(kind: ImageKind, name: &str, space: SpaceId) -> Owner {
    match kind {
        ImageKind::Kernel | ImageKind::KernelCollection => Owner::Kernel,
        _ if space != SpaceId::Kernel => Owner::User,
        ImageKind::Kext | ImageKind::PseudoKext => kext(name),
        ImageKind::User | ImageKind::SharedCache => Owner::User,
        _ => Owner::Unknown,
    }
}

fn kext(name: &str) -> Owner {
    match name.starts_with("com.apple.") {
        true => Owner::AppleKext,
        false => Owner::Kext,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_differ_in_the_names_of_images_and_labels_do_not() {
        assert_eq!(short("net.lundman.zfs"), "zfs");
        assert_eq!(short("zfs"), "zfs");
        for kernel in [
            "mach_kernel",
            "kernel",
            "kernel.development",
            "com.apple.kernel",
        ] {
            assert_eq!(short(kernel), "kernel");
        }
        assert_eq!(short("odd."), "odd.");
        // A file name is no identifier.
        assert_eq!(short("libsystem_kernel.dylib"), "libsystem_kernel.dylib");
    }
}
