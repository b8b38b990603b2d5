//! Bits of an arm64 pointer that are no part of its address.

/// Removes pointer-authentication and tag bits; `sample` is an address of the same kernel without any.
///
/// Bit 55 tells the kernel's half from the user's (Arm ARM, D8.10), so a
/// kernel address stays one. Which bits are the signature depends on the size
/// of the address space: kernels of phones sit at `0xfffffff0…` in 39 bits,
/// those of Macs at `0xfffffe00…` in 47; `sample` tells which.
pub(super) fn without_signature(pointer: u64, sample: u64) -> u64 {
    let extension = if sample.leading_ones() >= 25 {
        u64::MAX << 39
    } else {
        u64::MAX << 47
    };
    if pointer & (1 << 55) != 0 {
        pointer | extension
    } else {
        pointer & !extension
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_kernel_pointer_stays_a_kernel_pointer() {
        assert_eq!(
            without_signature(0x8d93_7e00_1234_5678, 0xfffe_fe00_1000_0000 | 1 << 48),
            0xffff_fe00_1234_5678
        );
        assert_eq!(
            without_signature(0x9ab1_3d70_1234_5678, 0xffff_fff0_1000_0010),
            0xffff_fff0_1234_5678
        );
    }

    #[test]
    fn a_memory_tag_is_removed() {
        assert_eq!(
            without_signature(0xf5ff_fe20_1234_5678, 0xffff_fe00_1000_0010),
            0xffff_fe20_1234_5678
        );
    }

    #[test]
    fn a_user_pointer_loses_its_upper_bits() {
        assert_eq!(
            without_signature(0x0012_0001_2345_6780, 0xffff_fe00_1000_0010),
            0x0000_0001_2345_6780
        );
    }
}
