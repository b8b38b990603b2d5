//! One Mach-O slice: who it is, where its parts are linked, where its tables lie.

mod symtab;
mod tables;

use std::ops::Range;

use goblin::container::{Container, Ctx};
use goblin::mach::header::{self, Header};
use goblin::mach::load_command as lc;
use goblin::mach::segment::Section as RawSection;
use goblin::mach::{constants, parse_magic_and_ctx};
use kstack_model::{Arch, Uuid, VmAddr};
use scroll::Pread;
use scroll::ctx::SizeWith;

pub(crate) use self::symtab::Held;
use crate::relocations::Stubs;
use crate::{FileKind, Section, Segment, SymbolErrorKind};

/// A kernel has some twenty segments; only damage makes more of them than this.
const MOST_SEGMENTS: usize = 256;

/// What the header and the load commands of a slice say.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) arch: Arch,
    pub(crate) kind: FileKind,
    pub(crate) uuid: Option<Uuid>,
    /// In file order; `__DWARF` is left out.
    pub(crate) segments: Vec<Segment>,
    /// Every section in file order, as symbols count them.
    sections: Vec<Numbered>,
    /// Whether it has debug information.
    pub(crate) has_dwarf: bool,
    /// Whether it reserves page zero, as programs for users do and kernels do not.
    pub(crate) has_page_zero: bool,
    /// Whether its load commands end early.
    pub(crate) is_cut: bool,
    /// The images in a kernel collection; `None` for every other file.
    pub(crate) entries: Option<Vec<Entry>>,
    /// What of the file lies in memory, by segment.
    pub(crate) mapped: Vec<Mapped>,
    symtab: Option<lc::SymtabCommand>,
    pub(crate) relocations: Option<lc::DysymtabCommand>,
    pub(crate) stubs: Vec<Stubs>,
    function_starts: Option<Range<usize>>,
    exports: Option<Range<usize>>,
    ctx: Ctx,
    linked_at: u64,
}

/// One image of a kernel collection (`struct fileset_entry_command`, cctools-1010.6, `mach-o/loader.h`).
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The bundle identifier.
    pub(crate) id: String,
    /// Where its header lies in the slice.
    pub(crate) offset: u64,
}

/// The part of a segment that comes from the file.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub(crate) segment: String,
    /// Where it is linked.
    pub(crate) address: u64,
    /// Where it lies in the slice.
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

impl Mapped {
    /// The bytes from a linked address to the end of the segment; what lies outside the file is cut.
    pub(crate) fn from<'a>(&self, address: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let before = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let left = self.size.checked_sub(before)?;
        let rest = bytes.get(self.offset.checked_add(before)?..)?;
        Some(rest.get(..left).unwrap_or(rest))
    }
}

/// A section as symbols see it.
#[derive(Debug)]
struct Numbered {
    range: Range<u64>,
    is_code: bool,
    /// Where its bytes are in the slice.
    offset: usize,
}

impl Image {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Image, SymbolErrorKind> {
        Image::parse_at(bytes, 0)
    }

    /// Reads the image whose header lies at `start`. Everything it refers to counts from the start of
    /// `bytes`, as in a kernel collection.
    pub(crate) fn parse_at(bytes: &[u8], start: usize) -> Result<Image, SymbolErrorKind> {
        let damaged = |what: &str| SymbolErrorKind::Damaged(what.to_owned());
        let (_, ctx) =
            parse_magic_and_ctx(bytes, start).map_err(|_| damaged("the header ends early"))?;
        let ctx = ctx.ok_or_else(|| damaged("a slice that is not a Mach-O file"))?;
        let header: Header = bytes
            .pread_with(start, ctx)
            .map_err(|_| damaged("the header ends early"))?;
        let kind = match header.filetype {
            header::MH_EXECUTE => FileKind::Kernel,
            header::MH_KEXT_BUNDLE | header::MH_OBJECT => FileKind::Kext,
            header::MH_DSYM => FileKind::Dsym,
            _ => FileKind::Other,
        };
        let mut image = Image {
            arch: Arch::from_macho(header.cputype, header.cpusubtype),
            kind,
            uuid: None,
            segments: Vec::new(),
            sections: Vec::new(),
            has_dwarf: false,
            has_page_zero: false,
            is_cut: false,
            entries: (header.filetype == header::MH_FILESET).then(Vec::new),
            mapped: Vec::new(),
            symtab: None,
            relocations: None,
            stubs: Vec::new(),
            function_starts: None,
            exports: None,
            ctx,
            linked_at: 0,
        };
        let commands = start + Header::size_with(&ctx.container);
        image.is_cut = !image.read_commands(bytes, commands, header.ncmds);
        if image.sections.is_empty() && image.segments.is_empty() {
            return Err(damaged("no segments"));
        }
        image.linked_at = image.header_address();
        Ok(image)
    }

