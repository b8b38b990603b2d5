//! Any bytes as a file of a format that kstack finds out.
#![no_main]

use kstack_fuzz::{LIMITS, check};
use kstack_parse::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes, &LIMITS) {
        Ok(reports) => {
            assert!(!reports.is_empty());
            check(&reports);
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
