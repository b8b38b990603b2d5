//! The rules by which an address gets a name, one fact per test.

use kstack_model::{Arch, VmAddr};
use kstack_symbols::{Certainty, Detail, FileKind, Named, Role, SymbolSet, SymbolSource};
use kstack_synth::macho::{Debugged, Function, Inlined, Program, Symbol, SymbolIn, fat};

fn set(files: &[(Role, Vec<u8>)]) -> SymbolSet {
    let mut symbols = SymbolSet::default();
    for (index, (role, bytes)) in files.iter().enumerate() {
        symbols.add_bytes(*role, &format!("file{index}"), None, bytes.clone());
    }
    symbols
}

fn kext() -> Program {
    Program::kext("demo", Arch::X86_64, 1)
}

fn two_functions() -> Program {
    kext()
        .with(Function::new("first", 0x40))
        .with(Function::new("second", 0x40))
}

fn source(symbols: &SymbolSet) -> &SymbolSource {
    assert_eq!(symbols.errors(), []);
    &symbols.files()[0].slices[0]
}

/// What the binary alone says.
fn in_binary(program: &Program, at: u64) -> Option<Named> {
    let symbols = set(&[(Role::Kext, program.binary())]);
    source(&symbols).names().lookup(VmAddr(at)).unwrap()
}

/// What binary and dSYM together say.
fn in_both(program: &Program, at: u64) -> Option<Named> {
    let symbols = set(&[(Role::Kext, program.binary()), (Role::Dsym, program.dsym())]);
    source(&symbols).names().lookup(VmAddr(at)).unwrap()
}

fn start(program: &Program, name: &str) -> u64 {
    program.function(name).unwrap().start
}

fn shown(named: Option<Named>) -> (String, Certainty) {
    let named = named.expect("a name");
    (named.name.to_string(), named.certainty)
}

#[test]
fn without_function_starts_a_symbol_is_only_the_nearest() {
    let program = two_functions();
    let first = start(&program, "first");
    assert_eq!(
        shown(in_binary(&program, first + 4)),
        ("first".to_owned(), Certainty::Nearest)
    );
}

#[test]
fn at_its_own_address_a_symbol_is_no_guess() {
    let program = two_functions();
    let second = start(&program, "second");
    assert_eq!(
        shown(in_binary(&program, second)),
        ("second".to_owned(), Certainty::Inside)
    );
}

#[test]
fn function_starts_bound_a_symbol() {
    let mut program = two_functions();
    program.function_starts = true;
    let first = start(&program, "first");
    assert_eq!(
        shown(in_binary(&program, first + 4)),
        ("first".to_owned(), Certainty::Inside)
    );
}

#[test]
fn a_stripped_function_does_not_get_the_name_of_the_one_before() {
    let mut program = two_functions();
    program.function_starts = true;
    program.functions[1].symbol = SymbolIn::Neither;
    let second = start(&program, "second");
    let named = in_binary(&program, second + 8).unwrap();
    assert_eq!(*named.name, *format!("sub_{second:x}"));
    assert_eq!(
        (named.start, named.certainty),
        (VmAddr(second), Certainty::Unnamed)
    );
}

#[test]
fn function_starts_alone_tell_functions_apart() {
    let mut program = two_functions();
    program.function_starts = true;
    for function in &mut program.functions {
        function.symbol = SymbolIn::Neither;
    }
    let symbols = set(&[(Role::Kext, program.binary())]);
    assert_eq!(source(&symbols).detail(), Detail::FunctionStarts);
    let first = start(&program, "first");
    assert_eq!(
        shown(in_binary(&program, first + 1)).0,
        format!("sub_{first:x}")
    );
}

#[test]
fn a_name_ends_with_its_section() {
    let program = two_functions();
    let end = program.code_end();
    assert!(in_binary(&program, end - 1).is_some());
    // What follows is __TEXT,__const: no code.
    assert_eq!(in_binary(&program, end), None);
    assert_eq!(in_binary(&program, end + 0x80), None);
    assert_eq!(in_binary(&program, u64::MAX), None);
    assert_eq!(in_binary(&program, 0), None);
}

