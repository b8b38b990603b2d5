//! Kernel collections: kernel and kexts linked together in one file.
//!
//! Since macOS 11 that is an `MH_FILESET` (Boot, System, Auxiliary): each entry
//! has a Mach-O header of its own, whose segments lie all over the file and
//! whose offsets count from the start of the file. Before, it is a prelinked
//! kernel: a Mach-O of the kernel, with the Mach-Os of the kexts as its data
//! and `__PRELINK_INFO` to tell where.

use std::collections::BTreeSet;
use std::sync::Arc;

use kstack_model::{Uuid, VmAddr};
use scroll::Pread;

use crate::bundle::Info;
use crate::bytes::Bytes;
use crate::macho::Image;
use crate::part::Part;
use crate::prelink::{self, Prelinked};
use crate::shift::Shift;
use crate::{FileKind, SymbolError, SymbolErrorKind};

/// Images in one collection that are looked at; a system's has about seven hundred.
const MOST_MEMBERS: usize = 8192;

/// A kernel collection. All that is linked in it is moved by one slide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The file.
    pub path: String,
    /// Its own UUID, which is not that of the kernel in it; prelinked kernels have none.
    pub uuid: Option<Uuid>,
    /// Where its header is linked.
    pub linked_at: VmAddr,
    /// Whether the kernel is in it: then it is the one that the kernel's slide moves.
    pub has_kernel: bool,
}

/// One image of a collection.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) info: Info,
    /// Name of its executable, as far as the collection tells.
    pub(crate) executable: String,
    pub(crate) part: Part,
}

/// What a slice turned out to hold.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The slice itself, unless it is only the envelope of others.
    pub(crate) part: Option<Part>,
    pub(crate) members: Vec<Member>,
    pub(crate) errors: Vec<SymbolError>,
}

/// Reads one slice: an image, or a collection of them.
pub(crate) fn read(path: &str, bytes: Bytes) -> Result<Held, SymbolErrorKind> {
    let image = Image::parse(bytes.as_slice())?;
    if image.entries.is_some() {
        return Ok(fileset(path, &image, &bytes));
    }
    let (members, errors) = prelinked(path, &image, &bytes);
    let part = Part {
        image: Arc::new(image),
        bytes,
        path: path.to_owned(),
        collection: None,
        shift: Shift::default(),
    };
    Ok(Held {
        part: Some(part),
        members,
        errors,
    })
}

/// The headers in a collection that were read.
///
/// Entries may point anywhere. No two share a header, and together they have no more load commands
/// than fit the file, so reading them all is no more work than reading the file.
struct Headers {
    endian: scroll::Endian,
    seen: BTreeSet<usize>,
    commands_left: usize,
}

impl Headers {
    fn within(bytes: &[u8], image: &Image) -> Headers {
        Headers {
            endian: match image.is_little_endian() {
                true => scroll::LE,
                false => scroll::BE,
            },
            seen: BTreeSet::new(),
            commands_left: bytes.len() / 8,
        }
    }

    /// Whether the header at a place is one that may be read.
    fn admit(&mut self, bytes: &[u8], start: usize) -> Result<(), SymbolErrorKind> {
        let is_new = self.seen.insert(start);
        match self.commands_left.checked_sub(self.commands(bytes, start)) {
            Some(left) if is_new => {
                self.commands_left = left;
                Ok(())
            }
            _ => Err(SymbolErrorKind::Damaged(
                "its entry in the collection points into another".to_owned(),
            )),
        }
    }

    /// How many load commands a header at this place claims; 0 where there is none.
    fn commands(&self, bytes: &[u8], start: usize) -> usize {
        let count = start
            .checked_add(16)
            .and_then(|at| bytes.pread_with::<u32>(at, self.endian).ok());
        usize::try_from(count.unwrap_or_default()).unwrap_or(usize::MAX)
    }
}

