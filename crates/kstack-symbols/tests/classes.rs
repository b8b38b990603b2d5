//! What virtual tables tell of functions without names, one fact per test.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{NamedBy, Role, SymbolSet, Virtual};
use kstack_synth::macho::{Debugged, Function, Image, Program, Symbol, SymbolIn};

const ZVOL: &str = "__ZTV12net_foo_Zvol";
const DISK: &str = "__ZTV12net_foo_Disk";

/// A stripped kext of three functions of 16 bytes each, with virtual tables in its data.
struct Kext {
    program: Program,
    data: Vec<u8>,
}

const FUNCTION: [u8; 16] = [
    0x55, 0x48, 0x89, 0xe5, 0x31, 0xc0, 0x90,
    0x90, // push rbp; mov rbp, rsp; xor eax, eax; nop; nop
    0x5d, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, // pop rbp; ret
];

impl Kext {
    fn new() -> Kext {
        let mut program = Program::kext("zvol", Arch::X86_64, 1);
        for name in ["first", "second", "third"] {
            program.add(Function {
                symbol: SymbolIn::Neither,
                debugged: Debugged::Not,
                ..Function::new(name, 16)
            });
        }
        Kext {
            program,
            data: Vec::new(),
        }
    }

    /// Where the data begins.
    fn data_at(&self) -> u64 {
        self.program.data_start() + 0x4000
    }

    fn start(&self, function: &str) -> u64 {
        self.program.function(function).unwrap().start
    }

    /// Adds a table under a name; its two words before the first function are 0.
    fn table(mut self, symbol: &str, entries: &[u64]) -> Kext {
        let at = self.data_at() + self.data.len() as u64;
        let section = self.program.data_section();
        let symbol = Symbol::external(symbol, section, at);
        self.program.binary_symbols.push(symbol);
        for word in [0, 0].iter().chain(entries) {
            self.data.extend(word.to_le_bytes());
        }
        self
    }

    fn image(&self) -> Image {
        let mut image = self.program.binary_image();
        let code = &mut image.segments[0].sections[0];
        code.data = Some(FUNCTION.repeat(3));
        let data = image
            .segments
            .iter_mut()
            .find(|segment| segment.name == "__DATA");
        let mut bytes = self.data.clone();
        bytes.resize(0x100, 0);
        data.unwrap().sections[0].data = Some(bytes);
        image
    }

    fn at(&self, address: u64) -> Option<Virtual> {
        ask(self.image().build(), address)
    }
}

fn ask(file: Vec<u8>, address: u64) -> Option<Virtual> {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "zvol", None, file);
    assert_eq!(symbols.errors(), []);
    symbols.files()[0].slices[0].virtual_at(VmAddr(address))
}

/// `class entry` of each table.
fn tables(found: Option<Virtual>) -> Vec<String> {
    let tables = found.map_or(Vec::new(), |found| found.tables);
    let slots = tables.iter();
    slots
        .map(|slot| format!("{} {}", slot.class, slot.entry))
        .collect()
}

#[test]
fn a_function_is_known_by_the_entry_of_the_table_that_holds_it() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    let kext = kext.table(ZVOL, &[first, second, 0]);
    assert_eq!(tables(kext.at(second + 4)), ["net_foo_Zvol 1"]);
    assert_eq!(kext.at(second + 4).unwrap().start, VmAddr(second));
}

#[test]
fn an_inherited_function_is_in_the_tables_of_both_classes() {
    let kext = Kext::new();
    let first = kext.start("first");
    let kext = kext.table(ZVOL, &[first, 0]).table(DISK, &[first, 0]);
    assert_eq!(tables(kext.at(first)), ["net_foo_Disk 0", "net_foo_Zvol 0"]);
}

#[test]
fn a_function_in_no_table_is_of_no_class_though_one_before_it_is() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    let kext = kext.table(ZVOL, &[first, 0]);
    // The first function has returned before: nothing says that it reaches so far.
    assert_eq!(kext.at(second + 4), None);
}

#[test]
fn a_function_with_a_name_needs_no_guess() {
    let mut kext = Kext::new();
    kext.program.functions[0].symbol = SymbolIn::Both;
    let first = kext.start("first");
    assert_eq!(kext.table(ZVOL, &[first, 0]).at(first + 4), None);
}

