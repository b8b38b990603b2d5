//! Any bytes as a text that gets names; without what was added it is the text that came in.
#![no_main]

use kstack::annotate::{AnnotateOptions, Annotator};
use kstack::model::Report;
use kstack_fuzz::SYMBOLS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut annotator = Annotator::new(Report::default(), &SYMBOLS, AnnotateOptions::default());
    let mut out = Vec::new();
    annotator
        .copy(&mut &bytes[..], &mut out)
        .expect("memory takes what is written");
    assert!(is_kept(bytes, &out), "a byte of the text was changed");
});

/// Whether the text stands in the output in its order: what is added goes between its bytes.
fn is_kept(text: &[u8], out: &[u8]) -> bool {
    let mut out = out.iter();
    text.iter().all(|byte| out.any(|other| other == byte))
}