#[test]
fn a_name_ends_where_dwarf_says_that_its_function_ends() {
    let program = kext()
        .with(Function::new("short", 0x21))
        .with(Function::new("next", 0x20));
    let short = start(&program, "short");
    assert_eq!(shown(in_both(&program, short + 0x20)).0, "short");
    // Padding up to the next function.
    assert_eq!(in_both(&program, short + 0x21), None);
}

#[test]
fn symbols_of_data_and_absolute_symbols_name_no_code() {
    let mut program = two_functions();
    let (first, data) = (start(&program, "first"), program.data_start());
    program.binary_symbols = vec![
        Symbol::external(
            "_data_with_a_wrong_address",
            program.data_section(),
            first + 4,
        ),
        Symbol::external("_data", program.data_section(), data + 0x4000),
        Symbol::absolute("_absolute", first + 5),
        Symbol::undefined("_elsewhere"),
        // Many kernels have it: the header, in section 1 by number, outside it by address.
        Symbol::external("__mh_execute_header", 1, program.base),
    ];
    assert_eq!(shown(in_binary(&program, first + 8)).0, "first");
    assert_eq!(in_binary(&program, data + 0x4004), None);
}

#[test]
fn debugging_stabs_are_no_symbols() {
    let mut program = two_functions();
    let first = start(&program, "first");
    const N_FUN: u8 = 0x24;
    program.binary_symbols = vec![Symbol::stab(N_FUN, "_a_stab", 1, first + 4)];
    assert_eq!(shown(in_binary(&program, first + 8)).0, "first");
}

#[test]
fn of_several_names_the_plain_external_one_is_shown_in_any_order() {
    let mut program = two_functions();
    let at = start(&program, "first");
    let mut aliases = vec![
        Symbol::external("___first", 1, at),
        Symbol::local("_fi", 1, at),
        Symbol::local("ltmp0", 1, at),
        Symbol::external("_first_with_more", 1, at),
    ];
    for _ in 0..aliases.len() {
        aliases.rotate_left(1);
        program.binary_symbols.clone_from(&aliases);
        assert_eq!(shown(in_binary(&program, at)).0, "first");
    }
}

#[test]
fn local_symbols_name_code_too() {
    let mut program = two_functions();
    let first = start(&program, "first");
    program.binary_symbols = vec![Symbol::local("_static_one", 1, first + 0x10)];
    assert_eq!(shown(in_binary(&program, first + 0x12)).0, "static_one");
}

#[test]
fn exactly_one_underscore_is_cut_from_symbols_and_none_from_dwarf() {
    let program = kext().with(Function::new("__zio_execute", 0x40));
    let at = program.code_start() + 4;
    assert_eq!(&*in_binary(&program, at).unwrap().raw, "__zio_execute");
    assert_eq!(&*in_both(&program, at).unwrap().raw, "__zio_execute");
}

#[test]
fn the_underscore_of_an_assembler_label_is_cut_where_the_symbol_proves_it() {
    let mut program = kext().with(Function {
        linkage: Some("_copy$VARIANT".to_owned()),
        symbol: SymbolIn::Neither,
        ..Function::new("copy", 0x40)
    });
    let at = program.code_start() + 4;
    assert_eq!(&*in_both(&program, at).unwrap().raw, "_copy$VARIANT");
    program.binary_symbols = vec![Symbol::external("_copy$VARIANT", 1, at - 4)];
    assert_eq!(&*in_both(&program, at).unwrap().raw, "copy$VARIANT");
}

#[test]
fn exports_name_what_the_symbol_table_does_not() {
    let mut program = two_functions();
    program.functions[1].symbol = SymbolIn::Neither;
    let second = start(&program, "second");
    program.exports = vec![
        ("_exported".to_owned(), second),
        ("_first_as_exported".to_owned(), start(&program, "first")),
    ];
    assert_eq!(shown(in_binary(&program, second)).0, "exported");
    assert_eq!(
        shown(in_binary(&program, start(&program, "first"))).0,
        "first"
    );
}

