//! A damaged unit of debug information costs itself: its neighbours keep their lines, its functions their symbols.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Detail, Names, Role, SymbolSet};
use kstack_synth::macho::{Function, Image, Program};

const FUNCTIONS: [&str; 3] = ["first", "second", "third"];

/// Three functions, each in a unit of its own.
fn program(dwarf_version: u16, aranges: bool) -> Program {
    let mut program = Program::kext("demo", Arch::X86_64, 1);
    program.dwarf_version = dwarf_version;
    program.aranges = aranges;
    program.unit_size = 1;
    for name in FUNCTIONS {
        program.add(Function::new(name, 0x40));
    }
    program
}

/// All ways the units of a program can be written and found.
fn programs() -> impl Iterator<Item = Program> {
    (2..=5).flat_map(|version| [true, false].map(|aranges| program(version, aranges)))
}

fn section<'a>(dsym: &'a mut Image, name: &str) -> &'a mut Vec<u8> {
    let mut sections = dsym.segments.iter_mut().flat_map(|one| &mut one.sections);
    let section = sections.find(|section| section.name == name).unwrap();
    section.data.as_mut().unwrap()
}

/// Where the second of what a section lists is; each thing starts with its length.
fn second(data: &[u8]) -> std::ops::Range<usize> {
    let end = |start: usize| {
        let length: [u8; 4] = data[start..start + 4].try_into().unwrap();
        start + 4 + u32::from_le_bytes(length) as usize
    };
    end(0)..end(end(0))
}

/// Damages the second unit's part of a section.
fn damage(program: &Program, name: &str, damage: impl Fn(&mut [u8])) -> SymbolSet {
    let mut dsym = program.dsym_image();
    let data = section(&mut dsym, name);
    let range = second(data);
    damage(&mut data[range]);
    open(program, &dsym)
}

fn open(program: &Program, dsym: &Image) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "demo", None, program.binary());
    symbols.add_bytes(Role::Dsym, "demo.dSYM", None, dsym.build());
    symbols
}

/// The name of a function, and the line a little into it.
fn ask(names: &mut Names<'_>, program: &Program, name: &str) -> (String, Option<u32>) {
    let start = program.function(name).unwrap().start;
    let named = names.lookup(VmAddr(start + 4)).unwrap().unwrap();
    let line = named.frames.first().and_then(|frame| frame.line);
    (named.name.to_string(), line)
}

fn assert_costs_the_second_unit(program: &Program, symbols: &SymbolSet, case: &str) {
    let source = &symbols.files()[0].slices[0];
    let version = program.dwarf_version;
    let case = format!("{case}, DWARF {version}, aranges: {}", program.aranges);
    assert_eq!(source.detail(), Detail::Lines, "{case}");
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut names = source.names();
        for function in order.map(|index| FUNCTIONS[index]) {
            let line = (function != "second").then_some(10);
            let expected = (function.to_owned(), line);
            assert_eq!(ask(&mut names, program, function), expected, "{case}");
        }
        assert!(names.damage().is_some_and(|why| !why.is_empty()), "{case}");
    }
}

/// Nothing is lost; what could not be used may be told.
fn assert_costs_nothing(program: &Program, symbols: &SymbolSet) {
    let mut names = symbols.files()[0].slices[0].names();
    for function in FUNCTIONS {
        let expected = (function.to_owned(), Some(10));
        assert_eq!(ask(&mut names, program, function), expected);
    }
}

#[test]
fn the_header_of_a_unit_that_is_damaged_costs_that_unit() {
    for program in programs() {
        let symbols = damage(&program, "__debug_info", |unit| unit[4..6].fill(0xff));
        assert_costs_the_second_unit(&program, &symbols, "version");
    }
}

#[test]
fn the_root_of_a_unit_that_is_damaged_costs_that_unit() {
    for program in programs() {
        let root = if program.dwarf_version == 5 { 12 } else { 11 };
        let symbols = damage(&program, "__debug_info", |unit| unit[root] = 0x7f);
        assert_costs_the_second_unit(&program, &symbols, "root");
    }
}

#[test]
fn abbreviations_of_a_unit_that_are_not_there_cost_that_unit() {
    for program in programs() {
        let field = if program.dwarf_version == 5 { 8 } else { 6 };
        let symbols = damage(&program, "__debug_info", |unit| {
            unit[field..field + 4].fill(0x7f);
        });
        assert_costs_the_second_unit(&program, &symbols, "abbreviations");
    }
}

#[test]
fn the_header_of_a_line_table_that_is_damaged_costs_its_unit() {
    for program in programs() {
        let symbols = damage(&program, "__debug_line", |table| table[4..6].fill(0xff));
        assert_costs_the_second_unit(&program, &symbols, "line table");
    }
}

#[test]
fn a_line_table_that_is_damaged_in_its_middle_costs_its_unit() {
    for program in programs() {
        let symbols = damage(&program, "__debug_line", |table| {
            // The end of the sequence: an extended instruction that is longer than the table.
            let end = table.len() - 3;
            assert_eq!(table[end..], [0, 1, 1]);
            table[end + 1] = 0x7f;
        });
        assert_costs_the_second_unit(&program, &symbols, "line program");
    }
}

#[test]
fn a_list_of_addresses_that_is_damaged_costs_nothing() {
    for version in 2..=5 {
        let program = program(version, true);
        let symbols = damage(&program, "__debug_aranges", |set| set[4..6].fill(0xff));
        assert_costs_nothing(&program, &symbols);
    }
}

#[test]
fn a_list_of_addresses_that_names_no_unit_costs_nothing_and_is_told() {
    for version in 2..=5 {
        let program = program(version, true);
        let symbols = damage(&program, "__debug_aranges", |set| set[6..10].fill(0x7f));
        assert_costs_nothing(&program, &symbols);
        let mut names = symbols.files()[0].slices[0].names();
        ask(&mut names, &program, "second");
        assert!(names.damage().is_some());
    }
}

#[test]
fn a_list_of_addresses_that_names_another_unit_costs_nothing() {
    let program = program(4, true);
    let symbols = damage(&program, "__debug_aranges", |set| set[6..10].fill(0));
    assert_costs_nothing(&program, &symbols);
}

/// Lets every unit claim all code: pairs of begin and end, or of begin and size.
fn claim_all(program: &Program) -> Image {
    let mut dsym = program.dsym_image();
    let (start, end) = (program.code_start(), program.code_end());
    let (name, second) = match program.aranges {
        true => ("__debug_aranges", end - start),
        false => ("__debug_ranges", end),
    };
    let mut changed = 0;
    for pair in section(&mut dsym, name).chunks_exact_mut(16) {
        let mut functions = program.functions.iter();
        if functions.any(|one| pair.starts_with(&one.start.to_le_bytes())) {
            pair.copy_from_slice(&[start, second].map(u64::to_le_bytes).concat());
            changed += 1;
        }
    }
    assert_eq!(changed, FUNCTIONS.len());
    dsym
}

#[test]
fn units_that_all_claim_the_same_addresses_each_answer_for_their_own_functions() {
    for program in [program(4, true), program(4, false)] {
        assert_costs_nothing(&program, &open(&program, &claim_all(&program)));
    }
}

#[test]
fn a_damaged_unit_that_claims_all_addresses_costs_that_unit() {
    let program = program(4, true);
    let mut dsym = claim_all(&program);
    let info = section(&mut dsym, "__debug_info");
    let unit = second(info);
    info[unit][11] = 0x7f;
    let symbols = open(&program, &dsym);
    assert_costs_the_second_unit(&program, &symbols, "claims all");
}
