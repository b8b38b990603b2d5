//! Numbers and words in a line.

/// A hexadecimal number and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex<'a> {
    pub(super) value: u64,
    /// Digits as printed, leading zeros included: 16 for a whole 64-bit address.
    pub(super) digits: usize,
    pub(super) rest: &'a str,
}

/// Reads `0x…` at the start of a text.
pub(super) fn hex(text: &str) -> Option<Hex<'_>> {
    let number = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    let end = number
        .find(|character: char| !character.is_ascii_hexdigit())
        .unwrap_or(number.len());
    let (digits, rest) = number.split_at_checked(end)?;
    Some(Hex {
        value: u64::from_str_radix(digits, 16).ok()?,
        digits: digits.len(),
        rest,
    })
}

/// The hexadecimal number behind the first occurrence of a word.
pub(super) fn hex_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    Some(hex(rest.trim_start())?.value)
}

/// The decimal number behind the first occurrence of a word.
pub(super) fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    number(rest.trim_start())
}

/// Reads a decimal number at the start of a text.
pub(super) fn number(text: &str) -> Option<u64> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// A number in decimal, or in hexadecimal with `0x`; sizes of kexts are printed either way.
pub(super) fn size(text: &str) -> Option<u64> {
    hex(text).map(|hex| hex.value).or_else(|| number(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_fit_64_bits_is_none() {
        assert_eq!(hex("0x11111111111111111"), None);
        assert_eq!(hex("0x"), None);
    }

    #[test]
    fn the_digits_are_counted_as_printed() {
        let hex = hex("0x0010 : x").unwrap();
        assert_eq!((hex.value, hex.digits, hex.rest), (16, 4, " : x"));
    }
}
