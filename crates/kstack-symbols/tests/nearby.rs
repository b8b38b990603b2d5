//! Code without a line of its own gets that of the nearest code of the same function, marked.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Role, SourceFrame, SymbolSet};
use kstack_synth::macho::{Function, Inlined, Program};

/// The innermost frame a little into a function whose first line is `line`.
fn innermost(line: u64, inlined: Vec<Inlined>) -> SourceFrame {
    let function = Function {
        line,
        inlined,
        ..Function::new("spa_sync", 0x40)
    };
    let next = Function {
        line: 77,
        ..Function::new("next", 0x40)
    };
    let program = Program::kext("zfs", Arch::X86_64, 1)
        .with(function)
        .with(next);
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Dsym, "zfs.dSYM", None, program.dsym());
    let mut names = symbols.files()[0].slices[0].names();
    let named = names.lookup(VmAddr(program.code_start() + 2)).unwrap();
    named.unwrap().frames.remove(0)
}

#[test]
fn line_0_gives_way_to_the_nearest_line_of_the_function() {
    // The lines of what is inlined in between are those of another function.
    let frame = innermost(0, vec![Inlined::numbered(1)]);
    assert_eq!((frame.line, frame.nearby), (Some(9), true));
}

#[test]
fn the_line_of_the_next_function_is_not_taken() {
    let frame = innermost(0, Vec::new());
    assert_eq!((frame.line, frame.nearby), (None, false));
}

#[test]
fn a_line_of_its_own_is_not_marked() {
    let frame = innermost(12, Vec::new());
    assert_eq!((frame.line, frame.nearby), (Some(12), false));
}