#[test]
fn the_dsym_knows_names_that_were_stripped_from_the_binary() {
    let mut program = two_functions();
    for function in &mut program.functions {
        function.debugged = Debugged::Not;
        function.symbol = SymbolIn::DsymOnly;
    }
    program.add(Function::new("third", 0x40));
    let second = start(&program, "second");
    assert_eq!(in_binary(&program, second), None);
    assert_eq!(
        shown(in_both(&program, second + 4)),
        ("second".to_owned(), Certainty::Nearest)
    );
}

#[test]
fn assembly_has_a_line_and_the_name_of_its_symbol() {
    let program = two_functions().with(Function {
        debugged: Debugged::LinesOnly,
        ..Function::new("trampoline", 0x40)
    });
    let named = in_both(&program, start(&program, "trampoline") + 4).unwrap();
    assert_eq!(
        (&*named.name, named.certainty),
        ("trampoline", Certainty::Nearest)
    );
    let [frame] = &named.frames[..] else {
        panic!("one frame, not {:?}", named.frames)
    };
    assert_eq!(frame.function.as_deref(), Some("trampoline"));
    assert_eq!((frame.line, frame.column), (Some(10), Some(5)));
}

#[test]
fn code_without_a_line_has_none_rather_than_line_zero() {
    let program = kext().with(Function {
        line: 0,
        ..Function::new("generated", 0x40)
    });
    let named = in_both(&program, program.code_start()).unwrap();
    assert_eq!((named.frames[0].line, named.frames[0].column), (None, None));
    assert!(named.frames[0].file.is_some());
}

#[test]
fn names_are_demangled_by_their_prefix_not_by_the_language_of_their_unit() {
    // The units of synthetic programs all claim to be C.
    for (raw, name) in [
        (
            "_ZN4demo6Driver5startEP9IOService",
            "demo::Driver::start(IOService*)",
        ),
        (
            "_ZN4demo4RingIjLj8EE4pushERKj",
            "demo::Ring<unsigned int, 8>::push(unsigned int const&)",
        ),
        ("_RNvNtCs1234_4demo6driver5start", "demo::driver::start"),
        (
            "_ZN4demo6driver5start17h0123456789abcdefE",
            "demo::driver::start",
        ),
        ("__ZN4demo6Driver4stopEv", "demo::Driver::stop()"),
        (
            "___demo_start_block_invoke_2",
            "___demo_start_block_invoke_2",
        ),
        ("demo_start.cold.1", "demo_start.cold.1"),
        ("$s4demo5startyyF", "$s4demo5startyyF"),
        ("_ZZZ", "_ZZZ"),
    ] {
        let program = kext().with(Function::new(raw, 0x40));
        let named = in_both(&program, program.code_start()).unwrap();
        assert_eq!((&*named.raw, &*named.name), (raw, name));
        assert_eq!(named.frames[0].function.as_deref(), Some(name));
        assert_eq!(named.frames[0].raw.as_deref(), (raw != name).then_some(raw));
    }
}

#[test]
fn inlined_functions_come_innermost_first() {
    let program = kext().with(Function {
        inlined: (1..=3).map(Inlined::numbered).collect(),
        ..Function::new("outer", 0x80)
    });
    let named = in_both(&program, program.code_start() + 0x40).unwrap();
    let functions: Vec<_> = named
        .frames
        .iter()
        .filter_map(|frame| frame.function.as_deref())
        .collect();
    assert_eq!(
        functions,
        ["helper_3", "demo::helper_2()", "helper_1", "outer"]
    );
    assert_eq!(&*named.name, "outer");
}

