//! What the renderers write, from traces made by hand.

mod every_output;
mod hostile;
mod html;
mod json;
mod markdown;
mod pictures;
mod sample;
mod selecting;
mod text;

use super::{RENDERERS, RenderOptions, images};
use crate::resolve::Trace;

/// A trace in the output format of this name.
fn rendered(format: &str, trace: &Trace, options: &RenderOptions) -> String {
    let row = RENDERERS.iter().find(|row| row.name == format).unwrap();
    let mut out = Vec::new();
    (row.write)(trace, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Its images as text.
fn images_text(trace: &Trace, options: &RenderOptions) -> String {
    let mut out = Vec::new();
    images::write_text(trace, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Its images as JSON.
fn images_json(trace: &Trace, options: &RenderOptions) -> String {
    let mut out = Vec::new();
    images::write_json(trace, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_same_trace_gives_the_same_bytes() {
    let options = RenderOptions::default();
    for row in RENDERERS {
        let first = rendered(row.name, &sample::hang(), &options);
        assert_eq!(first, rendered(row.name, &sample::hang(), &options));
    }
}
