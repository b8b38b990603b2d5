//! Kernel caches as they lie on disk: wrapped in an IM4P, compressed, or both.
//!
//! The layers are peeled one by one until a Mach-O or a fat file appears:
//! the DER wrapper of Apple's boot images, then the header `comp` with LZSS or
//! LZVN behind it, or a bare LZFSE stream.

mod im4p;
mod lzss;

use std::io::Read;

use lzfse_rust::LzfseRingDecoder;
use scroll::Pread;

use crate::SymbolErrorKind;
use crate::bytes::Bytes;

/// Layers of wrapping that are peeled: there are never more than three.
const MOST_LAYERS: usize = 4;

/// A kernel collection has a hundred megabytes. What claims to be larger than this, or turns out
/// to be, is refused.
const LARGEST: usize = 512 << 20;

/// What unpacking one file may still use. A fat file can have many slices, all of them the same few
/// bytes, and each of these half a gigabyte when unpacked.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Room {
        Room(LARGEST)
    }
}

impl Room {
    #[cfg(test)]
    pub(crate) fn of(bytes: usize) -> Room {
        Room(bytes)
    }

    fn take(&mut self, bytes: Vec<u8>) -> Bytes {
        self.0 = self.0.saturating_sub(bytes.len());
        Bytes::owned(bytes)
    }

    fn too_small(&self, for_bytes: usize) -> SymbolErrorKind {
        SymbolErrorKind::Damaged(format!(
            "the compressed kernel would have {for_bytes} bytes or more; there is room for {}, \
             and kernels have less than {LARGEST}",
            self.0
        ))
    }
}

/// The header that `kextcache` puts before a compressed kernel cache, in big-endian words: `comp`,
/// the kind of compression, Adler-32, size, compressed size, a version, ten reserved, then a platform
/// name of 64 bytes and a path of 256 (kext_tools-326.95.1, `kernelcache.h`, `PrelinkedKernelHeader`).
const COMPRESSED_HEADER: usize = 0x180;

/// Bytes at the start of a file that show whether it is a packed kernel.
pub(crate) const PACKED_START: u64 = 32;

/// Whether a file that starts so is worth unpacking where nobody asked for it. The other boot images of a
/// machine are wrapped likewise and there are many, so a wrapper has to say that a kernel is in it.
pub(crate) fn is_packed_kernel(start: &[u8]) -> bool {
    let is_compressed = [b"complzss".as_slice(), b"complzvn", b"bvx"];
    is_compressed.iter().any(|magic| start.starts_with(magic)) || im4p::wraps_kernel(start)
}

/// Peels a file down to the Mach-O in it. What is not wrapped comes back as it is.
pub(crate) fn unpack(file: Bytes, room: &mut Room) -> Result<Bytes, SymbolErrorKind> {
    let mut file = file;
    for _ in 0..MOST_LAYERS {
        match layer(&file, room)? {
            Some(inner) => file = inner,
            None => return Ok(file),
        }
    }
    Err(damaged("it is wrapped too many times"))
}

fn layer(file: &Bytes, room: &mut Room) -> Result<Option<Bytes>, SymbolErrorKind> {
    let bytes = file.as_slice();
    if bytes.starts_with(b"complzss") || bytes.starts_with(b"complzvn") {
        let unpacked = compressed(bytes, room)?;
        return Ok(Some(room.take(unpacked)));
    }
    if bytes.starts_with(b"bvx") {
        let unpacked = lzfse(bytes, room.0, room)?;
        return Ok(Some(room.take(unpacked)));
    }
    if !im4p::is_wrapper(bytes) {
        return Ok(None);
    }
    let payload = im4p::payload(bytes)?;
    Ok(Some(file.part(payload.start, payload.len())))
}

