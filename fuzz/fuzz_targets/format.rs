//! Any bytes as one format: the row of the table that `KSTACK_FORMAT` names.
#![no_main]

use std::sync::LazyLock;

use kstack_fuzz::{LIMITS, check};
use kstack_parse::{FORMATS, Format, parse_as};
use libfuzzer_sys::fuzz_target;

static FORMAT: LazyLock<&Format> = LazyLock::new(|| {
    let name = std::env::var("KSTACK_FORMAT").expect("KSTACK_FORMAT names a format");
    let mut formats = FORMATS.iter();
    formats
        .find(|format| format.name == name)
        .unwrap_or_else(|| panic!("there is no format {name}"))
});

fuzz_target!(|bytes: &[u8]| {
    let _ = (FORMAT.sniff)(bytes);
    match parse_as(&FORMAT, bytes, &LIMITS) {
        Ok(reports) => check(&reports),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
