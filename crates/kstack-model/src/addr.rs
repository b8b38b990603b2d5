//! Addresses, and the only arithmetic that is right between them.

use std::fmt;
use std::ops::{Add, Sub};

/// An address as an artefact states it, comparable only within one address space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u64);

/// An address as a symbol file states it: the address it was linked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmAddr(pub u64);

/// Stated address minus vmaddr, modulo 2⁶⁴.
///
/// A kext linked at zero has a slide that does not fit a signed integer, so
/// this is not signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slide(pub u64);

/// Distance in bytes from an image's load address, modulo 2⁶⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageOffset(pub u64);

impl Sub<VmAddr> for Address {
    type Output = Slide;
    fn sub(self, linked: VmAddr) -> Slide {
        Slide(self.0.wrapping_sub(linked.0))
    }
}

impl Sub<Slide> for Address {
    type Output = VmAddr;
    fn sub(self, slide: Slide) -> VmAddr {
        VmAddr(self.0.wrapping_sub(slide.0))
    }
}

impl Sub<Address> for Address {
    type Output = ImageOffset;
    fn sub(self, base: Address) -> ImageOffset {
        ImageOffset(self.0.wrapping_sub(base.0))
    }
}

impl Add<Slide> for VmAddr {
    type Output = Address;
    fn add(self, slide: Slide) -> Address {
        Address(self.0.wrapping_add(slide.0))
    }
}

impl Add<ImageOffset> for Address {
    type Output = Address;
    fn add(self, offset: ImageOffset) -> Address {
        Address(self.0.wrapping_add(offset.0))
    }
}

impl Address {
    /// Removes pointer-authentication and tag bits of an arm64 pointer; `sample` is an address of the same
    /// kernel without any.
    ///
    /// Bit 55 tells the kernel's half from the user's (Arm ARM, D8.10), so a
    /// kernel address stays one. Which bits are the signature depends on the size
    /// of the address space: kernels of phones sit at `0xfffffff0…` in 39 bits,
    /// those of Macs at `0xfffffe00…` in 47; `sample` tells which.
    #[must_use]
    pub fn without_signature(self, sample: Address) -> Address {
        let extension = if sample.0.leading_ones() >= 25 {
            u64::MAX << 39
        } else {
            u64::MAX << 47
        };
        Address(if self.0 & (1 << 55) != 0 {
            self.0 | extension
        } else {
            self.0 & !extension
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for VmAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Slide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for ImageOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What kind of code address a frame holds.
///
/// Only the parser of a format knows: on x86-64 the first kernel frame of a
/// stackshot is a saved instruction pointer, on arm64 it is a saved link
/// register (xnu-11417.101.15, `machine_trace_thread64`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// The instruction that was about to run; looked up where it is.
    InstructionPointer,
    /// The instruction after a call; looked up at the call.
    ReturnAddress,
}

impl FrameKind {
    /// The address to look up for a frame that shows `address`.
    ///
    /// One byte before a return address lies inside the call instruction on
    /// every CPU. Without this step the call that ends a function, as calls
    /// to `panic` do, is attributed to the function after it.
    #[must_use]
    pub fn for_lookup(self, address: Address) -> Address {
        match self {
            FrameKind::InstructionPointer => address,
            FrameKind::ReturnAddress => Address(address.0.wrapping_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slide_of_a_kext_linked_at_zero_is_its_load_address() {
        let load = Address(0xffff_ff7f_80e4_a000);
        let slide = load - VmAddr(0);
        assert_eq!(slide, Slide(0xffff_ff7f_80e4_a000));
        assert_eq!(load - slide, VmAddr(0));
        assert_eq!(VmAddr(0x10) + slide, load + ImageOffset(0x10));
    }

    #[test]
    fn a_return_address_is_looked_up_inside_the_call() {
        let at = Address(0x1000);
        assert_eq!(FrameKind::ReturnAddress.for_lookup(at), Address(0xfff));
        assert_eq!(FrameKind::InstructionPointer.for_lookup(at), at);
    }

    #[test]
    fn a_signed_kernel_pointer_stays_a_kernel_pointer() {
        let mac = Address(0xfffe_fe00_1000_0000 | 1 << 48);
        assert_eq!(
            Address(0x8d93_7e00_1234_5678).without_signature(mac),
            Address(0xffff_fe00_1234_5678)
        );
        let phone = Address(0xffff_fff0_1000_0010);
        assert_eq!(
            Address(0x9ab1_3d70_1234_5678).without_signature(phone),
            Address(0xffff_fff0_1234_5678)
        );
    }

    #[test]
    fn a_memory_tag_is_removed() {
        let sample = Address(0xffff_fe00_1000_0010);
        assert_eq!(
            Address(0xf5ff_fe20_1234_5678).without_signature(sample),
            Address(0xffff_fe20_1234_5678)
        );
    }

    #[test]
    fn a_user_pointer_loses_its_upper_bits() {
        let sample = Address(0xffff_fe00_1000_0010);
        assert_eq!(
            Address(0x0012_0001_2345_6780).without_signature(sample),
            Address(0x0000_0001_2345_6780)
        );
    }
}