#[test]
fn a_sym_file_is_linked_at_its_load_address() {
    let mut program = kext();
    program.base = 0xffff_ff7f_8123_4000;
    program.add(Function::new("first", 0x40));
    let symbols = set(&[(Role::Kext, program.binary())]);
    assert_eq!(source(&symbols).linked_at(), VmAddr(program.base));
    assert_eq!(shown(in_binary(&program, program.base + 0x1004)).0, "first");
}

#[test]
fn a_kernel_is_linked_where_its_text_segment_is() {
    let program = Program::kernel(Arch::Arm64e, 3).with(Function::new("start", 0x40));
    let symbols = set(&[
        (Role::Kernel, program.binary()),
        (Role::Dsym, program.dsym()),
    ]);
    let kernel = source(&symbols);
    assert_eq!(
        (kernel.kind(), kernel.linked_at()),
        (FileKind::Kernel, VmAddr(program.base))
    );
    let names: Vec<_> = kernel
        .segments()
        .iter()
        .map(|segment| segment.name.as_str())
        .collect();
    assert_eq!(names, ["__TEXT", "__TEXT_EXEC", "__DATA", "__LINKEDIT"]);
}

#[test]
fn a_lone_dsym_names_code_and_keeps_its_debug_segment_to_itself() {
    let program = two_functions();
    let symbols = set(&[(Role::Dsym, program.dsym())]);
    let dsym = source(&symbols);
    assert_eq!(
        (dsym.kind(), dsym.detail()),
        (FileKind::Dsym, Detail::Lines)
    );
    assert!(
        dsym.segments()
            .iter()
            .all(|segment| segment.name != "__DWARF")
    );
    let named = dsym
        .names()
        .lookup(VmAddr(start(&program, "second")))
        .unwrap();
    assert_eq!(shown(named).0, "second");
}

#[test]
fn a_fat_file_has_one_source_per_slice_each_with_its_dsym() {
    let archs = [
        Arch::I386,
        Arch::X86_64,
        Arch::X86_64H,
        Arch::Arm64,
        Arch::Arm64e,
        Arch::Arm,
        Arch::Ppc,
    ];
    let programs: Vec<Program> = (1..)
        .zip(archs)
        .map(|(seed, arch)| {
            Program::kext("demo", arch, seed).with(Function::new(&format!("on_{arch}"), 0x40))
        })
        .collect();
    let binary = fat(&programs.iter().map(Program::binary).collect::<Vec<_>>());
    let dsym = fat(&programs.iter().map(Program::dsym).collect::<Vec<_>>());
    let symbols = set(&[(Role::Kext, binary), (Role::Dsym, dsym)]);
    assert_eq!(symbols.errors(), []);
    assert_eq!(symbols.files().len(), 1);
    for (source, program) in symbols.files()[0].slices.iter().zip(&programs) {
        assert_eq!(source.identity().arch, program.arch);
        assert_eq!(source.identity().paths, ["file0", "file1"]);
        let named = source
            .names()
            .lookup(VmAddr(program.code_start() + 4))
            .unwrap();
        assert_eq!(
            shown(named),
            (format!("on_{}", program.arch), Certainty::Inside)
        );
    }
}

#[test]
fn a_damaged_slice_costs_itself() {
    let good = two_functions();
    let mut bad = Program::kext("demo", Arch::Arm64e, 2)
        .with(Function::new("lost", 0x40))
        .binary();
    bad[12..].fill(0);
    let symbols = set(&[(Role::Kext, fat(&[bad, good.binary()]))]);
    assert_eq!(symbols.errors().len(), 1);
    let slices = &symbols.files()[0].slices;
    assert_eq!(
        slices
            .iter()
            .map(|slice| slice.identity().arch)
            .collect::<Vec<_>>(),
        [Arch::X86_64]
    );
}

#[test]
fn on_32_bit_arm_function_starts_carry_no_thumb_bit() {
    let mut program = Program::kext("demo", Arch::Arm, 1).with(Function::new("thumb", 0x40));
    program.function_starts = true;
    program.functions[0].symbol = SymbolIn::Neither;
    let mut image = program.binary_image();
    let at = program.code_start();
    image.function_starts = Some(vec![at + 1]);
    let symbols = set(&[(Role::Kext, image.build())]);
    let named = source(&symbols)
        .names()
        .lookup(VmAddr(at))
        .unwrap()
        .unwrap();
    assert_eq!(
        (named.start, named.certainty),
        (VmAddr(at), Certainty::Unnamed)
    );
}

