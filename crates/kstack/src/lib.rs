//! One annotated trace from the kernel and any number of kexts.

#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod dump;
pub mod resolve;

pub use kstack_model as model;
