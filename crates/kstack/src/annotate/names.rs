//! What images are called in a text, for `image + offset`.

use std::collections::BTreeMap;

use kstack_model::{Address, ImageKind};

use super::scan::is_word;
use super::stream::CONTEXT;
use crate::resolve::Session;

/// The longest name that is looked for. The kernel's own bundle identifiers end at 63 bytes
/// (xnu, `osfmk/mach/kmod.h`, `KMOD_MAX_NAME`).
pub(super) const LONGEST: usize = CONTEXT / 2;

/// The names of images whose header's place is known.
#[derive(Debug, Default)]
pub(super) struct ImageNames {
    /// By their last byte, so that most texts before a `+` are done with one look; the longest first.
    by_last: BTreeMap<u8, Vec<Name>>,
}

#[derive(Debug)]
struct Name {
    bytes: Vec<u8>,
    /// The load address; `None` when two images are called so.
    base: Option<Address>,
}

impl ImageNames {
    /// Bundle identifiers, executables and file names of every image that a file speaks for.
    pub(super) fn of(session: &Session<'_>) -> ImageNames {
        let mut names = ImageNames::default();
        for (index, image) in session.images().iter().enumerate() {
            let Some(base) = load_address(session, index) else {
                continue;
            };
            let source = session.source(index).map(|source| source.identity());
            let stated = &image.image;
            let said = [&stated.name, &stated.said_name, &stated.executable];
            let of_file = source.and_then(|source| source.bundle_identifier.as_deref());
            let executable = source.map(|source| source.executable.as_str());
            // Panic logs and spindumps call every kernel so, whatever its file is called.
            let kernel = (stated.kind == ImageKind::Kernel).then_some("mach_kernel");
            let of_file = [of_file, executable, kernel].into_iter().flatten();
            for name in said
                .into_iter()
                .flatten()
                .map(String::as_str)
                .chain(of_file)
            {
                names.add(name.as_bytes(), base);
            }
        }
        for names in names.by_last.values_mut() {
            names.sort_by_key(|name| std::cmp::Reverse(name.bytes.len()));
        }
        names
    }

    fn add(&mut self, name: &[u8], base: Address) {
        let Some(last) = name.last().filter(|last| !last.is_ascii_whitespace()) else {
            return;
        };
        if name.len() > LONGEST || name.contains(&b'\n') {
            return;
        }
        let names = self.by_last.entry(*last).or_default();
        match names.iter_mut().find(|known| known.bytes == name) {
            Some(known) if known.base == Some(base) => {}
            Some(known) => known.base = None,
            None => names.push(Name {
                bytes: name.to_vec(),
                base: Some(base),
            }),
        }
    }

    /// The load address of the image whose name ends the text.
    pub(super) fn at_end_of(&self, text: &[u8]) -> Option<Address> {
        let names = self.by_last.get(text.last()?)?;
        let fits = |name: &&Name| {
            text.strip_suffix(name.bytes.as_slice())
                .is_some_and(|before| !before.last().is_some_and(|byte| belongs_to_name(*byte)))
        };
        names.iter().find(fits)?.base
    }
}

/// Whether a byte before a name makes it the end of another: `com.example.zfs` is not `zfs`.
fn belongs_to_name(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'-' | b'`' | b'$') || !byte.is_ascii()
}

/// Where the Mach-O header of an image lies: what offsets into it count from.
fn load_address(session: &Session<'_>, image: usize) -> Option<Address> {
    let header = session.source(image)?.linked_at();
    let used = session.images().get(image)?.used.as_ref()?;
    let mut segments = used.slides.segments.iter();
    segments.find_map(|segment| {
        let there = header + segment.slide;
        segment.range.contains(&there).then_some(there)
    })
}
