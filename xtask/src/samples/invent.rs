//! Values that have to differ and stay the same from run to run.

use kstack_model::Uuid;

/// A UUID made from a name (64-bit FNV-1a, twice), marked as random (version 4).
pub(crate) fn uuid(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&fnv(name, 0).to_be_bytes());
    bytes[8..].copy_from_slice(&fnv(name, 1).to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

fn fnv(name: &str, salt: u8) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    name.bytes().chain([salt]).fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
