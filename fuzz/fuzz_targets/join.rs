//! A trace and a list of images, told apart by the first line `=====`, joined.
#![no_main]

use kstack_fuzz::{LIMITS, check};
use kstack_parse::{join, parse};
use libfuzzer_sys::fuzz_target;

const BETWEEN: &[u8] = b"\n=====\n";

fuzz_target!(|bytes: &[u8]| {
    let mut windows = bytes.windows(BETWEEN.len());
    let Some(at) = windows.position(|window| window == BETWEEN) else {
        return;
    };
    let (trace, listing) = (&bytes[..at], &bytes[at + BETWEEN.len()..]);
    let (Ok(mut traces), Ok(listings)) = (parse(trace, &LIMITS), parse(listing, &LIMITS)) else {
        return;
    };
    for trace in &mut traces {
        for listing in &listings {
            let before = trace.clone();
            if join(trace, listing).is_err() {
                assert_eq!(*trace, before, "a refused list changes nothing");
            }
        }
    }
    check(&traces);
});
