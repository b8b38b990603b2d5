//! Any bytes as a kernel: wrapped in a boot image, compressed, or both.
#![no_main]

use kstack_fuzz::ask;
use kstack_symbols::{Role, SymbolSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kernel, "kernelcache", None, bytes.to_vec());
    ask(&symbols);
});
