//! One annotated trace from the kernel and any number of kexts.

#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod debugger;
pub mod missing;
pub mod render;
pub mod resolve;
pub mod select;

pub use kstack_model as model;
pub use kstack_parse as parse;
pub use kstack_symbols as symbols;
pub use render::{RENDERERS, RenderOptions};
pub use resolve::{ResolveOptions, Trace, resolve};
pub use select::Selection;
