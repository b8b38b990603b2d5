//! Functions in, binary, dSYM and truth table out.

use kstack_model::{Arch, Uuid};

use super::dwarf;
use super::function::{Debugged, Function, Inlined, Place, SymbolIn};
use super::image::{FileType, Image, Section, Segment, Symbol};
use super::writer::is_wide;

/// What a program is linked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A kext: `MH_KEXT_BUNDLE`, in 32 bits `MH_OBJECT`.
    Kext,
    /// A kernel: `MH_EXECUTE`.
    Kernel,
}

/// A kext or a kernel with its debug information.
#[derive(Clone, Debug)]
pub struct Program {
    /// Name of the executable file.
    pub name: String,
    /// Architecture.
    pub arch: Arch,
    /// Kext or kernel.
    pub kind: Kind,
    /// `LC_UUID` of both files.
    pub uuid: Option<Uuid>,
    /// Where the Mach-O header is linked: 0 for kexts, elsewhere for kernels and `.sym` files.
    pub base: u64,
    /// Version of the DWARF, 2 to 5.
    pub dwarf_version: u16,
    /// Functions per compile unit.
    pub unit_size: usize,
    /// Whether the debug information has `__debug_aranges`, as those of dsymutil do.
    pub aranges: bool,
    /// Its functions, in the order of their addresses.
    pub functions: Vec<Function>,
    /// Whether both files have `LC_FUNCTION_STARTS`; shipped kexts have none.
    pub function_starts: bool,
    /// Names in the export trie of the binary, with their addresses.
    pub exports: Vec<(String, u64)>,
    /// Further symbols of the binary.
    pub binary_symbols: Vec<Symbol>,
    /// Further symbols of the dSYM.
    pub dsym_symbols: Vec<Symbol>,
}

impl Program {
    /// A kext linked at 0, with the UUID that `seed` makes.
    #[must_use]
    pub fn kext(name: &str, arch: Arch, seed: u8) -> Program {
        Program {
            name: name.to_owned(),
            arch,
            kind: Kind::Kext,
            uuid: Some(Uuid::from_bytes([seed; 16])),
            base: 0,
            dwarf_version: 4,
            unit_size: 16,
            aranges: false,
            functions: Vec::new(),
            function_starts: false,
            exports: Vec::new(),
            binary_symbols: Vec::new(),
            dsym_symbols: Vec::new(),
        }
    }

    /// A kernel, linked where kernels of the architecture are.
    #[must_use]
    pub fn kernel(arch: Arch, seed: u8) -> Program {
        Program {
            kind: Kind::Kernel,
            base: match arch {
                Arch::X86_64 | Arch::X86_64H => 0xffff_ff80_0030_0000,
                Arch::Arm64 | Arch::Arm64e => 0xffff_fe00_0701_0000,
                Arch::Arm => 0x8000_1000,
                _ => 0x20_0000,
            },
            function_starts: true,
            ..Program::kext("kernel", arch, seed)
        }
    }

    /// A kext for each word size, byte order and version of DWARF, with all that a symbol file can have.
    #[must_use]
    pub fn of_every_kind() -> Vec<Program> {
        let kinds = [
            (Arch::X86_64, 4, true),
            (Arch::Arm64e, 5, false),
            (Arch::I386, 3, false),
            (Arch::Ppc, 2, true),
        ];
        let kinds = kinds.into_iter();
        let programs = kinds.map(|(arch, dwarf_version, aranges)| {
            let mut program = Program::kext("demo", arch, 1);
            program.dwarf_version = dwarf_version;
            program.aranges = aranges;
            program.unit_size = 2;
            program.function_starts = true;
            program.add_many(6);
            let functions = program.functions.iter();
            program.exports = functions
                .map(|function| (format!("_{}", function.name), function.start))
                .collect();
            program
        });
        programs.collect()
    }

