//! Debug information made to cost more than its size: it is refused, the symbols still serve.

use kstack_model::{Address, Arch, VmAddr};
use kstack_symbols::{Role, StatedPlace, SymbolSet, link};
use kstack_synth::macho::{Function, Program};

const CHILDREN: u8 = 1;
const LEAF: u8 = 0;

/// Tag, has children, pairs of attribute and form.
type Abbreviation<'a> = (u8, u8, &'a [(u8, u8)]);

fn abbreviations(list: &[Abbreviation<'_>]) -> Vec<u8> {
    let mut table = Vec::new();
    for (code, (tag, children, attributes)) in (1..).zip(list) {
        table.extend([code, *tag, *children]);
        for (attribute, form) in *attributes {
            table.extend([*attribute, *form]);
        }
        table.extend([0, 0]);
    }
    table.push(0);
    table
}

/// A DWARF 4 unit of these entries.
fn unit(entries: &[u8]) -> Vec<u8> {
    unit_with(0, entries)
}

/// The same, whose abbreviations start at an offset.
fn unit_with(abbreviations: u32, entries: &[u8]) -> Vec<u8> {
    let mut unit = Vec::new();
    unit.extend((entries.len() as u32 + 7).to_le_bytes());
    unit.extend(4_u16.to_le_bytes());
    unit.extend(abbreviations.to_le_bytes());
    unit.push(8);
    unit.extend_from_slice(entries);
    unit
}

const COMPILE_UNIT: u8 = 0x11;
const INLINED: u8 = 0x1d;
const SUBPROGRAM: u8 = 0x2e;
const NAME: u8 = 0x03;
const ABSTRACT_ORIGIN: u8 = 0x31;
const LOW_PC: u8 = 0x11;
const HIGH_PC: u8 = 0x12;
const RANGES: u8 = 0x55;
const ADDR: u8 = 0x01;
const DATA8: u8 = 0x07;
const STRING: u8 = 0x08;
const REF4: u8 = 0x13;
const SEC_OFFSET: u8 = 0x17;

/// A program with this debug information.
fn open(program: &Program, sections: &[(&str, Vec<u8>)]) -> SymbolSet {
    let mut dsym = program.dsym_image();
    for section in &mut dsym.segments.last_mut().unwrap().sections {
        let new = sections.iter().find(|(name, _)| *name == section.name);
        let data = new.map_or_else(Vec::new, |(_, data)| data.clone());
        section.size = data.len() as u64;
        section.data = Some(data);
    }
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "demo", None, program.binary());
    symbols.add_bytes(Role::Dsym, "demo.dSYM", None, dsym.build());
    symbols
}

fn demo() -> Program {
    Program::kext("demo", Arch::X86_64, 1).with(Function::new("first", 0x40))
}

/// Asks a program with this debug information for its first function.
fn ask(sections: &[(&str, Vec<u8>)]) -> (Option<String>, Option<String>) {
    let program = demo();
    let symbols = open(&program, sections);
    let mut names = symbols.files()[0].slices[0].names();
    let named = names.lookup(VmAddr(program.code_start() + 4)).unwrap();
    (named.map(|named| named.name.to_string()), names.damage())
}

fn bounds() -> Vec<u8> {
    [0x1000_u64.to_le_bytes(), 0x40_u64.to_le_bytes()].concat()
}

#[test]
fn inlined_functions_nested_without_end_are_refused() {
    let bounded: &[(u8, u8)] = &[(LOW_PC, ADDR), (HIGH_PC, DATA8)];
    let table = abbreviations(&[
        (COMPILE_UNIT, CHILDREN, bounded),
        (SUBPROGRAM, CHILDREN, bounded),
        (INLINED, CHILDREN, bounded),
    ]);
    let inlined = [&[3][..], &bounds()].concat();
    let mut entries = [&[1][..], &bounds(), &[2], &bounds()].concat();
    entries.extend(inlined.repeat(1 << 16));
    let (name, damage) = ask(&[("__debug_abbrev", table), ("__debug_info", unit(&entries))]);
    assert_eq!(name.as_deref(), Some("first"));
    assert_eq!(
        damage.as_deref(),
        Some("its inlined functions are nested too deeply")
    );
}

