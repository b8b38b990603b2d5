//! Frame lines of every layout.

use kstack_model::Said;

use crate::formats::numbers::{Hex, leading_hex};

/// One frame as printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PrintedFrame {
    pub(super) address: u64,
    pub(super) frame_pointer: u64,
    pub(super) said: Option<Box<Said>>,
    pub(super) layout: Layout,
    /// Digits of the address, to tell an address cut short by another panic.
    pub(super) digits: usize,
    /// A saved program counter of an exception state, PowerPC.
    pub(super) is_pc: bool,
    /// The image is there, the symbol was wrapped to the next line.
    pub(super) wants_symbol: bool,
}

/// How a frame is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `0xframe : 0xreturn`, Intel; with four stack words behind it on i386.
    Intel,
    /// `lr: 0x… fp: 0x…`, ARM.
    Arm,
    /// A bare list of addresses, PowerPC.
    List,
}

impl PrintedFrame {
    /// An address alone, as PowerPC kernels list them.
    pub(super) fn listed(address: Hex<'_>) -> PrintedFrame {
        PrintedFrame {
            address: address.value,
            frame_pointer: 0,
            said: None,
            layout: Layout::List,
            digits: address.digits,
            is_pc: false,
            wants_symbol: false,
        }
    }
}

/// Reads a line that is one frame of Intel or ARM.
pub(super) fn frame_line(line: &str) -> Option<PrintedFrame> {
    match line.as_bytes().first()? {
        b'0' => intel_frame(line),
        b'l' | b'f' => arm_frame(line),
        _ => None,
    }
}

/// `0xframe : 0xreturn image : symbol + 0x12 (0x1 0x2 0x3 0x4)`.
///
/// The space before the colon tells it from memory dumps.
fn intel_frame(line: &str) -> Option<PrintedFrame> {
    let frame_pointer = leading_hex(line)?;
    let between = frame_pointer.rest;
    let behind = between.trim_start().strip_prefix(':')?;
    if !between.starts_with(char::is_whitespace) {
        return None;
    }
    let address = leading_hex(behind.trim_start())?;
    let (said, wants_symbol) = said(address.rest);
    Some(PrintedFrame {
        address: address.value,
        frame_pointer: frame_pointer.value,
        said: said.map(Box::new),
        layout: Layout::Intel,
        digits: address.digits,
        is_pc: false,
        wants_symbol,
    })
}

/// `lr: 0x…  fp: 0x…`, in either order; old kernels print `lr:` alone.
fn arm_frame(line: &str) -> Option<PrintedFrame> {
    let (first, rest) = field(line)?;
    let (second, rest) = match field(rest.trim_start()) {
        Some((field, rest)) => (Some(field), rest),
        None => (None, rest),
    };
    let (address, frame_pointer) = match (first, second) {
        (Field::Lr(address), Some(Field::Fp(frame_pointer)))
        | (Field::Fp(frame_pointer), Some(Field::Lr(address))) => (address, frame_pointer.value),
        (Field::Lr(address), None) => (address, 0),
        _ => return None,
    };
    // "name:" without a space before the colon is the next register of a block.
    // A frame pointer without digits is where the text was cut.
    let is_cut = matches!(rest.trim(), "fp:" | "fp: 0" | "fp: 0x");
    if rest.contains(':') && !rest.contains(" : ") && !is_cut {
        return None;
    }
    let (said, wants_symbol) = said(rest);
    Some(PrintedFrame {
        address: address.value,
        frame_pointer,
        said: said.map(Box::new),
        layout: Layout::Arm,
        digits: address.digits,
        is_pc: false,
        wants_symbol,
    })
}