fn fileset(path: &str, outer: &Image, bytes: &Bytes) -> Held {
    let mut held = Held::default();
    let mut headers = Headers::within(bytes.as_slice(), outer);
    let mut images = Vec::new();
    let entries = outer.entries.as_deref().unwrap_or_default();
    for entry in entries.iter().take(MOST_MEMBERS) {
        let name = shown(path, &entry.id);
        let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
        if let Err(kind) = headers.admit(bytes.as_slice(), start) {
            held.errors.push(SymbolError { path: name, kind });
            continue;
        }
        match Image::parse_at(bytes.as_slice(), start) {
            Ok(image) if image.entries.is_none() => images.push((entry.id.clone(), image)),
            Ok(_) => held
                .errors
                .push(damaged(name, "a collection within a collection")),
            Err(kind) => held.errors.push(SymbolError { path: name, kind }),
        }
    }
    held.errors.extend(too_many(path, entries.len()));
    if entries.is_empty() {
        let what = "a kernel collection without images in it";
        held.errors.push(damaged(path.to_owned(), what));
    }
    if outer.is_cut {
        held.errors.push(damaged(
            path.to_owned(),
            "the load commands of the collection end early",
        ));
    }
    let collection = Arc::new(Collection {
        path: path.to_owned(),
        uuid: outer.uuid,
        linked_at: outer.linked_at(),
        has_kernel: images
            .iter()
            .any(|(_, image)| image.kind == FileKind::Kernel),
    });
    held.members = images
        .into_iter()
        .map(|(id, image)| Member {
            executable: last_word(&id),
            part: Part {
                image: Arc::new(image),
                bytes: bytes.clone(),
                path: shown(path, &id),
                collection: Some(Arc::clone(&collection)),
                shift: Shift::default(),
            },
            info: Info {
                identifier: Some(id),
                ..Info::default()
            },
        })
        .collect();
    held
}

/// The kexts of a prelinked kernel. One that cannot be read costs itself: the kernel and the others still serve.
fn prelinked(path: &str, kernel: &Image, bytes: &Bytes) -> (Vec<Member>, Vec<SymbolError>) {
    let (mut members, mut errors) = (Vec::new(), Vec::new());
    let mut info = kernel
        .mapped
        .iter()
        .filter(|mapped| mapped.segment == "__PRELINK_INFO");
    let list = info.find_map(|mapped| mapped.from(mapped.address, bytes.as_slice()));
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return (members, errors);
    };
    let collection = Arc::new(Collection {
        path: path.to_owned(),
        uuid: None,
        linked_at: kernel.linked_at(),
        has_kernel: true,
    });
    let mut headers = Headers::within(bytes.as_slice(), kernel);
    let (kexts, is_whole) = prelink::kexts(list);
    if !is_whole {
        let what = "the list of kexts in it is damaged; those before the damage are read";
        errors.push(damaged(path.to_owned(), what));
    }
    errors.extend(too_many(path, kexts.len()));
    for kext in kexts.into_iter().take(MOST_MEMBERS) {
        let shown = shown(path, &kext.identifier);
        match prelinked_image(&kext, kernel, bytes, &mut headers) {
            Ok((image, part)) => members.push(Member {
                executable: kext
                    .executable
                    .unwrap_or_else(|| last_word(&kext.identifier)),
                part: Part {
                    image: Arc::new(image),
                    bytes: part,
                    path: shown,
                    collection: Some(Arc::clone(&collection)),
                    shift: Shift::default(),
                },
                info: Info {
                    identifier: Some(kext.identifier),
                    executable: None,
                    version: kext.version,
                },
            }),
            Err(kind) => errors.push(SymbolError { path: shown, kind }),
        }
    }
    (members, errors)
}

/// The image of a kext, and its bytes in those of the kernel.
fn prelinked_image(
    kext: &Prelinked,
    kernel: &Image,
    bytes: &Bytes,
    headers: &mut Headers,
) -> Result<(Image, Bytes), SymbolErrorKind> {
    let offset = kernel.offset_of(kext.source);
    let (Some(offset), Ok(size)) = (offset, usize::try_from(kext.size)) else {
        let what = format!(
            "the kernel has nothing at {:#x}, where it is said to lie",
            kext.source
        );
        return Err(SymbolErrorKind::Damaged(what));
    };
    headers.admit(bytes.as_slice(), offset)?;
    let part = bytes.part(offset, size);
    Ok((Image::parse(part.as_slice())?, part))
}

/// A member is shown as archives show theirs: `Boot.kc(org.example.zfs)`.
fn shown(path: &str, id: &str) -> String {
    format!("{path}({id})")
}

/// A fileset does not name executables; by custom the identifier ends with their name.
fn last_word(identifier: &str) -> String {
    let word = identifier.rsplit('.').next();
    word.unwrap_or(identifier).to_owned()
}

fn too_many(path: &str, images: usize) -> Option<SymbolError> {
    let what = format!("of the {images} images in it only {MOST_MEMBERS} are read");
    (images > MOST_MEMBERS).then(|| damaged(path.to_owned(), &what))
}

fn damaged(path: String, what: &str) -> SymbolError {
    SymbolError {
        path,
        kind: SymbolErrorKind::Damaged(what.to_owned()),
    }
}
