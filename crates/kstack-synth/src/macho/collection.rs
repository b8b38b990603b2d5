//! Kernel collections: kernel and kexts in one file.

use kstack_model::Uuid;

use super::image::Image;
use super::writer::{Writer, round_up};

const PAGE: usize = 0x1000;
const LC_SYMTAB: u32 = 0x2;
const LC_SEGMENT_64: u32 = 0x19;
const LC_UUID: u32 = 0x1b;
const LC_FUNCTION_STARTS: u32 = 0x26;
const LC_EXPORTS_TRIE: u32 = 0x8000_0033;
const LC_FILESET_ENTRY: u32 = 0x8000_0035;

/// An `MH_FILESET` of these images, by bundle identifier. Each is linked where its segments say.
///
/// The offsets in the headers of the images count from the start of the whole file, as in real collections.
///
/// # Panics
///
/// When there are no images, or more than 32 bits can count.
#[must_use]
pub fn fileset(uuid: Uuid, images: &[(&str, Image)]) -> Vec<u8> {
    let arch = images.first().expect("a collection has images").1.arch;
    let commands: Vec<usize> = images
        .iter()
        .map(|(id, _)| round_up(32 + id.len() + 1, 8))
        .collect();
    let commands_size = 24 + 72 + commands.iter().sum::<usize>();
    let mut file = Writer::for_arch(arch);
    for value in [0xfeed_facf, arch.cpu_type(), 0x8000_0003, 12] {
        file.u32(value);
    }
    for value in [images.len() as u32 + 2, commands_size as u32, 0, 0] {
        file.u32(value);
    }
    file.u32(LC_UUID);
    file.u32(24);
    file.bytes(uuid.as_bytes());
    file.u32(LC_SEGMENT_64);
    file.u32(72);
    file.name16("__TEXT");
    let lowest = images.iter().flat_map(|(_, image)| &image.segments);
    let lowest = lowest.map(|segment| segment.vmaddr).min().unwrap_or(0);
    for value in [lowest - PAGE as u64, PAGE as u64, 0, PAGE as u64] {
        file.word(value);
    }
    for value in [7, 5, 0, 0] {
        file.u32(value);
    }
    let mut at = round_up(32 + commands_size, PAGE);
    let mut built = Vec::new();
    for ((id, image), size) in images.iter().zip(commands) {
        let bytes = rebased(image.build(), at);
        file.u32(LC_FILESET_ENTRY);
        file.u32(size as u32);
        file.word(image.segments[0].vmaddr);
        file.word(at as u64);
        file.u32(32);
        file.u32(0);
        file.bytes(id.as_bytes());
        file.bytes(&vec![0; size - 32 - id.len()]);
        built.push((at, bytes));
        at = round_up(at + built.last().map_or(0, |(_, bytes)| bytes.len()), PAGE);
    }
    for (at, bytes) in built {
        file.pad_to(at);
        file.bytes(&bytes);
    }
    file.finish()
}