enum Field<'a> {
    Lr(Hex<'a>),
    Fp(Hex<'a>),
}

fn field(text: &str) -> Option<(Field<'_>, &str)> {
    let (name, rest) = text.split_once(':')?;
    let value = leading_hex(rest.trim_start())?;
    match name {
        "lr" => Some((Field::Lr(value), value.rest)),
        "fp" => Some((Field::Fp(value), value.rest)),
        _ => None,
    }
}

/// The addresses of a line that holds nothing else.
pub(super) fn address_list(line: &str) -> Option<Vec<PrintedFrame>> {
    let words = line.split_whitespace();
    let frames: Option<Vec<PrintedFrame>> = words
        .map(|word| {
            let address = leading_hex(word).filter(|hex| hex.rest.is_empty())?;
            Some(PrintedFrame::listed(address))
        })
        .collect();
    frames.filter(|frames| !frames.is_empty())
}

/// What is printed behind an address: `image : symbol + 0x12`, and whether the symbol is missing.
fn said(text: &str) -> (Option<Said>, bool) {
    // i386 prints four words of the stack behind the frame; they look like addresses and are arguments at best.
    let text = text.split(" (0x").next().unwrap_or_default().trim();
    let text = text.strip_prefix("(0x").map_or(text, |_| "");
    let Some((image, symbol)) = text.split_once(':') else {
        return (None, false);
    };
    let image = image.trim();
    if image.is_empty() || image.contains(char::is_whitespace) {
        return (None, false);
    }
    let said = Said {
        image: Some(image.to_owned()),
        ..Said::default()
    };
    match symbol.trim() {
        "" => (Some(said), true),
        symbol => (Some(with_symbol(said, symbol)), false),
    }
}

/// Adds `symbol + 0x12`, or `symbol` alone for an address at its start.
pub(super) fn with_symbol(mut said: Said, text: &str) -> Said {
    let (symbol, offset) = match text.rsplit_once(" + ") {
        Some((symbol, offset)) => (symbol, leading_hex(offset.trim()).map(|hex| hex.value)),
        None => (text, Some(0)),
    };
    said.symbol = Some(symbol.trim().to_owned());
    said.offset = offset;
    said
}

/// `image : symbol` of a frame that was pasted without its address.
pub(super) fn is_nameless_frame(line: &str) -> bool {
    let Some((image, symbol)) = line.split_once(':') else {
        return false;
    };
    let image_ends = image.ends_with(char::is_whitespace);
    let image = image.trim();
    let symbol = symbol.trim();
    let is_image = image == "mach_kernel" || image.matches('.').count() >= 2;
    image_ends
        && is_image
        && !image.contains(char::is_whitespace)
        && symbol.starts_with('_')
        && !symbol.contains(|character: char| character.is_whitespace() && character != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_64_bit_intel_frame_with_a_symbol_keeps_what_was_said() {
        let frame =
            frame_line("0xffffff8101a2b300 : 0xffffff80123c5d40 mach_kernel : _panic + 0xd1")
                .unwrap();
        assert_eq!(frame.address, 0xffff_ff80_123c_5d40);
        assert_eq!(frame.frame_pointer, 0xffff_ff81_01a2_b300);
        let said = frame.said.unwrap();
        assert_eq!(said.image.as_deref(), Some("mach_kernel"));
        assert_eq!(said.symbol.as_deref(), Some("_panic"));
        assert_eq!(said.offset, Some(0xd1));
    }

    #[test]
    fn the_stack_words_of_i386_are_not_frames_and_not_names() {
        let frame = frame_line("0x21a4bb88 : 0x127c0c (0x3b1a20 0x21a4bbac 0x133e10 0x0)").unwrap();
        assert_eq!((frame.address, frame.said), (0x12_7c0c, None));
    }

    #[test]
    fn a_symbol_wrapped_to_the_next_line_is_asked_for() {
        let frame = frame_line("0x10 : 0x20 org.example.zfs :").unwrap();
        assert!(frame.wants_symbol);
    }

    #[test]
    fn an_arm_frame_is_read_with_and_without_frame_pointer() {
        let both = frame_line("lr: 0xfffffe0010000600  fp: 0xfffffe6000000270").unwrap();
        assert_eq!(both.frame_pointer, 0xffff_fe60_0000_0270);
        let alone = frame_line("lr: 0xfffffe0010000600").unwrap();
        assert_eq!(alone.frame_pointer, 0);
        let turned = frame_line("fp: 0x81a2b3c8   lr: 0x8020a4f0").unwrap();
        assert_eq!(turned.address, 0x8020_a4f0);
    }

    #[test]
    fn memory_dumps_and_base64_pages_are_not_frames() {
        assert_eq!(frame_line("0xffffff8612340000: 0SWYgeW91IGNhbiByZW"), None);
        assert_eq!(frame_line("0xffffff8612340000: 0x0000000000000010"), None);
        assert_eq!(
            frame_line("fp:  0xfffffe60  lr:  0x13ea  sp:  0xfffffe60"),
            None
        );
    }

    #[test]
    fn a_list_holds_nothing_but_addresses() {
        assert_eq!(address_list("0x00094820 0x00094D10").unwrap().len(), 2);
        assert_eq!(address_list("0x00094820 and"), None);
    }
}
