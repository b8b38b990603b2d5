//! One Mach-O file: header, load commands, segments, symbol table.
//!
//! The numbers are those of `mach-o/loader.h`, `mach-o/nlist.h` and
//! `mach-o/fat.h` (cctools-1010.6).

use kstack_model::{Arch, Uuid};

use super::linkedit::{export_trie, function_starts};
use super::writer::{Writer, round_up};

/// What kind of Mach-O file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// `MH_OBJECT`: 32-bit kexts are linked as one.
    Object,
    /// `MH_EXECUTE`: a kernel.
    Execute,
    /// `MH_DSYM`.
    Dsym,
    /// `MH_KEXT_BUNDLE`.
    KextBundle,
    /// `MH_FILESET`: a kernel collection.
    Fileset,
}

impl FileType {
    fn number(self) -> u32 {
        match self {
            FileType::Object => 1,
            FileType::Execute => 2,
            FileType::Dsym => 10,
            FileType::KextBundle => 11,
            FileType::Fileset => 12,
        }
    }

    fn flags(self) -> u32 {
        match self {
            FileType::Object => 0x2000,
            FileType::Execute => 0x0020_0001,
            FileType::Dsym | FileType::Fileset => 0,
            // MH_NOUNDEFS, MH_DYLDLINK, MH_TWOLEVEL: so are all shipped kexts.
            FileType::KextBundle => 0x85,
        }
    }
}

/// One segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name, at most 16 bytes.
    pub name: String,
    /// Where it is linked.
    pub vmaddr: u64,
    /// Its size in memory.
    pub vmsize: u64,
    /// Its sections.
    pub sections: Vec<Section>,
}

/// One section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its segment's name; differs from the segment it is listed in only in `MH_OBJECT` files.
    pub segment: String,
    /// Its name; what is longer than 16 bytes is cut, as linkers do.
    pub name: String,
    /// Where it is linked.
    pub address: u64,
    /// Its size in memory.
    pub size: u64,
    /// Its bytes in the file; `None` for the sections of a dSYM that are only in the binary.
    pub data: Option<Vec<u8>>,
    /// `S_ATTR_PURE_INSTRUCTIONS` and kin.
    pub flags: u32,
}

impl Section {
    /// Flags of a section of instructions.
    pub const CODE: u32 = 0x8000_0400;
    /// Flags of a section of debug information.
    pub const DEBUG: u32 = 0x0200_0000;
}

/// One entry of the symbol table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The name as it is written, Mach-O underscore included.
    pub name: String,
    /// `n_type`.
    pub kind: u8,
    /// `n_sect`, counted from 1; 0 for none.
    pub section: u8,
    /// `n_desc`.
    pub desc: u16,
    /// `n_value`.
    pub value: u64,
}

impl Symbol {
    /// A symbol that other images see.
    #[must_use]
    pub fn external(name: &str, section: u8, value: u64) -> Symbol {
        Symbol::of_kind(0x0f, name, section, value)
    }

    /// A symbol of its file only.
    #[must_use]
    pub fn local(name: &str, section: u8, value: u64) -> Symbol {
        Symbol::of_kind(0x0e, name, section, value)
    }

    /// An absolute symbol: in no section.
    #[must_use]
    pub fn absolute(name: &str, value: u64) -> Symbol {
        Symbol::of_kind(0x03, name, 0, value)
    }

    /// A symbol of another image.
    #[must_use]
    pub fn undefined(name: &str) -> Symbol {
        Symbol::of_kind(0x01, name, 0, 0)
    }

    /// A debugging entry of the debug map, such as `N_FUN` (0x24).
    #[must_use]
    pub fn stab(kind: u8, name: &str, section: u8, value: u64) -> Symbol {
        Symbol::of_kind(kind, name, section, value)
    }

    fn of_kind(kind: u8, name: &str, section: u8, value: u64) -> Symbol {
        Symbol {
            name: name.to_owned(),
            kind,
            section,
            desc: 0,
            value,
        }
    }
}

