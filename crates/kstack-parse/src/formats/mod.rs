//! The table of formats: one row per format, in the order they are tried.

use crate::Format;

mod kextstat;
mod microstackshot;
pub(crate) mod stackshot_kcdata;
mod stackshot_legacy;
mod symstacks;

/// Every format kstack reads.
pub static FORMATS: &[Format] = &[
    stackshot_kcdata::FORMAT,
    stackshot_legacy::FORMAT,
    microstackshot::FORMAT,
    symstacks::FORMAT,
    kextstat::FORMAT,
];
