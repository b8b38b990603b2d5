//! Any bytes as the records of a zone log.
#![no_main]

use kstack_fuzz::{LIMITS, check};
use kstack_parse::zlog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match zlog::read(bytes, &LIMITS) {
        Ok(report) => check(&[report]),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
