//! Frames of gdb.

use kstack_model::{Address, Said};

use super::described::{Described, file_and_line};
use super::stack::Counted;
use crate::formats::numbers::{hex, leading_decimal};

/// Reads `#1  0xffffff80… in function (argument=…) at /path/file.c:303`, and `#0  function (…) at file.c:866`.
pub(super) fn frame(line: &str) -> Option<Counted> {
    let (index, rest) = leading_decimal(line.trim().strip_prefix('#')?)?;
    let text = rest.trim_start();
    if text.len() == rest.len() {
        return None;
    }
    let (address, text) = match text.split_once(" in ") {
        Some((address, behind)) if hex(address.trim()).is_some() => {
            (hex(address.trim()).map(Address), behind)
        }
        _ => (None, text),
    };
    let said = function(text)?;
    // "#12 (see above)" is somebody's issue; without an address there must be a place in the source.
    if address.is_none() && said.line.is_none() {
        return None;
    }
    Some(Counted {
        index,
        address,
        frame_pointer: None,
        described: Described {
            said,
            ..Described::default()
        },
    })
}

/// `name (argument=…) at file.c:303`, `name () from image`.
fn function(text: &str) -> Option<Said> {
    let (name, rest) = text.split_once(" (")?;
    let name = name.trim();
    let mut said = Said {
        symbol: Some(name)
            .filter(|name| !name.is_empty() && *name != "??")
            .map(str::to_owned),
        ..Said::default()
    };
    if let Some((_, place)) = rest.rsplit_once(") at ")
        && let Some((file, line)) = file_and_line(place.trim())
    {
        said.file = Some(file.to_owned());
        said.line = Some(line);
    } else if let Some((_, image)) = rest.rsplit_once(") from ") {
        said.image = Some(image.trim().to_owned());
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_address_name_and_place() {
        let it = frame("#1  0xffffff8000204ae6 in panic (str=0xffffff8000568e58 \"\\\"a: %d\\\"@/x.c:1471\") at /src/debug.c:303").unwrap();
        assert_eq!(
            (it.index, it.address),
            (1, Some(Address(0xffff_ff80_0020_4ae6)))
        );
        let said = it.described.said;
        assert_eq!(said.symbol.as_deref(), Some("panic"));
        assert_eq!(
            (said.file.as_deref(), said.line),
            (Some("/src/debug.c"), Some(303))
        );
    }

    #[test]
    fn the_innermost_frame_may_have_no_address() {
        let it = frame(" #0  Debugger (message=0x8001003b <Address 0x8001003b out of bounds>) at /src/model_dep.c:866").unwrap();
        assert_eq!((it.address, it.described.said.line), (None, Some(866)));
    }

    #[test]
    fn an_issue_is_no_frame() {
        for line in [
            "#12 (see above)",
            "#3 fixes the hang (again)",
            "# 1 x",
            "#1x () at a:1",
            "#!/bin/sh",
        ] {
            assert_eq!(frame(line), None, "{line}");
        }
    }
}
