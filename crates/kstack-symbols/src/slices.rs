//! A file's slices: one for a thin Mach-O, several for a fat one.

use goblin::mach::{fat, header};
use scroll::Pread;

use crate::SymbolErrorKind;
use crate::bytes::Bytes;

/// A fat file of more slices is none: there are not so many architectures.
const MOST_SLICES: u32 = 64;

/// `FAT_MAGIC_64`: offsets and sizes of 64 bits (cctools-1010.6, `mach-o/fat.h`).
const FAT_MAGIC_64: u32 = 0xcafe_babf;

/// The slices of a file in the order it lists them.
///
/// A slice that lies outside the file comes out cut or empty: reading it says so.
pub(crate) fn slices(file: &Bytes) -> Result<Vec<Bytes>, SymbolErrorKind> {
    let bytes = file.as_slice();
    if bytes.is_empty() {
        return Err(SymbolErrorKind::Empty);
    }
    match magic(bytes) {
        Some(header::MH_MAGIC | header::MH_CIGAM | header::MH_MAGIC_64 | header::MH_CIGAM_64) => {
            Ok(vec![file.clone()])
        }
        Some(fat::FAT_MAGIC | FAT_MAGIC_64) => fat_slices(file),
        _ => Err(SymbolErrorKind::NotMachO(looks_like(bytes))),
    }
}

/// Whether a file that starts so may hold Mach-O slices.
pub(crate) fn is_mach_o(start: &[u8]) -> bool {
    matches!(
        magic(start),
        Some(
            header::MH_MAGIC
                | header::MH_CIGAM
                | header::MH_MAGIC_64
                | header::MH_CIGAM_64
                | fat::FAT_MAGIC
                | FAT_MAGIC_64
        )
    )
}

fn magic(bytes: &[u8]) -> Option<u32> {
    bytes.pread_with(0, scroll::BE).ok()
}

fn fat_slices(file: &Bytes) -> Result<Vec<Bytes>, SymbolErrorKind> {
    let bytes = file.as_slice();
    let damaged = || SymbolErrorKind::Damaged("the fat header ends early".to_owned());
    let header = fat::FatHeader::parse(bytes).map_err(|_| damaged())?;
    if header.nfat_arch > MOST_SLICES {
        // Java class files start with the same four bytes; their version follows.
        return Err(SymbolErrorKind::NotMachO(
            "a Java class or a damaged fat file",
        ));
    }
    let mut slices = Vec::new();
    let mut at = fat::SIZEOF_FAT_HEADER;
    for _ in 0..header.nfat_arch {
        let (offset, size) = match header.magic {
            FAT_MAGIC_64 => {
                let offset: u64 = bytes
                    .pread_with(at + 8, scroll::BE)
                    .map_err(|_| damaged())?;
                let size: u64 = bytes
                    .pread_with(at + 16, scroll::BE)
                    .map_err(|_| damaged())?;
                at += 32;
                (offset, size)
            }
            _ => {
                let arch = fat::FatArch::parse(bytes, at).map_err(|_| damaged())?;
                at += fat::SIZEOF_FAT_ARCH;
                (u64::from(arch.offset), u64::from(arch.size))
            }
        };
        let whole = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        slices.push(file.part(whole(offset), whole(size)));
    }
    if slices.is_empty() {
        return Err(SymbolErrorKind::Damaged(
            "a fat file without slices".to_owned(),
        ));
    }
    Ok(slices)
}

fn looks_like(bytes: &[u8]) -> &'static str {
    const STARTS: &[(&[u8], &str)] = &[
        (b"\x7fELF", "an ELF file"),
        (b"MZ", "a Windows program"),
        (b"!<arch>\n", "an archive of object files"),
        (b"PK\x03\x04", "a zip file"),
        (b"\x1f\x8b", "a gzip file"),
        (b"xar!", "an installer package"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ", "an xz file"),
        (b"bplist", "a property list"),
        (b"<?xml", "XML text"),
    ];
    let known = STARTS.iter().find(|(start, _)| bytes.starts_with(start));
    if let Some((_, what)) = known {
        return what;
    }
    let start = bytes.get(..512).unwrap_or(bytes);
    let is_text = start
        .iter()
        .all(|&byte| byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t'));
    if is_text { "text" } else { "something else" }
}
