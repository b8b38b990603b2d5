//! Numbers behind words.

use crate::formats::numbers::{leading_decimal, leading_hex};

/// The hexadecimal number behind the first occurrence of a word.
pub(super) fn hex_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    Some(leading_hex(rest.trim_start())?.value)
}

/// The decimal number behind the first occurrence of a word.
pub(super) fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    Some(leading_decimal(rest.trim_start())?.0)
}

/// A number in decimal, or in hexadecimal with `0x`; sizes of kexts are printed either way.
pub(super) fn size(text: &str) -> Option<u64> {
    let hex = leading_hex(text).map(|hex| hex.value);
    hex.or_else(|| Some(leading_decimal(text)?.0))
}