/// One Mach-O file of one architecture.
#[derive(Clone, Debug)]
pub struct Image {
    /// Architecture; decides byte order and word size too.
    pub arch: Arch,
    /// Kind of file.
    pub file_type: FileType,
    /// Its `LC_UUID`; `None` for no such command.
    pub uuid: Option<Uuid>,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Its symbol table.
    pub symbols: Vec<Symbol>,
    /// Addresses for `LC_FUNCTION_STARTS`; `None` for no such command.
    pub function_starts: Option<Vec<u64>>,
    /// Names and addresses for `LC_DYLD_EXPORTS_TRIE`; none for no such command.
    pub exports: Vec<(String, u64)>,
}

const LC_SEGMENT: u32 = 0x1;
const LC_SYMTAB: u32 = 0x2;
const LC_DYSYMTAB: u32 = 0xb;
const LC_SEGMENT_64: u32 = 0x19;
const LC_UUID: u32 = 0x1b;
const LC_FUNCTION_STARTS: u32 = 0x26;
const LC_EXPORTS_TRIE: u32 = 0x8000_0033;

/// Where the parts of the last segment land in the file.
struct Tail {
    offset: usize,
    symbols: Vec<u8>,
    strings: Vec<u8>,
    starts: Vec<u8>,
    exports: Vec<u8>,
}

impl Tail {
    fn len(&self) -> usize {
        self.symbols.len() + self.strings.len() + self.starts.len() + self.exports.len()
    }
}

impl Image {
    /// The file's bytes.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let first = round_up(self.header_size() + self.commands_size(), 16);
        let mut offsets = Vec::new();
        let mut end = first;
        for section in self.sections() {
            end = round_up(end, 16);
            offsets.push(section.data.as_ref().map_or(0, |_| end));
            end += section.data.as_ref().map_or(0, Vec::len);
        }
        let tail = self.tail(round_up(end, 16));

        let mut file = self.header();
        self.write_commands(&mut file, &offsets, &tail);
        for (section, offset) in self.sections().zip(&offsets) {
            if let Some(data) = &section.data {
                file.pad_to(*offset);
                file.bytes(data);
            }
        }
        file.pad_to(tail.offset);
        for part in [&tail.symbols, &tail.strings, &tail.starts, &tail.exports] {
            file.bytes(part);
        }
        file.finish()
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        self.segments.iter().flat_map(|segment| &segment.sections)
    }

    /// Where the header is linked: what function starts and exports count from.
    fn base(&self) -> u64 {
        let text = self
            .segments
            .iter()
            .find(|segment| segment.name == "__TEXT");
        text.or(self.segments.first())
            .map_or(0, |segment| segment.vmaddr)
    }

    fn writer(&self) -> Writer {
        Writer::for_arch(self.arch)
    }

    fn header_size(&self) -> usize {
        if self.writer().wide { 32 } else { 28 }
    }

    fn commands_size(&self) -> usize {
        let (segment, section) = if self.writer().wide {
            (72, 80)
        } else {
            (56, 68)
        };
        let segments = self.segments.len() * segment + self.sections().count() * section;
        segments
            + 24
            + 80
            + if self.uuid.is_some() { 24 } else { 0 }
            + if self.function_starts.is_some() {
                16
            } else {
                0
            }
            + if self.exports.is_empty() { 0 } else { 16 }
    }

    fn header(&self) -> Writer {
        let mut file = self.writer();
        let commands = self.segments.len()
            + 2
            + usize::from(self.uuid.is_some())
            + usize::from(self.function_starts.is_some())
            + usize::from(!self.exports.is_empty());
        file.u32(if file.wide { 0xfeed_facf } else { 0xfeed_face });
        file.u32(self.arch.cpu_type());
        file.u32(cpu_subtype(self.arch));
        file.u32(self.file_type.number());
        file.u32(commands as u32);
        file.u32(self.commands_size() as u32);
        file.u32(self.file_type.flags());
        if file.wide {
            file.u32(0);
        }
        file
    }

    fn write_commands(&self, file: &mut Writer, offsets: &[usize], tail: &Tail) {
        if let Some(uuid) = self.uuid {
            file.u32(LC_UUID);
            file.u32(24);
            file.bytes(uuid.as_bytes());
        }
        self.write_symtab(file, tail);
        let mut offsets = offsets.iter().copied();
        for segment in &self.segments {
            write_segment(file, segment, &mut offsets, tail);
        }
        let starts = tail.offset + tail.symbols.len() + tail.strings.len();
        if self.function_starts.is_some() {
            write_blob(file, LC_FUNCTION_STARTS, starts, tail.starts.len());
        }
        if !self.exports.is_empty() {
            let exports = starts + tail.starts.len();
            write_blob(file, LC_EXPORTS_TRIE, exports, tail.exports.len());
        }
    }

    fn write_symtab(&self, file: &mut Writer, tail: &Tail) {
        file.u32(LC_SYMTAB);
        file.u32(24);
        file.u32(tail.offset as u32);
        file.u32(self.symbols.len() as u32);
        file.u32((tail.offset + tail.symbols.len()) as u32);
        file.u32(tail.strings.len() as u32);
        file.u32(LC_DYSYMTAB);
        file.u32(80);
        for word in 0..18 {
            // All symbols are called local: nothing here reads the partition.
            file.u32(if word == 1 {
                self.symbols.len() as u32
            } else {
                0
            });
        }
    }

    fn tail(&self, offset: usize) -> Tail {
        let mut symbols = self.writer();
        let mut strings = vec![0];
        for symbol in &self.symbols {
            symbols.u32(strings.len() as u32);
            symbols.u8(symbol.kind);
            symbols.u8(symbol.section);
            symbols.u16(symbol.desc);
            symbols.word(symbol.value);
            strings.extend_from_slice(symbol.name.as_bytes());
            strings.push(0);
        }
        strings.resize(round_up(strings.len(), 8), 0);
        let starts = self.function_starts.as_deref().unwrap_or_default();
        Tail {
            offset,
            symbols: symbols.finish(),
            strings,
            starts: function_starts(starts, self.base()),
            exports: export_trie(&self.exports, self.base()),
        }
    }
}

