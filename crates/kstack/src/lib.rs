//! One annotated trace from the kernel and any number of kexts.
//!
//! A run is four calls, each taking what the one before gave:
//!
//! ```
//! use kstack::model::Address;
//! use kstack::parse::{Limits, parse};
//! use kstack::symbols::{Role, StatedPlace, SymbolSet};
//! use kstack::{RENDERERS, RenderOptions, ResolveOptions, resolve};
//! # use kstack::model::Arch;
//! # use kstack_synth::macho::{Function, Program};
//! # let spl = Program::kext("spl", Arch::X86_64, 1).with(Function::new("spl_cv_wait", 64));
//! # let kext_file = spl.dsym();
//!
//! // A fragment of a report, as somebody pasted it.
//! let text = b"\
//!     Thread ID: 0x4e2
//!     Kernel stack:
//!     0xffffff80002b3d3e
//!       0xffffff7f80e51024
//! ";
//!
//! // 1. Bytes to reports: one for each trace in the file.
//! let mut reports = parse(text, &Limits::default())?;
//!
//! // 2. Symbol files: paths with `SymbolSet::open`, or bytes that the caller has read.
//! let mut symbols = SymbolSet::default();
//! let base = Address(0xffff_ff7f_80e5_0000);
//! let placed = StatedPlace { segment: None, address: base };
//! symbols.add_bytes(Role::Kext, "spl", Some(placed), kext_file);
//!
//! // 3. Which file speaks for which image, where it lies, and what each address is.
//! let trace = resolve(reports.remove(0), &symbols, &ResolveOptions::default());
//!
//! // 4. For a person, an issue tracker, or a program.
//! let mut out = Vec::new();
//! (RENDERERS[0].write)(&trace, &RenderOptions::default(), &mut out)?;
//! let text = String::from_utf8(out)?;
//! assert!(text.contains("spl_cv_wait (in spl) + 36 (0xffffff7f80e51024)"));
//! assert!(text.contains("pass --kernel PATH"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here reads or writes a file but [`symbols::SymbolSet::open`].
//! What the artefact said stays in [`model::Report`]; what was found is
//! beside it in [`Trace`]; what is missing is [`missing::Missing`].

#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod annotate;
pub mod debugger;
pub mod diagnose;
pub mod leaks;
pub mod missing;
mod redact;
pub mod render;

pub mod resolve;
pub mod select;
pub mod source;
pub mod zones;

pub use kstack_model as model;
pub use kstack_parse as parse;
pub use kstack_symbols as symbols;
pub use redact::Redactor;
pub use render::{RENDERERS, RenderOptions};
pub use resolve::{Lookups, ResolveOptions, Trace, kernel_slide, resolve};
pub use select::Selection;
