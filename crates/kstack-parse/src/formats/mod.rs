//! The table of formats: one row per format, in the order they are tried.

use crate::Format;

mod ips;
mod kextstat;
mod panic_ips;
mod panic_text;
mod stackshot_ips;
mod stackshot_legacy;
mod symstacks;

/// Every format kstack reads.
pub static FORMATS: &[Format] = &[
    stackshot_legacy::FORMAT,
    panic_ips::FORMAT,
    stackshot_ips::FORMAT,
    symstacks::FORMAT,
    kextstat::FORMAT,
    panic_text::FORMAT,
];
