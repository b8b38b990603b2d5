//! Any bytes as a symbol file.
#![no_main]

use kstack_fuzz::ask;
use kstack_symbols::{Role, SymbolSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "any", None, bytes.to_vec());
    ask(&symbols);
});