    /// Reads the load commands one by one. A damaged one costs those behind
    /// it, because they cannot be found; then the answer is `false`.
    fn read_commands(&mut self, bytes: &[u8], start: usize, count: usize) -> bool {
        let mut at = start;
        for _ in 0..count {
            let Ok(command) = bytes.pread_with::<lc::LoadCommandHeader>(at, self.ctx.le) else {
                return false;
            };
            let size = to_usize(command.cmdsize);
            let Some(body) = bytes.get(at..).and_then(|rest| rest.get(..size)) else {
                return false;
            };
            if size < lc::SIZEOF_LOAD_COMMAND {
                return false;
            }
            self.read_command(command.cmd, body);
            at += size;
        }
        true
    }

    fn read_command(&mut self, command: u32, body: &[u8]) {
        let le = self.ctx.le;
        match command {
            lc::LC_UUID => {
                let uuid = body.pread_with::<lc::UuidCommand>(0, le).ok();
                // A linker told to write no UUID can leave zeros.
                self.uuid = uuid
                    .map(|command| Uuid::from_bytes(command.uuid))
                    .filter(|uuid| !uuid.is_nil());
            }
            lc::LC_SEGMENT | lc::LC_SEGMENT_64 => self.read_segment(command, body),
            lc::LC_FILESET_ENTRY => self.read_entry(body),
            lc::LC_DYSYMTAB => self.relocations = body.pread_with(0, le).ok(),
            lc::LC_SYMTAB => self.symtab = body.pread_with(0, le).ok(),
            lc::LC_FUNCTION_STARTS => self.function_starts = blob(body, le),
            lc::LC_DYLD_EXPORTS_TRIE => self.exports = blob(body, le),
            lc::LC_DYLD_INFO | lc::LC_DYLD_INFO_ONLY => {
                if let Ok(info) = body.pread_with::<lc::DyldInfoCommand>(0, le) {
                    self.exports = self
                        .exports
                        .take()
                        .or(span(info.export_off, info.export_size));
                }
            }
            _ => {}
        }
    }

    fn read_entry(&mut self, body: &[u8]) {
        let le = self.ctx.le;
        // Address, offset in the file, and where in the command the name starts.
        let offset = body.pread_with::<u64>(16, le);
        let name = body.pread_with::<u32>(24, le);
        let (Ok(offset), Ok(name), Some(entries)) = (offset, name, &mut self.entries) else {
            return;
        };
        let name = body.get(to_usize(name)..).unwrap_or_default();
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let id = String::from_utf8_lossy(name).into_owned();
        entries.push(Entry { id, offset });
    }

