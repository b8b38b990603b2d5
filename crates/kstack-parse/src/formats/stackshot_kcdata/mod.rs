//! Binary stackshots since OS X 10.11: buffers of kcdata items.

mod buffer;
mod dictionary;
mod item;
mod layout;
mod tree;
mod typedefs;
mod wire;

pub(crate) use dictionary::dump;

use kstack_model::Report;

use crate::{Content, Format, Limits, ParseError, Sniff};

pub(crate) const FORMAT: Format = Format {
    name: "stackshot-kcdata",
    about: "binary stackshot of OS X 10.11 and later (kcdata)",
    content: Content::Binary,
    sniff: |bytes| {
        if buffer::is_kcdata(bytes) {
            Sniff::Yes
        } else {
            Sniff::No
        }
    },
    parse,
};

fn parse(_bytes: &[u8], _limits: &Limits) -> Result<Vec<Report>, ParseError> {
    Ok(Vec::new())
}
