//! Any bytes as a kcdata file that is shown tag by tag.
#![no_main]

use kstack_fuzz::LIMITS;
use kstack_parse::dump;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = dump(bytes, &LIMITS);
});