/// Adds `start` to every file offset in the load commands of a 64-bit little-endian image.
fn rebased(mut bytes: Vec<u8>, start: usize) -> Vec<u8> {
    let start = start as u64;
    let mut at = 32;
    for _ in 0..word(&bytes, 16) {
        let size = word(&bytes, at + 4) as usize;
        match word(&bytes, at) {
            LC_SEGMENT_64 => {
                let offset = u64::from_le_bytes(bytes[at + 40..at + 48].try_into().expect("eight"));
                bytes[at + 40..at + 48].copy_from_slice(&(offset + start).to_le_bytes());
                for section in 0..word(&bytes, at + 64) as usize {
                    add(&mut bytes, at + 72 + 80 * section + 48, start);
                }
            }
            LC_SYMTAB => {
                add(&mut bytes, at + 8, start);
                add(&mut bytes, at + 16, start);
            }
            LC_FUNCTION_STARTS | LC_EXPORTS_TRIE => add(&mut bytes, at + 8, start),
            _ => {}
        }
        at += size;
    }
    bytes
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn add(bytes: &mut [u8], at: usize, start: u64) {
    let value = word(bytes, at) + start as u32;
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// A prelinked kernel as before macOS 11: the kernel's image, kexts as data of it, and a list of them.
///
/// `kexts` are bundle identifier and Mach-O, each linked at its load address.
#[must_use]
pub fn prelinked(kernel: &Image, kexts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    prelinked_image(kernel, kexts).build()
}

/// The same, to be changed before it is built; its last segment is the list of kexts.
#[must_use]
pub fn prelinked_image(kernel: &Image, kexts: &[(&str, Vec<u8>)]) -> Image {
    use super::image::{Section, Segment};
    let section = |segment: &str, name: &str, address: u64, data: Vec<u8>| Section {
        segment: segment.to_owned(),
        name: name.to_owned(),
        address,
        size: data.len() as u64,
        data: Some(data),
        flags: 0,
    };
    let mut kernel = kernel.clone();
    let end = kernel
        .segments
        .iter()
        .map(|segment| segment.vmaddr + segment.vmsize);
    let text = end.max().unwrap_or(0).next_multiple_of(0x10_0000);
    let mut list = "<dict><key>_PrelinkInfoDictionary</key><array>".to_owned();
    let mut data = Vec::new();
    for (index, (id, kext)) in kexts.iter().enumerate() {
        let (source, size) = (text + data.len() as u64, kext.len());
        // Each value is said once and referred to from then on, as the kernel's serializer does.
        let version = match index {
            0 => "<string ID=\"900\">1.0</string>",
            _ => "<string IDREF=\"900\"/>",
        };
        list.push_str(&format!(
            "<dict><key>CFBundleIdentifier</key><string ID=\"{index}\">{id}</string>\
             <key>CFBundleVersion</key>{version}\
             <key>_PrelinkExecutableSourceAddr</key><integer size=\"64\">{source:#x}</integer>\
             <key>_PrelinkExecutableSize</key><integer size=\"64\">{size:#x}</integer></dict>"
        ));
        data.extend_from_slice(kext);
        data.resize(round_up(data.len(), PAGE), 0);
    }
    list.push_str("</array></dict>\0\0");
    let info = text + (data.len() as u64).next_multiple_of(0x10_0000);
    for (name, section_name, address, data) in [
        ("__PRELINK_TEXT", "__text", text, data),
        ("__PRELINK_INFO", "__info", info, list.into_bytes()),
    ] {
        kernel.segments.push(Segment {
            name: name.to_owned(),
            vmaddr: address,
            vmsize: data.len() as u64,
            sections: vec![section(name, section_name, address, data)],
        });
    }
    kernel
}

/// A file behind the header `comp`, as LZSS of literals only.
#[must_use]
pub fn complzss(file: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for chunk in file.chunks(8) {
        packed.push(0xff);
        packed.extend_from_slice(chunk);
    }
    compressed(b"lzss", file, &packed)
}

/// A file behind the header `comp`, with the compressed bytes as given.
#[must_use]
pub fn compressed(kind: &[u8; 4], file: &[u8], packed: &[u8]) -> Vec<u8> {
    let mut header = Writer::big_endian();
    header.bytes(b"comp");
    header.bytes(kind);
    header.u32(adler32(file));
    header.u32(file.len() as u32);
    header.u32(packed.len() as u32);
    header.pad_to(0x180);
    header.bytes(packed);
    header.finish()
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u64, 0_u64);
    for &byte in bytes {
        low = (low + u64::from(byte)) % 65521;
        high = (high + low) % 65521;
    }
    (high << 16 | low) as u32
}

/// A payload in the DER wrapper of boot images.
#[must_use]
pub fn im4p(payload: &[u8]) -> Vec<u8> {
    let body = [
        der(0x16, b"IM4P"),
        der(0x16, b"krnl"),
        der(0x16, b"KernelCacheBuilder-1"),
        der(0x04, payload),
    ];
    der(0x30, &body.concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    let mut item = vec![tag];
    match content.len() {
        0..0x80 => item.push(length[3]),
        _ => {
            item.push(0x84);
            item.extend(length);
        }
    }
    item.extend_from_slice(content);
    item
}
