//! Any bytes as a table of zones.
#![no_main]

use kstack_parse::zones;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match zones::read(bytes) {
        Ok(zones) => assert!(zones.zones.len() + zones.notes.len() > 0),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