fn write_segment(
    file: &mut Writer,
    segment: &Segment,
    offsets: &mut impl Iterator<Item = usize>,
    tail: &Tail,
) {
    let count = segment.sections.len();
    let offsets: Vec<usize> = offsets.take(count).collect();
    let in_file = |index: usize| segment.sections[index].data.as_ref().map(Vec::len);
    let start = (0..count).find_map(|index| in_file(index).map(|_| offsets[index]));
    let end = (0..count)
        .rev()
        .find_map(|index| in_file(index).map(|size| offsets[index] + size));
    // The segment that holds the Mach-O header starts with the file.
    let holds_header = segment.name == "__TEXT" && start.is_some();
    let (offset, size) = match (segment.name.as_str(), start.zip(end)) {
        ("__LINKEDIT", _) => (tail.offset, tail.len()),
        (_, Some((_, end))) if holds_header => (0, end),
        (_, Some((start, end))) => (start, end - start),
        (_, None) => (0, 0),
    };
    let (command, base, each) = if file.wide {
        (LC_SEGMENT_64, 72, 80)
    } else {
        (LC_SEGMENT, 56, 68)
    };
    file.u32(command);
    file.u32((base + each * count) as u32);
    file.name16(&segment.name);
    for value in [segment.vmaddr, segment.vmsize, offset as u64, size as u64] {
        file.word(value);
    }
    for value in [7, 5, count as u32, 0] {
        file.u32(value);
    }
    for (section, offset) in segment.sections.iter().zip(offsets) {
        file.name16(&section.name);
        file.name16(&section.segment);
        file.word(section.address);
        file.word(section.size);
        for value in [offset as u32, 0, 0, 0, section.flags, 0, 0] {
            file.u32(value);
        }
        if file.wide {
            file.u32(0);
        }
    }
}

fn write_blob(file: &mut Writer, command: u32, offset: usize, size: usize) {
    for value in [command, 16, offset as u32, size as u32] {
        file.u32(value);
    }
}

fn cpu_subtype(arch: Arch) -> u32 {
    match arch {
        Arch::I386 | Arch::X86_64 => 3,
        Arch::X86_64H => 8,
        // Two capability bits: the pointer authentication ABI is versioned.
        Arch::Arm64e => 0xc000_0002,
        Arch::Arm => 9,
        Arch::Other(_, subtype) => subtype,
        _ => 0,
    }
}