#[test]
fn a_list_of_ranges_that_all_functions_share_is_not_read_for_each() {
    let bounded: &[(u8, u8)] = &[(LOW_PC, ADDR), (HIGH_PC, DATA8)];
    let table = abbreviations(&[
        (COMPILE_UNIT, CHILDREN, bounded),
        (SUBPROGRAM, LEAF, &[(RANGES, SEC_OFFSET)]),
    ]);
    let mut entries = [&[1][..], &bounds()].concat();
    for _ in 0..50_000 {
        entries.extend([2, 0, 0, 0, 0]);
    }
    let ranges = [0x2000_u64.to_le_bytes(), 0x2001_u64.to_le_bytes()].concat();
    let list = ranges.repeat(50_000);
    let sections = [
        ("__debug_abbrev", table),
        ("__debug_info", unit(&entries)),
        ("__debug_ranges", list),
    ];
    let (name, damage) = ask(&sections);
    assert_eq!(name.as_deref(), Some("first"));
    assert_eq!(
        damage.as_deref(),
        Some("it refers to its own parts too many times")
    );
}

#[test]
fn thousands_of_units_with_one_huge_table_of_abbreviations_are_not_linked() {
    let long: Vec<Abbreviation<'_>> = vec![(COMPILE_UNIT, LEAF, &[]); 120];
    let table = abbreviations(&long);
    let units = unit(&[1]).repeat(20_000);
    let program = demo();
    let symbols = open(
        &program,
        &[("__debug_abbrev", table), ("__debug_info", units)],
    );
    let place = StatedPlace {
        segment: None,
        address: Address(0x10_0000),
    };
    let why = link(&symbols.files()[0].slices[0], &[place]).unwrap_err();
    let why = why.to_string();
    assert!(why.contains("its own parts too many times"), "{why}");
}

#[test]
fn thousands_of_units_that_share_parts_of_one_huge_table_of_abbreviations_are_refused() {
    let bounded: &[(u8, u8)] = &[(LOW_PC, ADDR), (HIGH_PC, DATA8)];
    let abbreviation = abbreviations(&[(COMPILE_UNIT, LEAF, bounded)]);
    // Numbers of two bytes, each used once.
    let mut table = Vec::new();
    for code in 0x80_u16..0x2000 {
        table.extend([code as u8 | 0x80, (code >> 7) as u8]);
        table.extend(&abbreviation[1..abbreviation.len() - 1]);
    }
    table.push(0);
    let size = abbreviation.len() as u32;
    let units = (0..2000_u16).map(|number| {
        let code = 0x80 + number;
        let root = [&[code as u8 | 0x80, (code >> 7) as u8][..], &bounds()].concat();
        unit_with(u32::from(number) * size, &root)
    });
    let units = units.collect::<Vec<_>>().concat();
    let (name, damage) = ask(&[("__debug_abbrev", table), ("__debug_info", units)]);
    assert_eq!(name.as_deref(), Some("first"));
    let told = "it refers to its own parts too many times";
    assert_eq!(damage.as_deref(), Some(told));
}

/// A unit with one function, which has this attribute too.
fn function_with(attribute: (u8, u8), value: &[u8]) -> [(&'static str, Vec<u8>); 2] {
    let bounded: &[(u8, u8)] = &[(LOW_PC, ADDR), (HIGH_PC, DATA8)];
    let table = abbreviations(&[
        (COMPILE_UNIT, CHILDREN, bounded),
        (
            SUBPROGRAM,
            LEAF,
            &[(LOW_PC, ADDR), (HIGH_PC, DATA8), attribute],
        ),
    ]);
    let mut entries = [&[1][..], &bounds()].concat();
    entries.extend([&[2][..], &bounds(), value].concat());
    [("__debug_abbrev", table), ("__debug_info", unit(&entries))]
}

#[test]
fn a_unit_that_is_larger_than_the_address_space_still_answers() {
    let mut sections = function_with((NAME, STRING), b"named\0");
    let size = 11 + 1 + 8;
    sections[1].1[size..size + 8].fill(0xff);
    assert_eq!(ask(&sections), (Some("named".to_owned()), None));
}

#[test]
fn a_function_that_is_named_by_itself_has_the_name_of_its_symbol() {
    // Behind the header of the unit and its root.
    let itself = 11_u32 + 17;
    let sections = function_with((ABSTRACT_ORIGIN, REF4), &itself.to_le_bytes());
    assert_eq!(ask(&sections), (Some("first".to_owned()), None));
}

#[test]
fn a_name_without_an_end_gives_way_to_that_of_the_symbol() {
    let long = [vec![b'x'; 1 << 20], vec![0]].concat();
    let sections = function_with((NAME, STRING), &long);
    assert_eq!(ask(&sections), (Some("first".to_owned()), None));
}