#[test]
fn an_empty_dsym_is_said_to_be_empty() {
    let mut program = two_functions();
    let binary = program.binary();
    program.functions.clear();
    let symbols = set(&[(Role::Kext, binary), (Role::Dsym, program.dsym())]);
    let kext = source(&symbols);
    assert_eq!(kext.detail(), Detail::Symbols);
    assert_eq!(
        kext.remarks(),
        ["file1: an empty dSYM, it has the UUID of the build and no debug information"]
    );
}

#[test]
fn damaged_debug_information_leaves_the_symbols() {
    let program = two_functions();
    let mut image = program.dsym_image();
    for section in &mut image.segments.last_mut().unwrap().sections {
        if section.name == "__debug_info" {
            section.data.as_mut().unwrap()[4..].fill(0xff);
        }
    }
    let symbols = set(&[(Role::Kext, program.binary()), (Role::Dsym, image.build())]);
    let kext = source(&symbols);
    assert_eq!(kext.detail(), Detail::Symbols);
    assert_eq!(kext.remarks().len(), 1);
    let mut names = kext.names();
    let named = names.lookup(VmAddr(start(&program, "first") + 4)).unwrap();
    assert_eq!(shown(named), ("first".to_owned(), Certainty::Nearest));
    assert!(names.damage().is_some());
}

#[test]
fn a_file_cut_in_its_load_commands_says_so() {
    let mut file = two_functions().binary();
    // Just behind the command of __TEXT with its two sections.
    file.truncate(0x190);
    let symbols = set(&[(Role::Kext, file)]);
    assert_eq!(
        source(&symbols).remarks(),
        ["file0: damaged, its load commands end early"]
    );
}

#[test]
fn a_sym_file_gets_its_lines_from_a_dsym_that_is_linked_elsewhere() {
    let (mut linked_high, mut linked_low) = (kext(), kext());
    linked_high.base = 0xffff_ff7f_8123_4000;
    for program in [&mut linked_high, &mut linked_low] {
        program.add_many(10);
    }
    let symbols = set(&[
        (Role::Kext, linked_high.binary()),
        (Role::Dsym, linked_low.dsym()),
    ]);
    let mut names = source(&symbols).names();
    for function in &linked_high.functions {
        let named = names.lookup(VmAddr(function.start + 4)).unwrap().unwrap();
        assert_eq!(
            (&*named.raw, named.start),
            (function.linker_name(), VmAddr(function.start))
        );
        assert_eq!(
            named.frames.last().unwrap().line.map(u64::from),
            Some(function.line)
        );
    }
    // The addresses of the dSYM are nobody's.
    assert_eq!(names.lookup(VmAddr(linked_low.code_start())), Ok(None));
}

#[test]
fn segments_placed_apart_keep_their_debug_information() {
    let program = Program::kext("demo", Arch::Arm64e, 1).with(Function::new("first", 0x40));
    let distance = 0xfffe_0000_1234_0000;
    let mut image = program.binary_image();
    let code = &mut image.segments[1];
    assert_eq!(code.name, "__TEXT_EXEC");
    code.vmaddr += distance;
    code.sections[0].address += distance;
    image.symbols[0].value += distance;
    let symbols = set(&[(Role::Kext, image.build()), (Role::Dsym, program.dsym())]);
    let at = program.code_start() + distance;
    let named = source(&symbols)
        .names()
        .lookup(VmAddr(at + 4))
        .unwrap()
        .unwrap();
    assert_eq!(
        (named.start, named.certainty),
        (VmAddr(at), Certainty::Inside)
    );
    assert_eq!(named.frames[0].line, Some(10));
}
