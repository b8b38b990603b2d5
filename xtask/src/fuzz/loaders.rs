//! Seeds of the targets of single loaders.
//!
//! Most of these overwrite pieces of a sound file. A piece is written as its part, its place and its length, the
//! latter two in 16 bits, and what is put there; a target with several files to choose from has their number before.

use kstack_model::Arch;
use kstack_synth::macho::{Program, complzss, compressed, fat, im4p, prelinked};

/// The part of a piece with this bit replaces a whole section of debug information.
const WHOLE: u8 = 0x80;

/// The seeds of a target of this kind; `None` for others.
pub(super) fn of(target: &str) -> Option<Vec<Vec<u8>>> {
    Some(match target {
        "dwarf" => sections(),
        "unpack" => packed(),
        "prelinked" => vec![list_of_kexts()],
        "collection" | "link" => headers(4),
        "debug_map" => headers(3).iter().map(|seed| seed[1..].to_vec()).collect(),
        "bounds" => code(),
        "index" => vec![
            b"kstack-index 1\n".to_vec(),
            b"kstack-index 1\n12\t1500000000\t01010101-0101-0101-0101-010101010101\t/builds/demo\n"
                .to_vec(),
        ],
        _ => return None,
    })
}

fn piece(part: u8, at: u16, with: &[u8]) -> Vec<u8> {
    let length = u16::try_from(with.len()).unwrap_or(u16::MAX);
    let mut piece = vec![part];
    piece.extend(at.to_le_bytes());
    piece.extend(length.to_le_bytes());
    piece.extend(with);
    piece
}

/// Every section of debug information as it is, whole.
fn sections() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, program) in (0_u8..).zip(Program::of_every_kind()) {
        seeds.push(vec![number]);
        let dsym = program.dsym_image();
        let dwarf = dsym.segments.last().into_iter();
        for (part, section) in (0_u8..).zip(dwarf.flat_map(|dwarf| &dwarf.sections)) {
            let data = section.data.as_deref().unwrap_or_default();
            seeds.push([&[number][..], &piece(WHOLE | part, 0, data)].concat());
        }
    }
    seeds
}

/// Numbers that lie, where headers and load commands have theirs.
fn headers(files: u8) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 0..files {
        for at in (16..0x400).step_by(92) {
            let lie = [
                piece(number, at, &[0xff; 4]),
                piece(number, at + 40, &[0; 8]),
            ];
            seeds.push([&[number][..], &lie.concat()].concat());
        }
        // Cut.
        seeds.push([&[number][..], &piece(number, 0x500, &[])].concat());
    }
    seeds
}

/// Kernels as they lie on disk, compressed and wrapped in every way.
fn packed() -> Vec<Vec<u8>> {
    let mut kernel = Program::kernel(Arch::X86_64, 1);
    kernel.add_many(2);
    let kernel = kernel.binary();
    let mut lzfse = Vec::new();
    lzfse_rust::encode_bytes(&kernel, &mut lzfse).expect("memory takes what is written");
    // A short input is packed as one block of LZVN, between a header of twelve bytes and the end of the stream.
    let small = &kernel[..kernel.len().min(2000)];
    let mut lzvn = Vec::new();
    lzfse_rust::encode_bytes(small, &mut lzvn).expect("memory takes what is written");
    let payload = &lzvn[12..lzvn.len() - 4];
    vec![
        complzss(&kernel),
        compressed(b"lzvn", small, payload),
        lzvn.clone(),
        im4p(&kernel),
        im4p(&complzss(&kernel)),
        im4p(&lzfse),
        im4p(&im4p(&lzfse)),
        fat(&[kernel.clone(), kernel]),
        lzfse,
    ]
}

/// What a prelinked kernel with two kexts says of them.
fn list_of_kexts() -> Vec<u8> {
    let kernel = Program::kernel(Arch::X86_64, 1).binary_image();
    let kext = Program::kext("demo", Arch::X86_64, 2).binary();
    let file = prelinked(
        &kernel,
        &[("org.example.a", kext.clone()), ("org.example.b", kext)],
    );
    let start = file.windows(6).position(|window| window == b"<dict>");
    let list = &file[start.expect("there is a list")..];
    let end = list.iter().position(|&byte| byte == 0);
    list[..end.unwrap_or(list.len())].to_vec()
}

/// Calls, jumps, returns and pointers of each machine.
fn code() -> Vec<Vec<u8>> {
    let x86: &[u8] = &[
        0x55, 0x48, 0x89, 0xe5, 0xe8, 0x10, 0, 0, 0, 0x74, 0x08, 0xff, 0x50, 0x18, 0xff, 0x24,
        0xc5, 0, 0x10, 0, 0, 0x48, 0x8d, 0x05, 0x20, 0, 0, 0, 0xeb, 0xf0, 0x0f, 0x0b, 0x5d, 0xc3,
        0xe9, 0, 0, 0, 0,
    ];
    let arm: Vec<u8> = [
        0xd503_237f_u32,
        0x9400_0004,
        0x5400_0080,
        0xd63f_0100,
        0xd61f_0120,
        0x9000_0000,
        0x9100_4000,
        0x1400_0002,
        0xd73f_0910,
        0xd65f_0fff,
        0xd420_0020,
        0x17ff_fffc,
    ]
    .into_iter()
    .flat_map(u32::to_le_bytes)
    .collect();
    [(0, x86), (1, &arm), (2, x86)]
        .into_iter()
        .map(|(number, code)| [&[number][..], &code.repeat(4)].concat())
        .collect()
}
