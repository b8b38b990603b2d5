//! Bytes in the byte order and word size of an architecture.

use kstack_model::Arch;

/// A growing file.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    big_endian: bool,
    /// Whether addresses have 64 bits.
    pub(super) wide: bool,
}

impl Writer {
    pub(super) fn for_arch(arch: Arch) -> Writer {
        Writer {
            bytes: Vec::new(),
            big_endian: is_big_endian(arch),
            wide: is_wide(arch),
        }
    }

    pub(super) fn big_endian() -> Writer {
        Writer {
            bytes: Vec::new(),
            big_endian: true,
            wide: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn pad_to(&mut self, offset: usize) {
        assert!(offset >= self.bytes.len(), "already past {offset:#x}");
        self.bytes.resize(offset, 0);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.ordered(value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.ordered(value.to_le_bytes());
    }

    /// An address or size: 4 or 8 bytes.
    pub(super) fn word(&mut self, value: u64) {
        if self.wide {
            self.ordered(value.to_le_bytes());
        } else {
            self.u32(u32::try_from(value).expect("a 32-bit file has 32-bit addresses"));
        }
    }

    /// A name in a field of 16 bytes, cut to it.
    pub(super) fn name16(&mut self, name: &str) {
        let mut field = [0; 16];
        let length = name.len().min(16);
        field[..length].copy_from_slice(&name.as_bytes()[..length]);
        self.bytes(&field);
    }

    fn ordered<const N: usize>(&mut self, mut little: [u8; N]) {
        if self.big_endian {
            little.reverse();
        }
        self.bytes(&little);
    }
}

/// Whether an architecture's addresses have 64 bits.
pub(super) fn is_wide(arch: Arch) -> bool {
    arch.cpu_type() & 0x0100_0000 != 0
}

/// Whether an architecture writes the highest byte first.
pub(super) fn is_big_endian(arch: Arch) -> bool {
    matches!(arch, Arch::Ppc | Arch::Ppc64)
}

pub(super) fn round_up(value: usize, to: usize) -> usize {
    value.div_ceil(to) * to
}