    /// Adds a function behind the others, aligned to 16 bytes.
    #[must_use]
    pub fn with(mut self, function: Function) -> Program {
        self.add(function);
        self
    }

    /// Adds a function behind the others, aligned to 16 bytes; returns its start.
    pub fn add(&mut self, mut function: Function) -> u64 {
        let end = self
            .functions
            .last()
            .map_or(self.code_start(), |last| last.range().end);
        function.start = end.div_ceil(16) * 16;
        let start = function.start;
        self.functions.push(function);
        start
    }

    /// Adds `count` functions of varied sizes, inline depths and names.
    pub fn add_many(&mut self, count: u64) {
        for index in 0..count {
            // Sizes and depths only have to vary; two odd factors do that.
            let size = 40 + 4 * (index * 37 % 90);
            let depth = (index * 7 % 5).min(3);
            let (name, linkage) = match index % 4 {
                3 => {
                    let name = format!("step_{index}");
                    let mangled = format!("_ZN4demo6Worker{}{name}Ev", name.len());
                    (name, Some(mangled))
                }
                _ => (format!("demo_{index}"), None),
            };
            self.add(Function {
                linkage,
                line: 10 + 20 * index,
                inlined: (1..=depth).map(Inlined::numbered).collect(),
                ..Function::new(&name, size)
            });
        }
    }

    /// Where the first function is linked.
    #[must_use]
    pub fn code_start(&self) -> u64 {
        self.base
            + match (self.has_text_exec(), self.is_object()) {
                (true, _) => 0x8000,
                (_, true) => 0x40,
                _ => 0x1000,
            }
    }

    /// Where the code section ends.
    #[must_use]
    pub fn code_end(&self) -> u64 {
        self.functions
            .last()
            .map_or(self.code_start() + 16, |last| last.range().end)
    }

    /// Where the data section starts.
    #[must_use]
    pub fn data_start(&self) -> u64 {
        self.code_end().div_ceil(0x4000) * 0x4000
    }

    /// Number of the code section, as symbols name it.
    #[must_use]
    pub fn code_section(&self) -> u8 {
        if self.has_text_exec() { 2 } else { 1 }
    }

    /// Number of the data section, as symbols name it.
    #[must_use]
    pub fn data_section(&self) -> u8 {
        3
    }

    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// What an address means, innermost first; `None` outside the functions that have DWARF.
    #[must_use]
    pub fn truth(&self, address: u64) -> Option<Vec<Place>> {
        let index = self
            .functions
            .iter()
            .position(|function| function.range().contains(&address))?;
        let function = &self.functions[index];
        if function.debugged != Debugged::Fully {
            return None;
        }
        let rows = function.rows();
        let row = rows.iter().rev().find(|row| row.0 <= address)?;
        let (mut line, mut column) = (row.2, row.3);
        let mut places = Vec::new();
        for depth in (0..=row.1).rev() {
            let name = match depth {
                0 => function.linker_name(),
                inner => function.inlined[inner - 1].linker_name(),
            };
            places.push(Place {
                function: name.to_owned(),
                file: self.file(index, depth),
                line,
                column,
            });
            if depth > 0 {
                (line, column) = function.call_site(depth);
            }
        }
        Some(places)
    }

    /// Full path of the file that holds the code of this inline depth.
    fn file(&self, function: usize, depth: usize) -> String {
        let unit = function / self.unit_size;
        match depth {
            0 => format!("{}/{}", self.source_folder(), dwarf::unit_name(unit)),
            _ => format!("{}/{}", self.source_folder(), dwarf::HEADER_PATH),
        }
    }

    pub(super) fn source_folder(&self) -> String {
        format!("/Users/dana/{}", self.name)
    }

    /// The binary as shipped: no DWARF.
    #[must_use]
    pub fn binary(&self) -> Vec<u8> {
        self.binary_image().build()
    }

