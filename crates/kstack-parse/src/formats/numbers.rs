//! Numbers as text formats print them.

/// `0x` and hexadecimal digits, nothing else.
pub(super) fn hex(word: &str) -> Option<u64> {
    bare_hex(word.strip_prefix("0x")?)
}

/// Hexadecimal digits, nothing else.
pub(super) fn bare_hex(digits: &str) -> Option<u64> {
    // `from_str_radix` takes a sign.
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// A hexadecimal number and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex<'a> {
    pub(super) value: u64,
    /// Digits as printed, leading zeros included: 16 for a whole 64-bit address.
    pub(super) digits: usize,
    pub(super) rest: &'a str,
}

/// The number that a text starts with, `0x` and hexadecimal digits, and what follows.
pub(super) fn leading_hex(text: &str) -> Option<Hex<'_>> {
    let number = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    let end = number
        .find(|character: char| !character.is_ascii_hexdigit())
        .unwrap_or(number.len());
    let (digits, rest) = number.split_at_checked(end)?;
    Some(Hex {
        value: bare_hex(digits)?,
        digits: digits.len(),
        rest,
    })
}

/// Decimal digits, nothing else.
pub(super) fn decimal(digits: &str) -> Option<u64> {
    if digits.starts_with('+') {
        return None;
    }
    digits.parse().ok()
}

/// A whole word as a number: in hexadecimal with `0x`, else in decimal.
pub(super) fn number(word: &str) -> Option<u64> {
    hex(word).or_else(|| decimal(word))
}

/// The number that a word starts with, in decimal, and what follows.
pub(super) fn leading_decimal(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((decimal(digits)?, rest))
}

/// Whether an address is one of a kernel on Apple silicon.
///
/// Its half of the address space starts lower than Intel's kernel
/// (xnu-11417.101.15, `osfmk/mach/arm/vm_param.h`: `VM_MIN_KERNEL_ADDRESS` is
/// `0xfffffe0000000000` on Macs and `0xffffffe000000000` on phones;
/// `osfmk/mach/i386/vm_param.h`: `0xffffff8000000000`, kexts in the 2 GB below).
pub(super) fn is_arm64_kernel(address: u64) -> bool {
    matches!(address >> 32, 0xffff_fe00..=0xffff_feff | 0xffff_ffe0..)
}

/// The lowest address that no user space reaches.
pub(super) const LOWEST_KERNEL: u64 = 0xffff_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_not_part_of_a_number() {
        assert_eq!(hex("0x+1"), None);
        assert_eq!(decimal("+1"), None);
        assert_eq!(hex("0x1f"), Some(0x1f));
        assert_eq!(hex("1f"), None);
    }

    #[test]
    fn a_number_that_does_not_fit_64_bits_is_none() {
        assert_eq!(leading_hex("0x11111111111111111"), None);
        assert_eq!(leading_hex("0x"), None);
        assert_eq!(hex("0x11111111111111111"), None);
    }

    #[test]
    fn the_digits_are_counted_as_printed() {
        let hex = leading_hex("0x0010 : x").unwrap();
        assert_eq!((hex.value, hex.digits, hex.rest), (16, 4, " : x"));
    }

    #[test]
    fn the_two_kernels_have_addresses_of_their_own() {
        assert!(is_arm64_kernel(0xffff_fe00_07b3_4000));
        assert!(is_arm64_kernel(0xffff_fff0_27e0_4000));
        assert!(!is_arm64_kernel(0xffff_ff80_0020_0000));
        assert!(!is_arm64_kernel(0xffff_ff7f_80e4_a000));
    }
}
