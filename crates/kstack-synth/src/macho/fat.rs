//! Fat files.

use super::writer::{Writer, round_up};

/// A fat file (`FAT_MAGIC`) of these slices, each with the CPU type and subtype of its own header.
#[must_use]
pub fn fat(slices: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Writer::big_endian();
    file.u32(0xcafe_babe);
    file.u32(slices.len() as u32);
    let mut offset = round_up(8 + 20 * slices.len(), 0x1000);
    for slice in slices {
        let little = slice[0] == 0xce || slice[0] == 0xcf;
        let field = |at: usize| {
            let bytes: [u8; 4] = slice[at..at + 4].try_into().expect("four bytes");
            if little {
                u32::from_le_bytes(bytes)
            } else {
                u32::from_be_bytes(bytes)
            }
        };
        for value in [field(4), field(8), offset as u32, slice.len() as u32, 12] {
            file.u32(value);
        }
        offset = round_up(offset + slice.len(), 0x1000);
    }
    for slice in slices {
        file.pad_to(round_up(file.len(), 0x1000));
        file.bytes(slice);
    }
    file.finish()
}