    /// The binary, to be changed before it is built.
    #[must_use]
    pub fn binary_image(&self) -> Image {
        let mut image = self.image(true);
        image.symbols = self.symbols(|place| place == SymbolIn::Both);
        image.symbols.extend(self.binary_symbols.iter().cloned());
        image.exports.clone_from(&self.exports);
        image
    }

    /// The file in the dSYM.
    #[must_use]
    pub fn dsym(&self) -> Vec<u8> {
        self.dsym_image().build()
    }

    /// The file in the dSYM, to be changed before it is built.
    #[must_use]
    pub fn dsym_image(&self) -> Image {
        let mut image = self.image(false);
        image.file_type = FileType::Dsym;
        image.symbols = self.symbols(|place| place != SymbolIn::Neither);
        image.symbols.extend(self.dsym_symbols.iter().cloned());
        let address = self.data_start() + 0x10_0000;
        image.segments.push(dwarf::segment(self, address));
        image
    }

    fn symbols(&self, wanted: impl Fn(SymbolIn) -> bool) -> Vec<Symbol> {
        self.functions
            .iter()
            .filter(|function| wanted(function.symbol))
            .map(|function| {
                let name = format!("_{}", function.linker_name());
                Symbol::external(&name, self.code_section(), function.start)
            })
            .collect()
    }

    fn is_object(&self) -> bool {
        self.kind == Kind::Kext && !is_wide(self.arch)
    }

    fn has_text_exec(&self) -> bool {
        matches!(self.arch, Arch::Arm64 | Arch::Arm64e)
    }

    fn image(&self, with_data: bool) -> Image {
        let starts = self.functions.iter().map(|function| function.start);
        Image {
            arch: self.arch,
            file_type: match (self.kind, self.is_object()) {
                (Kind::Kernel, _) => FileType::Execute,
                (Kind::Kext, true) => FileType::Object,
                (Kind::Kext, false) => FileType::KextBundle,
            },
            uuid: self.uuid,
            segments: self.segments(with_data),
            symbols: Vec::new(),
            function_starts: self.function_starts.then(|| starts.collect()),
            exports: Vec::new(),
        }
    }

    fn segments(&self, with_data: bool) -> Vec<Segment> {
        let (base, code, data) = (self.base, self.code_start(), self.data_start());
        let section = |segment: &str, name: &str, address: u64, size: u64, flags: u32| Section {
            segment: segment.to_owned(),
            name: name.to_owned(),
            address,
            size,
            data: with_data.then(|| vec![0x90; usize::try_from(size).expect("small")]),
            flags,
        };
        let segment = |name: &str, vmaddr: u64, end: u64, sections: Vec<Section>| Segment {
            name: name.to_owned(),
            vmaddr,
            vmsize: end - vmaddr,
            sections,
        };
        let size = self.code_end() - code;
        let text = if self.has_text_exec() {
            "__TEXT_EXEC"
        } else {
            "__TEXT"
        };
        let text = section(text, "__text", code, size, Section::CODE);
        let constants = match self.has_text_exec() {
            true => section("__TEXT", "__const", base + 0x1000, 0x100, 0),
            false => section("__TEXT", "__const", self.code_end(), 0x100, 0),
        };
        let data_section = section("__DATA", "__data", data + 0x4000, 0x100, 0);
        if self.is_object() {
            let all = vec![text, constants, data_section];
            return vec![segment("", base, data + 0x8000, all)];
        }
        let mut segments = match self.has_text_exec() {
            true => vec![
                segment("__TEXT", base, base + 0x4000, vec![constants]),
                segment("__TEXT_EXEC", code, data, vec![text]),
            ],
            false => vec![segment(
                "__TEXT",
                base,
                data + 0x4000,
                vec![text, constants],
            )],
        };
        let link = data + 0x8000;
        segments.push(segment("__DATA", data + 0x4000, link, vec![data_section]));
        segments.push(segment("__LINKEDIT", link, link + 0x1_0000, Vec::new()));
        segments
    }
}
