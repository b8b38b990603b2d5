//! Answers kept between runs.
//!
//! Reports of one build ask for the same functions again and again: those that
//! sleep, lock and call drivers. So what is kept are answers, not converted
//! debug information: an address and all that a lookup said of it. They are
//! written beside the answer, and a run that finds its addresses there opens
//! no debug information at all.
//!
//! An entry holds the answers of one source. It serves only while every file
//! of the source is the same by path, size and time of change, and its UUID
//! and the version of kstack are the same; it ends with a checksum over all of
//! it. What does not fit is not used, and written anew. `docs/cache.md`
//! describes the format.

mod answers;
mod encode;
mod entry;
mod identity;
mod record;
mod store;

pub use store::{Cache, CacheEntry};

pub(crate) use entry::Entry;
pub(crate) use identity::identity;
