//! Symbol tables that point out of themselves, or out of the file: no name is made of what lies there.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Certainty, Role, SymbolSet};
use kstack_synth::macho::{Function, Program, Symbol, SymbolIn};

const LC_SYMTAB: u32 = 2;
/// Where in its load command the table says where it is.
const SYMBOLS: usize = 8;
const COUNT: usize = 12;
const STRINGS: usize = 16;
const STRINGS_SIZE: usize = 20;

/// Two functions with symbols, and a list of function starts.
fn program() -> Program {
    let mut program = Program::kext("demo", Arch::X86_64, 1)
        .with(Function::new("first", 0x40))
        .with(Function::new("second", 0x40));
    program.function_starts = true;
    program
}

fn word(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}

fn set(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Where the load command of the symbol table lies.
fn command(file: &[u8]) -> usize {
    let mut at = 32;
    while word(file, at) != LC_SYMTAB {
        at += word(file, at + 4) as usize;
    }
    at
}

/// Where the entry of the second symbol lies.
fn second_symbol(file: &[u8]) -> usize {
    word(file, command(file) + SYMBOLS) as usize + 16
}

fn open(file: Vec<u8>) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "demo", None, file);
    assert_eq!(symbols.errors(), []);
    symbols
}

/// What a function is called, and how sure that is.
fn name(symbols: &SymbolSet, function: &str) -> (String, Certainty) {
    let at = VmAddr(program().function(function).unwrap().start);
    let named = symbols.files()[0].slices[0].names().lookup(at);
    let named = named.unwrap().unwrap();
    (named.name.to_string(), named.certainty)
}

fn remarks(symbols: &SymbolSet) -> &[String] {
    symbols.files()[0].slices[0].remarks()
}

#[test]
fn a_name_outside_the_string_table_is_none() {
    let mut file = program().binary();
    let (symbol, command) = (second_symbol(&file), command(&file));
    // Behind the strings lies the list of function starts; far behind, nothing.
    let size = word(&file, command + STRINGS_SIZE);
    for outside in [size, size + 1, u32::MAX] {
        set(&mut file, symbol, outside);
        let symbols = open(file.clone());
        assert_eq!(name(&symbols, "first").0, "first");
        let (name, certainty) = name(&symbols, "second");
        assert_eq!(certainty, Certainty::Unnamed, "{name}");
    }
}

#[test]
fn the_last_name_does_not_go_on_behind_the_string_table() {
    let mut file = program().binary();
    let command = command(&file);
    let start = word(&file, command + STRINGS);
    // The table ends within the name of the second function, which goes on in the file.
    let end = word(&file, second_symbol(&file)) + 4;
    set(&mut file, command + STRINGS_SIZE, end);
    assert_eq!(&file[(start + end) as usize..][..3], b"ond");
    assert_eq!(name(&open(file), "second").0, "sec");
}

#[test]
fn a_symbol_table_outside_the_file_is_told_and_function_starts_still_serve() {
    let cases = [
        (SYMBOLS, "it ends before its symbol table"),
        (COUNT, "it ends before its symbol table"),
        (STRINGS, "it ends before its symbol names"),
        (STRINGS_SIZE, "it ends before its symbol names"),
    ];
    for (field, told) in cases {
        let mut file = program().binary();
        let at = command(&file) + field;
        set(&mut file, at, 0xffff_fff0);
        let symbols = open(file);
        let is_told = |remark: &String| remark.contains(told);
        assert!(remarks(&symbols).iter().any(is_told), "{told}");
        let (name, _) = name(&symbols, "second");
        let start = program().function("second").unwrap().start;
        let expected = match field {
            // The entries that are there count, whatever their number; so do their names.
            COUNT | STRINGS_SIZE => "second".to_owned(),
            _ => format!("sub_{start:x}"),
        };
        assert_eq!(name, expected);
    }
}

#[test]
fn a_sound_file_has_no_remark_of_missing_tables() {
    assert_eq!(remarks(&open(program().binary())), [] as [String; 0]);
}

#[test]
fn a_symbol_of_one_underscore_keeps_it() {
    let mut program = program();
    program.functions[1].symbol = SymbolIn::Neither;
    let start = program.functions[1].start;
    program.binary_symbols.push(Symbol::external("_", 1, start));
    assert_eq!(name(&open(program.binary()), "second").0, "_");
}
