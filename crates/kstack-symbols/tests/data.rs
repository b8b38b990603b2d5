//! The variable at an address in the data of an image.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Certainty, Datum, Role, SymbolSet};
use kstack_synth::macho::{Function, Program, Symbol};

/// Offset in the section of data, and the name there.
type Variable = (u64, &'static str);

struct Kext {
    program: Program,
    data: u64,
}

fn kext() -> Kext {
    let program = Program::kext("zfs", Arch::X86_64, 1).with(Function::new("spa_open", 0x40));
    let image = program.binary_image();
    let data = image.segments.iter().find(|one| one.name == "__DATA");
    let data = data.unwrap().sections[0].address;
    Kext { program, data }
}

impl Kext {
    /// Puts variables into the symbol table of the binary.
    fn with(mut self, made: fn(&str, u8, u64) -> Symbol, variables: &[Variable]) -> Kext {
        let section = self.program.data_section();
        let made = variables
            .iter()
            .map(|(at, name)| made(name, section, self.data + at));
        self.program.binary_symbols.extend(made);
        self
    }

    fn at(&self, offset: u64) -> Option<Datum> {
        let mut symbols = SymbolSet::default();
        symbols.add_bytes(Role::Kext, "zfs", None, self.program.binary());
        symbols.files()[0].slices[0].datum_at(VmAddr(self.data.wrapping_add(offset)))
    }

    fn name_at(&self, offset: u64) -> Option<(String, u64, Certainty)> {
        let datum = self.at(offset)?;
        let before = self.data + offset - datum.start.0;
        Some((datum.name.to_string(), before, datum.certainty))
    }
}

const TWO: [Variable; 2] = [(0x10, "_spa_namespace_lock"), (0x30, "_spa_namespace_cv")];

fn found(name: &str, offset: u64, certainty: Certainty) -> Option<(String, u64, Certainty)> {
    Some((name.to_owned(), offset, certainty))
}

#[test]
fn the_next_variable_ends_the_one_before_it_where_the_file_has_all_names() {
    let kext = kext().with(Symbol::local, &TWO);
    let inside = |offset| found("spa_namespace_lock", offset, Certainty::Inside);
    assert_eq!(kext.name_at(0x10), inside(0));
    assert_eq!(kext.name_at(0x2f), inside(0x1f));
    assert_eq!(
        kext.name_at(0x30),
        found("spa_namespace_cv", 0, Certainty::Inside)
    );
}

#[test]
fn nothing_tells_where_the_last_variable_of_a_section_ends() {
    let kext = kext().with(Symbol::local, &TWO);
    let last = found("spa_namespace_cv", 8, Certainty::Nearest);
    assert_eq!(kext.name_at(0x38), last);
}

#[test]
fn a_stripped_file_may_have_nameless_variables_between_its_exports() {
    let kext = kext().with(Symbol::external, &TWO);
    assert_eq!(
        kext.name_at(0x10),
        found("spa_namespace_lock", 0, Certainty::Inside)
    );
    assert_eq!(
        kext.name_at(0x18),
        found("spa_namespace_lock", 8, Certainty::Nearest)
    );
}

#[test]
fn before_the_first_variable_and_outside_the_section_lies_nothing() {
    let kext = kext().with(Symbol::local, &TWO);
    assert_eq!(kext.at(0x8), None);
    assert_eq!(kext.at(0x100), None);
}

#[test]
fn code_is_no_variable() {
    let kext = kext().with(Symbol::local, &TWO);
    let code = kext.program.code_start();
    assert_eq!(kext.at(code.wrapping_sub(kext.data)), None);
}

#[test]
fn a_variable_of_the_dsym_is_found_at_the_address_of_the_binary() {
    let mut kext = kext();
    let section = kext.program.data_section();
    let symbol = Symbol::local("_spa_namespace_lock", section, kext.data);
    kext.program.dsym_symbols.push(symbol);
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Dsym, "zfs.dSYM", None, kext.program.dsym());
    let datum = symbols.files()[0].slices[0].datum_at(VmAddr(kext.data));
    assert_eq!(&*datum.unwrap().name, "spa_namespace_lock");
}
