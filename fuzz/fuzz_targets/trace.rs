//! Any bytes as a report, resolved with symbols at hand and written by every renderer.
#![no_main]

use std::io::ErrorKind;

use kstack::render::RenderOptions;
use kstack::{RENDERERS, ResolveOptions, resolve};
use kstack_fuzz::{LIMITS, SYMBOLS};
use kstack_parse::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for report in parse(bytes, &LIMITS).unwrap_or_default() {
        let trace = resolve(report, &SYMBOLS, &ResolveOptions::default());
        for renderer in RENDERERS {
            let mut out = Vec::new();
            match (renderer.write)(&trace, &RenderOptions::default(), &mut out) {
                Ok(()) => {}
                // A picture of nothing is refused.
                Err(why) => assert_eq!(why.kind(), ErrorKind::InvalidInput, "{why}"),
            }
            // Whatever a report holds, no control character of it reaches a terminal.
            let text = str::from_utf8(&out).expect("renderers write text");
            assert!(
                !text.contains(
                    |character: char| character.is_control() && !"\n\t".contains(character)
                ),
                "{} wrote a control character",
                renderer.name
            );
        }
    }
});
