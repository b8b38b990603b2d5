//! Test artefacts, built from scratch.
//!
//! Nothing here shares a struct or a constant with the readers: a fact that is
//! wrong in one place must not be wrong in the same way in the other.

pub mod macho;
