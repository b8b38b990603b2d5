//! Symbol files in, names out.
//!
//! A [`SymbolSet`] holds the files a run may use: kext bundles, bare Mach-O
//! files, dSYMs, `.sym` files of `kextutil -s`, folders to search. Each file
//! becomes one [`SymbolSource`] per architecture, joined with the dSYM that
//! has the same UUID. A source answers lookups of linked addresses through
//! [`Names`], a cheap session that each thread opens for itself.
//!
//! # Lookup order
//!
//! For an address a source asks, in this order: DWARF (function, inlined
//! functions, file and line), the symbol tables of dSYM and binary together,
//! the export trie, the list of function starts. The first that knows the
//! *function* wins; a name never reaches past the end of its function where
//! that is known, nor past its section. Where no end is known the name is
//! marked [`Certainty::Nearest`].
//!
//! Nothing here hears of reports: which source speaks for which image, and
//! where it was loaded, is decided by the crate `kstack`.

#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod bounds;
mod bundle;
mod bytes;
mod cache;
mod callsites;
mod classes;
mod collection;
mod data;
mod debug_map;
mod demangle;
mod dwarf;
mod error;
mod exports;
mod guard;
mod index;
mod join;
mod kdk;
mod leb128;
mod load;
mod macho;
mod made;
mod names;
mod object_file;
mod open;
mod part;
mod prelink;
mod relink;
mod relocations;
mod search;
mod set;
mod shift;
mod slices;
mod source;
mod stamp;
mod table;
mod unpack;

pub use cache::{Cache, CacheEntry};
pub use callsites::{After, CallSites, Code, Entries, Reach, Target};
pub use classes::{NamedBy, Slot, Virtual};
pub use collection::Collection;
pub use data::Datum;
pub use demangle::demangled;
pub use error::{SymbolError, SymbolErrorKind};
pub use index::{Index, Indexed};
pub use made::Made;
pub use names::Names;
pub use relink::{Linked, link};
pub use set::{CacheUse, Request, Role, StatedPlace, SymbolFile, SymbolSet};
pub use source::{
    Certainty, Detail, Excerpt, FileKind, ImageIdentity, Named, Section, Segment, SourceFrame,
    SymbolSource,
};
