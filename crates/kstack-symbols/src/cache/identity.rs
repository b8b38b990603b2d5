//! What an entry belongs to.

use std::fmt::Write;

use crate::ImageIdentity;
use crate::part::Part;

/// Raised whenever a lookup of the same files would answer otherwise than before, in a way that the version
/// of the crate does not tell.
const ANSWERS: u32 = 2;

/// The files of a source as they are: version of kstack, UUID and architecture, and of each file its stamp, which
/// part of it, and its path. `None` for a source that did not come from files as they are, or from one that was
/// changed just now.
pub(crate) fn identity(image: &ImageIdentity, parts: &[Part]) -> Option<String> {
    let mut text = format!("kstack {} answers {ANSWERS}\n", env!("CARGO_PKG_VERSION"));
    let uuid = image
        .uuid
        .map_or_else(|| "-".to_owned(), |uuid| uuid.to_string());
    let _ = writeln!(text, "{uuid} {}", image.arch);
    for part in parts {
        let stamp = part.bytes.stamp()?;
        let range = part.bytes.range();
        // Control characters of a path stay in it: the text is compared, not read.
        let _ = writeln!(text, "{stamp} {}..{} {}", range.start, range.end, part.path);
    }
    Some(text)
}
