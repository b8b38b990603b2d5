//! Test artefacts built from scratch, sharing no structs with the parsers.

pub mod kcdata;
pub mod legacy;
pub mod micro;
