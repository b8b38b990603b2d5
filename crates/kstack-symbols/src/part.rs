//! One slice of one file.

use std::sync::Arc;

use crate::Collection;
use crate::bytes::Bytes;
use crate::macho::Image;

/// One slice of one file; clones share its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) image: Arc<Image>,
    pub(crate) bytes: Bytes,
    /// The file it is from.
    pub(crate) path: String,
    /// The kernel collection it is linked into.
    pub(crate) collection: Option<Arc<Collection>>,
}
