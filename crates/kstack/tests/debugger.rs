//! Scripts for debuggers: every placed segment of every image, and nothing that could be a command.

use kstack::model::{Address, Report};
use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack::{ResolveOptions, debugger, resolve};
use kstack_synth::macho::{Function, Program};

fn script(name: &str, write: Write) -> String {
    let program =
        Program::kext("zfs", kstack::model::Arch::X86_64, 1).with(Function::new("spa_sync", 0x40));
    let mut symbols = SymbolSet::default();
    let place = StatedPlace {
        segment: None,
        address: Address(0xffff_ff7f_80f0_0000),
    };
    symbols.add_bytes(Role::Kext, name, Some(place), program.binary());
    symbols.add_bytes(Role::Dsym, "zfs.dSYM", None, program.dsym());
    let trace = resolve(Report::default(), &symbols, &ResolveOptions::default());
    let mut out = Vec::new();
    write(&trace, &symbols, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

type Write = fn(&kstack::Trace, &SymbolSet, &mut dyn std::io::Write) -> std::io::Result<()>;

#[test]
fn lldb_gets_each_segment_where_it_lay() {
    assert_eq!(
        script("build/zfs", debugger::write_lldb),
        "# Run with: lldb --source FILE\n\n# build/zfs\n\
         target create --no-dependents \"build/zfs\"\n\
         target symbols add --shlib \"build/zfs\" \"zfs.dSYM\"\n\
         target modules load --file \"build/zfs\" __TEXT 0xffffff7f80f00000 __DATA 0xffffff7f80f08000\n"
            .replace("# build/zfs", "# zfs")
    );
}

#[test]
fn gdb_gets_each_section_where_it_lay() {
    let script = script("build/zfs", debugger::write_gdb);
    assert!(
        script.contains(
            "add-symbol-file \"zfs.dSYM\" 0xffffff7f80f01000 -s LC_SEGMENT.__TEXT.__const 0xffffff7f80f01040"
        ),
        "{script}"
    );
}

#[test]
fn a_name_with_a_line_break_is_no_command() {
    for write in [debugger::write_lldb as Write, debugger::write_gdb] {
        let script = script("zfs\nplatform shell \"x", write);
        assert!(!script.lines().any(|line| line.starts_with("platform")));
    }
}
