//! The table of formats: one row per format, in the order they are tried.

use crate::Format;

mod budget;
mod call_tree;
mod debugger_text;
mod dtrace_text;
mod ips;
mod kextstat;
mod microstackshot;
mod numbers;
mod panic_ips;
mod panic_text;
mod stackshot_ips;
pub(crate) mod stackshot_kcdata;
mod stackshot_legacy;
mod symstacks;

/// Every format kstack reads.
pub static FORMATS: &[Format] = &[
    stackshot_kcdata::FORMAT,
    stackshot_legacy::FORMAT,
    microstackshot::FORMAT,
    panic_ips::FORMAT,
    stackshot_ips::FORMAT,
    panic_text::FORMAT,
    call_tree::spindump::FORMAT,
    call_tree::sample::FORMAT,
    debugger_text::FORMAT,
    dtrace_text::FORMAT,
    symstacks::FORMAT,
    kextstat::FORMAT,
];
