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

/// Decimal digits, nothing else.
pub(super) fn decimal(digits: &str) -> Option<u64> {
    if digits.starts_with('+') {
        return None;
    }
    digits.parse().ok()
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
    fn the_two_kernels_have_addresses_of_their_own() {
        assert!(is_arm64_kernel(0xffff_fe00_07b3_4000));
        assert!(is_arm64_kernel(0xffff_fff0_27e0_4000));
        assert!(!is_arm64_kernel(0xffff_ff80_0020_0000));
        assert!(!is_arm64_kernel(0xffff_ff7f_80e4_a000));
    }
}
