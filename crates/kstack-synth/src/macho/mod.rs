//! Kexts, kernels and their dSYMs, with a truth table of what each address means.
//!
//! [`Program`] is the usual way in: it lays functions out and makes the binary,
//! the dSYM and the answers from one description. [`Image`] is the Mach-O file
//! itself, for tests of single fields.

mod aranges;
mod bundle;
mod collection;
mod dwarf;
mod fat;
mod function;
mod image;
mod linkedit;
mod moved;
mod program;
mod writer;

pub use bundle::{InfoPlist, dsym_bundle, kext_bundle};
pub use collection::{complzss, compressed, fileset, im4p, prelinked, prelinked_image};
pub use fat::fat;
pub use function::{Debugged, Function, Inlined, Place, SymbolIn};
pub use image::{FileType, Image, Section, Segment, Symbol};
pub use program::{Kind, Program};
