//! Test artefacts built from scratch.
//!
//! Nothing here knows how kstack reads a thing: the layouts are written down
//! a second time, so that a mistake in one place shows as a failing test.

pub mod hostile;
pub mod ips;
pub mod kcdata;
pub mod legacy;
pub mod macho;
pub mod micro;
pub mod panic;
pub mod spindump;
pub mod text;