/// A kernel cache behind the header `comp`.
fn compressed(bytes: &[u8], room: &Room) -> Result<Vec<u8>, SymbolErrorKind> {
    let word = |at: usize| bytes.pread_with::<u32>(at, scroll::BE).ok();
    let short = || damaged("the header of the compressed kernel ends early");
    let (Some(sum), Some(size), Some(packed)) = (word(8), word(12), word(16)) else {
        return Err(short());
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let packed = usize::try_from(packed).unwrap_or(usize::MAX);
    let rest = bytes.get(COMPRESSED_HEADER..).ok_or_else(short)?;
    if size > room.0 {
        return Err(room.too_small(size));
    }
    // Some booters wrote no compressed size, so what is missing at the end shows in the result.
    let rest = match packed {
        0 => rest,
        packed => rest.get(..packed).unwrap_or(rest),
    };
    let unpacked = if bytes.starts_with(b"complzss") {
        lzss::decode(rest, size)
    } else {
        lzfse(&as_lzfse(rest, size)?, size, room)?
    };
    if unpacked.len() != size {
        return Err(SymbolErrorKind::Damaged(format!(
            "the compressed kernel states {size} bytes and has {}",
            unpacked.len()
        )));
    }
    if adler32(&unpacked) != sum {
        return Err(damaged(
            "the checksum of the compressed kernel is not that of its contents",
        ));
    }
    Ok(unpacked)
}

/// A bare LZVN payload as a stream of one block, which is how LZFSE carries it:
/// `bvxn`, size, compressed size, payload, `bvx$`.
fn as_lzfse(payload: &[u8], size: usize) -> Result<Vec<u8>, SymbolErrorKind> {
    let (Ok(size), Ok(packed)) = (u32::try_from(size), u32::try_from(payload.len())) else {
        return Err(damaged("the compressed kernel has more than 4 gigabytes"));
    };
    let mut stream = b"bvxn".to_vec();
    stream.extend(size.to_le_bytes());
    stream.extend(packed.to_le_bytes());
    stream.extend_from_slice(payload);
    stream.extend(b"bvx$");
    Ok(stream)
}

fn lzfse(stream: &[u8], most: usize, room: &Room) -> Result<Vec<u8>, SymbolErrorKind> {
    let mut decoder = LzfseRingDecoder::default();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut unpacked = Vec::new();
    let read = decoder
        .reader_bytes(stream)
        .take(limit)
        .read_to_end(&mut unpacked);
    read.map_err(|why| SymbolErrorKind::Damaged(format!("the compressed kernel: {why}")))?;
    if unpacked.len() > most {
        return Err(room.too_small(unpacked.len()));
    }
    Ok(unpacked)
}

/// The checksum of zlib (RFC 1950), which the header carries over the unpacked bytes.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (mut low, mut high) = (1_u32, 0_u32);
    // 5552 is the most additions before the sums could overflow.
    for chunk in bytes.chunks(5552) {
        for &byte in chunk {
            low += u32::from(byte);
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
    }
    high << 16 | low
}

fn damaged(what: &str) -> SymbolErrorKind {
    SymbolErrorKind::Damaged(what.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1950() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 10_000]), {
            let (low, high) = (0..10_000).fold((1_u64, 0_u64), |(low, high), _| {
                let low = (low + 0xff) % 65521;
                (low, (high + low) % 65521)
            });
            u32::try_from(high << 16 | low).unwrap()
        });
    }

    #[test]
    fn what_is_not_wrapped_stays_as_it_is() {
        let file = Bytes::owned(b"\xcf\xfa\xed\xfe and so on".to_vec());
        assert_eq!(
            unpack(file.clone(), &mut Room::default())
                .unwrap()
                .as_slice(),
            file.as_slice()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_behind_any_start(
            start in prop::sample::select(vec![
                &b"complzss"[..], b"complzvn", b"bvx2", b"bvxn", b"bvx-", b"bvx1", b"bvx$",
                b"\x30\x82\x01\x00\x16\x04IM4P", b"\x30\x84\xff\xff\xff\xff\x16\x04IMG4", b"",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let _ = unpack(Bytes::owned([start, &rest].concat()), &mut Room::default());
        }
    }
}