    fn read_segment(&mut self, command: u32, body: &[u8]) {
        let Some(header) = SegmentHeader::read(command, body, self.ctx.le) else {
            return;
        };
        let in_file = header.in_file.1.min(header.size);
        if let (Ok(offset), Ok(size)) =
            (usize::try_from(header.in_file.0), usize::try_from(in_file))
        {
            self.mapped.push(Mapped {
                segment: header.name.clone(),
                address: header.start,
                offset,
                size,
            });
        }
        let mut sections = Vec::new();
        let mut at = header.sections_at;
        for _ in 0..header.section_count {
            let ctx = Ctx::new(header.container, self.ctx.le);
            let Ok(raw) = body.pread_with::<RawSection>(at, ctx) else {
                break;
            };
            // Symbols name a section by one byte, so there are no more.
            if self.sections.len() == usize::from(goblin::mach::symbols::MAX_SECT) {
                break;
            }
            let start_of_section = at;
            at += RawSection::size_with(&ctx);
            let section = section(&raw);
            if command == lc::LC_SEGMENT_64 {
                let reserved = body.get(start_of_section + RESERVED..).unwrap_or_default();
                self.stubs.extend(stubs(&raw, reserved, self.ctx.le));
            }
            self.has_dwarf |= section.name == "__debug_info" && raw.size > 0;
            self.sections.push(Numbered {
                range: section.range.start.0..section.range.end.0,
                is_code: section.is_code,
                offset: to_usize(raw.offset),
            });
            // Object files list all sections in one segment, the debug information too.
            if field_text(&raw.segname) != "__DWARF" {
                sections.push(section);
            }
        }
        self.has_page_zero |= header.name == "__PAGEZERO";
        let is_loaded = header.name != "__DWARF" && header.name != "__PAGEZERO";
        if is_loaded && self.segments.len() < MOST_SEGMENTS {
            let end = header.start.saturating_add(header.size);
            self.segments.push(Segment {
                name: header.name,
                range: VmAddr(header.start)..VmAddr(end),
                sections,
            });
        }
    }

    fn header_address(&self) -> u64 {
        let text = self
            .segments
            .iter()
            .find(|segment| segment.name == "__TEXT");
        let holder = text.or(self.segments.first());
        holder.map_or(0, |segment| segment.range.start.0)
    }

    /// Where the Mach-O header is linked.
    pub(crate) fn linked_at(&self) -> VmAddr {
        VmAddr(self.linked_at)
    }

    /// Sections of instructions.
    pub(crate) fn code(&self) -> impl Iterator<Item = &Range<u64>> {
        let code = self.sections.iter().filter(|section| section.is_code);
        code.map(|section| &section.range)
    }

    /// Sections of instructions with their bytes; none in a dSYM, which has only their addresses.
    pub(crate) fn code_bytes<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = (u64, &'a [u8])> {
        let is_binary = self.kind != FileKind::Dsym;
        let code = self.sections.iter();
        let code = code.filter(move |section| is_binary && section.is_code && section.offset > 0);
        code.filter_map(|section| {
            let size = usize::try_from(section.range.end - section.range.start).ok()?;
            let rest = bytes.get(section.offset..)?;
            Some((section.range.start, rest.get(..size).unwrap_or(rest)))
        })
    }

    /// The bytes from a linked address to the end of its segment.
    pub(crate) fn bytes_at<'a>(&self, address: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut mapped = self.mapped.iter();
        mapped.find_map(|segment| segment.from(address, bytes).filter(|rest| !rest.is_empty()))
    }

    /// Whether a segment of this name is loaded: all but the link editor's tables.
    pub(crate) fn is_mapped(segment: &str) -> bool {
        segment != "__LINKEDIT"
    }

    /// Whether a segment of this name holds data, such as tables of pointers.
    pub(crate) fn is_data(segment: &str) -> bool {
        segment.starts_with("__DATA")
    }

    /// Whether its pointers have eight bytes.
    pub(crate) fn is_64_bit(&self) -> bool {
        self.ctx.container == Container::Big
    }

    /// Whether its words have their lowest byte first.
    pub(crate) fn is_little_endian(&self) -> bool {
        self.ctx.le == scroll::Endian::Little
    }

    /// Where a linked address lies in the slice.
    pub(crate) fn offset_of(&self, address: u64) -> Option<usize> {
        let mut mapped = self.mapped.iter();
        mapped.find_map(|segment| {
            let before = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            (before < segment.size).then_some(segment.offset.checked_add(before)?)
        })
    }

    /// Sections of data, those of debug information left out.
    pub(crate) fn data(&self) -> impl Iterator<Item = Range<u64>> {
        let sections = self.segments.iter().flat_map(|segment| &segment.sections);
        let data = sections.filter(|section| !section.is_code);
        data.map(|section| section.range.start.0..section.range.end.0)
    }

    /// Where functions start, as the file lists them.
    pub(crate) fn function_starts(&self, bytes: &[u8]) -> Vec<u64> {
        let list = self.function_starts.clone();
        let list = list.and_then(|range| bytes.get(range)).unwrap_or_default();
        let mut starts = Vec::new();
        let mut reader = crate::leb128::Reader::new(list);
        let mut address = self.linked_at;
        while let Some(step) = reader.unsigned() {
            if step == 0 {
                break;
            }
            address = address.wrapping_add(step);
            // On 32-bit ARM bit 0 says that the function is Thumb code.
            let start = match self.arch {
                Arch::Arm => address & !1,
                _ => address,
            };
            starts.push(start);
        }
        starts
    }

    /// The export trie's bytes.
    pub(crate) fn export_trie<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let trie = self.exports.clone();
        trie.and_then(|range| bytes.get(range)).unwrap_or_default()
    }
}