#[test]
fn a_word_of_zero_ends_a_table() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    // What follows is another table whose name was stripped.
    let kext = kext.table(ZVOL, &[first, 0, 0, second, 0]);
    assert_eq!(tables(kext.at(first)), ["net_foo_Zvol 0"]);
    assert_eq!(kext.at(second), None);
}

#[test]
fn the_next_name_ends_a_table() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    let mut kext = kext.table(ZVOL, &[first, second]);
    let section = kext.program.data_section();
    let behind_first = kext.data_at() + 24;
    let callbacks = Symbol::external("_callbacks", section, behind_first);
    kext.program.binary_symbols.push(callbacks);
    assert_eq!(kext.at(second), None);
    assert_eq!(tables(kext.at(first)), ["net_foo_Zvol 0"]);
}

#[test]
fn a_part_of_a_class_with_several_bases_is_left_out() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    // Behind the functions of the first base: the distance of the second one, its type, a thunk.
    let distance = 16_u64.wrapping_neg();
    let kext = kext.table(ZVOL, &[first, distance, 0, second]);
    assert_eq!(kext.at(second), None);
}

#[test]
fn only_relocated_words_are_pointers_where_the_file_lists_relocations() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    let imported = 0;
    let kext = kext.table(ZVOL, &[first, imported, second, 0]);
    let word = |entry: u64| kext.data_at() + 16 + 8 * entry;
    let file = kext.image().build();
    let both = relocated(file.clone(), &[word(0), word(2)], &[word(1)]);
    assert_eq!(tables(ask(both, second)), ["net_foo_Zvol 2"]);
    // The third word is a number now, whatever it looks like.
    let one = relocated(file, &[word(0)], &[word(1)]);
    assert_eq!(ask(one, second), None);
}

#[test]
fn a_packed_pointer_counts_from_the_image() {
    let kext = Kext::new();
    let second = kext.start("second");
    // DYLD_CHAINED_PTR_ARM64E: authenticated, with a diversity, the next one 8 bytes on.
    let packed = 1 << 63 | 2 << 51 | 0x1234 << 32 | second;
    let kext = kext.table(ZVOL, &[packed, 0]);
    assert_eq!(tables(kext.at(second)), ["net_foo_Zvol 0"]);
}

#[test]
fn the_number_of_an_import_is_no_address() {
    let kext = Kext::new();
    let (first, second) = (kext.start("first"), kext.start("second"));
    // The number happens to be where a function starts.
    let import = 1 << 63 | 1 << 62 | second;
    let kext = kext.table(ZVOL, &[import, first, 0]);
    assert_eq!(kext.at(second), None);
    assert_eq!(tables(kext.at(first)), ["net_foo_Zvol 1"]);
}

/// A kext whose tables have no symbols: `init` constructs the metaclass at the end of the data, `getMetaClass` returns it.
struct Nameless {
    kext: Kext,
    /// What the constructor is called with.
    name: &'static [u8],
    /// The function that is called, as the file imports it.
    constructor: &'static str,
}

const CONSTRUCTOR: &str = "__ZN11OSMetaClassC2EPKcPKS_j";

impl Nameless {
    /// A table that holds `getMetaClass` and one more function.
    fn new() -> Nameless {
        let mut program = Program::kext("zvol", Arch::X86_64, 1);
        for (name, size) in [("init", 32), ("getMetaClass", 16), ("strategy", 16)] {
            program.add(Function {
                symbol: SymbolIn::Neither,
                debugged: Debugged::Not,
                ..Function::new(name, size)
            });
        }
        let kext = Kext {
            program,
            data: Vec::new(),
        };
        Nameless {
            kext,
            name: b"net_foo_Zvol\0",
            constructor: CONSTRUCTOR,
        }
        .with_table()
    }

    /// Another table with the same two functions.
    fn with_table(mut self) -> Nameless {
        let functions = ["getMetaClass", "strategy"];
        let [meta, strategy] = functions.map(|name| self.kext.start(name));
        for word in [0, 0, meta, strategy, 0] {
            self.kext.data.extend(word.to_le_bytes());
        }
        self
    }