/// A segment command of either word size; the command has its own, whatever the header says.
struct SegmentHeader {
    name: String,
    start: u64,
    size: u64,
    /// Offset and size of what comes from the file.
    in_file: (u64, u64),
    section_count: u32,
    sections_at: usize,
    container: Container,
}

impl SegmentHeader {
    fn read(command: u32, body: &[u8], le: scroll::Endian) -> Option<SegmentHeader> {
        if command == lc::LC_SEGMENT_64 {
            let raw: lc::SegmentCommand64 = body.pread_with(0, le).ok()?;
            return Some(SegmentHeader {
                name: field_text(&raw.segname),
                start: raw.vmaddr,
                size: raw.vmsize,
                in_file: (raw.fileoff, raw.filesize),
                section_count: raw.nsects,
                sections_at: lc::SIZEOF_SEGMENT_COMMAND_64,
                container: Container::Big,
            });
        }
        let raw: lc::SegmentCommand32 = body.pread_with(0, le).ok()?;
        Some(SegmentHeader {
            name: field_text(&raw.segname),
            start: u64::from(raw.vmaddr),
            size: u64::from(raw.vmsize),
            in_file: (u64::from(raw.fileoff), u64::from(raw.filesize)),
            section_count: raw.nsects,
            sections_at: lc::SIZEOF_SEGMENT_COMMAND_32,
            container: Container::Little,
        })
    }
}

fn section(raw: &RawSection) -> Section {
    let name = field_text(&raw.sectname);
    let instructions = constants::S_ATTR_PURE_INSTRUCTIONS | constants::S_ATTR_SOME_INSTRUCTIONS;
    let is_code = raw.flags & instructions != 0 || name == "__text";
    Section {
        range: VmAddr(raw.addr)..VmAddr(raw.addr.saturating_add(raw.size)),
        // A power of two; a larger one than a page is damage, or more than any loader keeps.
        alignment: 1 << raw.align.min(14),
        is_code,
        name,
    }
}

/// Where `reserved1` lies in a `struct section_64`; goblin leaves it out.
const RESERVED: usize = 68;

/// What a section of stubs says of itself: the index of its first symbol, and the size of one stub.
fn stubs(raw: &RawSection, reserved: &[u8], le: scroll::Endian) -> Option<Stubs> {
    const TYPE: u32 = 0xff;
    let first_symbol = reserved.pread_with(0, le).ok()?;
    let size: u32 = reserved.pread_with(4, le).ok()?;
    let count = raw.size.checked_div(u64::from(size))?;
    (raw.flags & TYPE == constants::S_SYMBOL_STUBS).then_some(Stubs {
        address: raw.addr,
        size,
        count: u32::try_from(count).ok()?,
        first_symbol,
    })
}

fn blob(body: &[u8], le: scroll::Endian) -> Option<Range<usize>> {
    let command: lc::LinkeditDataCommand = body.pread_with(0, le).ok()?;
    span(command.dataoff, command.datasize)
}

fn span(offset: u32, size: u32) -> Option<Range<usize>> {
    let start = to_usize(offset);
    Some(start..start.checked_add(to_usize(size))?)
}

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The text of a 16-byte field, which need not end with a NUL.
fn field_text(field: &[u8; 16]) -> String {
    let text = field.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