    /// `class entry` of the tables that hold `strategy`, and what names them.
    fn tables(self) -> (Vec<String>, Option<NamedBy>) {
        const METACLASS: u64 = 0xc0;
        const TEXT: u64 = 0xe0;
        let Nameless {
            mut kext,
            name,
            constructor,
        } = self;
        kext.program.binary_symbols = vec![Symbol::undefined(constructor)];
        let (init, meta) = (kext.start("init"), kext.start("getMetaClass"));
        let metaclass = kext.data_at() + METACLASS;
        let load = |opcode: [u8; 3], at: u64, to: u64| {
            let distance = (to - (at + 7)) as u32;
            [&opcode[..], &distance.to_le_bytes()].concat()
        };
        let mut code = vec![0x55, 0x48, 0x89, 0xe5]; // push rbp; mov rbp, rsp
        code.extend(load([0x48, 0x8d, 0x3d], init + 4, metaclass)); // lea rdi
        code.extend(load([0x48, 0x8d, 0x35], init + 11, kext.data_at() + TEXT)); // lea rsi
        code.extend([0xe8, 0, 0, 0, 0, 0x5d, 0xc3]); // call; pop rbp; ret
        code.resize(32, 0xcc);
        code.extend([0x55, 0x48, 0x89, 0xe5]);
        code.extend(load([0x48, 0x8d, 0x05], meta + 4, metaclass)); // lea rax
        code.extend([0x5d, 0xc3]);
        code.resize(48, 0xcc);
        code.extend(FUNCTION);
        let mut data = kext.data.clone();
        data.resize(TEXT as usize, 0);
        data.extend(name);
        data.resize(0x100, 0);

        let mut image = kext.program.binary_image();
        image.segments[0].sections[0].data = Some(code);
        let mut segments = image.segments.iter_mut();
        let segment = segments.find(|segment| segment.name == "__DATA");
        segment.unwrap().sections[0].data = Some(data);
        let file = with_call_of_import(image.build(), init + 19);
        let found = ask(file, kext.start("strategy") + 4);
        let named_by = found.as_ref().map(|found| found.tables[0].named_by);
        (tables(found), named_by)
    }
}

#[test]
fn a_table_without_a_symbol_is_named_by_its_metaclass() {
    let (tables, named_by) = Nameless::new().tables();
    assert_eq!(tables, ["net_foo_Zvol 1"]);
    assert_eq!(named_by, Some(NamedBy::Metaclass));
}

#[test]
fn two_tables_of_one_metaclass_name_nothing() {
    // One is of a class that derives from it, and nothing says which.
    assert_eq!(Nameless::new().with_table().tables(), (vec![], None));
}

#[test]
fn a_call_of_another_function_constructs_no_metaclass() {
    let other = Nameless {
        constructor: "_IOLog",
        ..Nameless::new()
    };
    assert_eq!(other.tables(), (vec![], None));
}

#[test]
fn what_is_no_name_of_a_class_names_none() {
    let other = Nameless {
        name: b"%s: no memory\0",
        ..Nameless::new()
    };
    assert_eq!(other.tables(), (vec![], None));
}

/// The file with one relocation: the call whose displacement is there calls the first symbol.
fn with_call_of_import(mut file: Vec<u8>, displacement: u64) -> Vec<u8> {
    // Of four bytes, counted from the instruction, of a symbol; X86_64_RELOC_BRANCH.
    let word = 1_u32 << 24 | 2 << 25 | 1 << 27 | 2 << 28;
    let offset = file.len() as u32;
    file.extend((displacement as u32).to_le_bytes());
    file.extend(word.to_le_bytes());
    set_relocations(&mut file, 14, offset, 1);
    file
}

/// The file with relocations of the words at these addresses: local ones, and external ones.
fn relocated(mut file: Vec<u8>, local: &[u64], external: &[u64]) -> Vec<u8> {
    // extreloff and nextrel are fields 14 and 15 behind the head of the command, locreloff and nlocrel 16 and 17.
    for (field, relocations) in [(14, external), (16, local)] {
        let offset = file.len() as u32;
        for address in relocations {
            file.extend((*address as u32).to_le_bytes());
            // Eight bytes long, X86_64_RELOC_UNSIGNED.
            file.extend((3_u32 << 25).to_le_bytes());
        }
        set_relocations(&mut file, field, offset, relocations.len() as u32);
    }
    file
}

/// Writes offset and count into two fields of `LC_DYSYMTAB`.
fn set_relocations(file: &mut [u8], field: usize, offset: u32, count: u32) {
    const LC_DYSYMTAB: u32 = 0xb;
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut at = 32;
    while word(at) != LC_DYSYMTAB {
        at += word(at + 4) as usize;
    }
    let place = at + 8 + 4 * field;
    file[place..place + 4].copy_from_slice(&offset.to_le_bytes());
    file[place + 4..place + 8].copy_from_slice(&count.to_le_bytes());
}
