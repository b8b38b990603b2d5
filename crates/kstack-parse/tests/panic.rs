//! Panic logs: what each layout and each accident on the way must give.

use kstack_model::{
    Address, Arch, At, Basis, FrameKind, ImageKind, Placement, Report, Side, Slide, SlideOf, Stack,
    StackEnd, Value,
};
use kstack_parse::{Limits, parse};
use kstack_synth::panic::{Layout, PanicLog};
use proptest::prelude::*;

const CODE: u64 = 0xffff_ff80_1230_0000;
const STACK: u64 = 0xffff_ff81_0000_0100;

fn read(text: &str) -> Vec<Report> {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn one(text: &str) -> Report {
    let mut reports = read(text);
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

fn stack(report: &Report) -> &Stack {
    &report.processes[0].threads[0].stacks[0]
}

fn addresses(report: &Report) -> Vec<u64> {
    let frames = stack(report).frames.iter();
    frames
        .map(|frame| match frame.at {
            At::Absolute(address) => address.0,
            At::InImage { .. } | At::Unknown => panic!("a panic prints addresses"),
        })
        .collect()
}

fn fact<'a>(report: &'a Report, name: &str) -> &'a Value {
    let of_thread = report.processes.iter().flat_map(|process| &process.threads);
    let facts = of_thread
        .flat_map(|thread| &thread.facts)
        .chain(&report.facts);
    &facts
        .into_iter()
        .find(|fact| fact.name == name)
        .unwrap()
        .value
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A 64-bit Intel log with everything in it.
fn intel() -> PanicLog {
    PanicLog::new(Layout::X86_64, CODE + 0x10, "Kernel trap at 0xffffff8012300500, type 14=page fault, registers:")
        .registers("CR0: 0x0000000080010033, CR2: 0x0000000000000018, CR3: 0x0000000012345000, CR4: 0x00000000001606e0")
        .registers("RFL: 0x0000000000010246, RIP: 0xffffff8012300500, CS:  0x0000000000000008, SS:  0x0000000000000010")
        .registers("Fault CR2: 0x0000000000000018, Error code: 0x0000000000000002, Fault CPU: 0x0, PL: 0, VF: 1")
        .frame(STACK, CODE + 0x10, "mach_kernel : _kernel_trap + 0x10")
        .frame(STACK + 0x20, CODE + 0x500, "org.example.zfs : _txg_sync_thread + 0x100")
        .frame(STACK + 0x40, CODE + 0x600, "mach_kernel : _call_continuation + 0x2e")
        .kext("org.example.zfs(2.1)[11111111-2222-3333-4444-555555555555]@0xffffff8012300000->0xffffff8012300fff")
        .kext("   dependency: com.apple.iokit.IOStorageFamily(2.1)[22222222-2222-3333-4444-555555555555]@0xffffff7f80001000")
        .process(0, "zpool", 0)
        .machine("Mac OS version:\n18Z999\n")
        .machine("Kernel version:\nDarwin Kernel Version 18.9.0: Mon Jan  1 00:00:00 UTC 2019; root:xnu-4903.999.1~1/RELEASE_X86_64")
        .machine("Kernel UUID: 33333333-2222-3333-4444-555555555555")
        .machine("Kernel slide:     0x0000000012000000")
        .machine("Kernel text base: 0xffffff8012200000")
        .machine("System model name: Macmini9,9 (Mac-0123456789ABCDEF)")
        .tail("last loaded kext at 1234: |IOSkywalk!F\t1 (addr 0xffffff7f80009000, size 73728)")
        .tail("last unloaded kext at 1200: org.example.gone\t1.0 (addr 0xffffff7f8000a000, size 4096)")
        .tail("loaded kexts:\n>usb.!UHub\t1.2\norg.example.zfs\t2.1")
}

#[test]
fn an_intel_log_gives_frames_machine_slide_and_images() {
    let report = one(&intel().build());
    assert_eq!(report.format, "panic-text");
    assert_eq!(report.machine.arch, Some(Arch::X86_64));
    assert_eq!(report.machine.os_build.as_deref(), Some("18Z999"));
    assert_eq!(report.machine.model.as_deref(), Some("Macmini9,9"));
    assert_eq!(report.kernel.basis, Basis::Slid);
    assert_eq!(
        report.kernel.slides,
        [(SlideOf::Kernel, Slide(0x1200_0000))]
    );
    assert_eq!(report.processes[0].name.as_deref(), Some("zpool"));
    assert_eq!(
        addresses(&report),
        [CODE + 0x10, CODE + 0x500, CODE + 0x600]
    );
    let names: Vec<_> = report
        .kernel
        .images
        .iter()
        .map(|image| image.name.as_deref().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "kernel",
            "org.example.zfs",
            "com.apple.iokit.IOStorageFamily",
            "com.apple.iokit.IOSkywalkFamily",
            "com.apple.driver.usb.AppleUSBHub"
        ]
    );
    assert_eq!(report.kernel.images[1].size, Some(0x1000));
    assert_eq!(
        report.kernel.images[3].said_name.as_deref(),
        Some("|IOSkywalk!F")
    );
}

#[test]
fn the_instruction_that_trapped_is_looked_up_where_it_is() {
    let report = one(&intel().build());
    let kinds: Vec<_> = stack(&report)
        .frames
        .iter()
        .map(|frame| frame.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            FrameKind::ReturnAddress,
            FrameKind::InstructionPointer,
            FrameKind::ReturnAddress
        ]
    );
}

#[test]
fn the_fault_is_put_into_words() {
    let report = one(&intel().build());
    let words = "write to an unmapped page at 0x18: a null pointer plus 24";
    assert_eq!(*fact(&report, "fault"), text(words));
    assert_eq!(*fact(&report, "RIP"), Value::Hex(0xffff_ff80_1230_0500));
}

#[test]
fn a_kext_that_was_unloaded_lies_nowhere() {
    let report = one(&intel().build());
    let named =
        |image: &&kstack_model::LoadedImage| image.name.as_deref() == Some("org.example.gone");
    assert!(report.kernel.images.iter().find(named).is_none());
    assert!(matches!(
        fact(&report, "last unloaded kext"),
        Value::Text(_)
    ));
}

/// The ways a log is carried about.
fn carried(log: &str) -> Vec<String> {
    let each_line =
        |change: &dyn Fn(&str) -> String| log.lines().map(change).collect::<Vec<_>>().join("\n");
    vec![
        log.replace('\n', "\r\n"),
        log.replace('\n', "\n\n"),
        log.replace('\t', "    "),
        log.replace("->", "-&gt;"),
        log.replace('_', "\\_"),
        each_line(&|line| format!("> {line}")),
        each_line(&|line| format!("> > {line}")),
        each_line(&|line| format!("\t// {line}")),
        each_line(&|line| format!("{line}<br>")),
        each_line(&|line| line.trim_start().to_owned()),
        format!("Hello,\nmy Mac crashed (cpu at 100 %):\n\n{log}\nAny idea?\n"),
        format!(
            "\"macOSPanicString\" : \"{}\"",
            log.replace('\n', "\\n").replace('\t', "\\t")
        ),
    ]
}

#[test]
fn a_log_reads_the_same_however_it_was_carried() {
    let log = intel().build();
    let whole = one(&log);
    for (way, pasted) in carried(&log).iter().enumerate() {
        let report = one(pasted);
        assert_eq!(report.kernel, whole.kernel, "way {way}: {pasted}");
        assert_eq!(report.machine, whole.machine, "way {way}");
        assert_eq!(stack(&report), stack(&whole), "way {way}");
    }
}

#[test]
fn the_first_letters_of_a_log_may_be_lost() {
    let log = intel().build();
    let whole = one(&log);
    for lost in [1, 5] {
        assert_eq!(stack(&one(&log[lost..])), stack(&whole));
        assert_eq!(one(&log[lost..]).facts, whole.facts);
    }
}

#[test]
fn a_backtrace_without_anything_before_it_is_read() {
    let log = PanicLog::headless(Layout::X86_64)
        .frame(STACK, CODE, "mach_kernel : _panic + 0x10")
        .frame(STACK + 8, CODE + 4, "org.example.zfs : _vdev_open + 0x20")
        .build();
    let bare = log.split_once('\n').unwrap().1;
    for text in [log.as_str(), bare] {
        let report = one(text);
        assert_eq!(addresses(&report), [CODE, CODE + 4]);
        // The fragment has no table, but its frames name a kext.
        assert_eq!(
            report.kernel.images[1].name.as_deref(),
            Some("org.example.zfs")
        );
        assert!(report.kernel.images[1].placements.is_empty());
    }
}

#[test]
fn addresses_of_the_message_are_no_frames() {
    let message = "bad element 0xffffff8012340000, found\n\
                   0xffffff8012341000 : 0xffffff8012342000\n\
                   0xffffff8012343000: 0SWYgeW91IGNhbiByZWFkIA\n\
                   at 0xffffff8012344000, was 0x1000 (3: 0xfe000000-0xff000000)";
    let log = PanicLog::new(Layout::X86_64, CODE, message)
        .frame(STACK, CODE, "")
        .build();
    let report = one(&log);
    assert_eq!(addresses(&report), [CODE]);
    assert!(
        matches!(fact(&report, "panic"), Value::Text(words) if words.starts_with("bad element"))
    );
}

#[test]
fn wrapped_symbols_and_ranges_are_put_together() {
    let log = "0xffffff8100000100 : 0xffffff8012300000 org.example.zfs :\n\
               \x20                     __ZN3zfs5mountEv + 0x6b\n\
               0xffffff8100000140 : 0xffffff8012300100\n\
               Kernel Extensions in backtrace:\n\
               \x20  org.example.zfs(2.1)[11111111-2222-3333-4444-555555555555]\n\
               \x20     @0xffffff8012300000->0xffffff8012300fff\n";
    let report = one(log);
    let said = stack(&report).frames[0].said.as_ref().unwrap();
    assert_eq!(said.symbol.as_deref(), Some("__ZN3zfs5mountEv"));
    assert_eq!(said.offset, Some(0x6b));
    assert_eq!(
        report.kernel.images[1].load_address(),
        Some(Address(0xffff_ff80_1230_0000))
    );
}

#[test]
fn several_panics_in_one_file_are_several_reports() {
    let first = intel().build();
    let second = PanicLog::new(Layout::X86_64, CODE + 0x77, "another")
        .frame(STACK, CODE, "")
        .build();
    let reports = read(&format!("{first}\nand a day later:\n\n{second}"));
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[1].machine.kernel_version, None);
}

#[test]
fn a_panic_within_a_panic_shares_machine_and_kernel() {
    let second = intel().build();
    let first = "panic(cpu 1 caller 0xffffff8012300999): first\n\
                 Backtrace (CPU 1), Frame : Return Address\n\
                 0xffffff8100000f00 : 0xffffff8012300888\n\
                 0xffffff8100000f20 : 0xffffff80";
    let reports = read(&format!("{first}{second}"));
    assert_eq!(reports.len(), 2);
    assert_eq!(addresses(&reports[0]), [0xffff_ff80_1230_0888]);
    assert_eq!(reports[0].kernel, reports[1].kernel);
    assert_eq!(addresses(&reports[1]).len(), 3);
    assert!(
        reports[0]
            .notes
            .iter()
            .any(|note| note.text.contains("cut short"))
    );
}

#[test]
fn a_nested_panic_of_newer_kernels_is_a_report_of_its_own() {
    let first = "panic(cpu 1 caller 0xfffffe0010100020): first @zfs.c:1\n";
    let nested = "Nested panic detected - entry count: 2 panic_caller: 0xfffffe0010100999\n\
                  Kernel text exec slide: 0x0000000008ffc000\n\
                  Kernel text exec base: 0xfffffe0010000000\n\
                  \t\t  lr: 0xfffffe0010100100  fp: 0xfffffe8000000330\n\
                  \t\t  lr: 0xfffffe0010100200  fp: 0xfffffe8000000350\n";
    let reports = read(&format!("{first}{nested}"));
    assert_eq!(reports.len(), 2);
    assert_eq!(addresses(&reports[1]), [ARM_CODE + 0x100, ARM_CODE + 0x200]);
    assert_eq!(reports[0].kernel, reports[1].kernel);
}

#[test]
fn how_a_backtrace_ends_is_taken_from_its_last_line() {
    for (line, end) in [
        ("\tBacktrace continues...", StackEnd::Truncated),
        (
            "Backtrace terminated-invalid frame pointer 0",
            StackEnd::Complete,
        ),
        (
            "Backtrace terminated-invalid frame pointer 0x2f",
            StackEnd::Unknown,
        ),
    ] {
        let log = format!(
            "0xffffff8100000100 : 0xffffff8012300000\n0xffffff8100000140 : 0xffffff8012300100 {line}\n"
        );
        let report = one(&log);
        assert_eq!(stack(&report).end, end, "{line}");
        assert_eq!(addresses(&report).len(), 2);
    }
}

#[test]
fn i386_stack_words_are_no_frames_and_the_kernel_has_no_slide() {
    let log = PanicLog::new(Layout::I386, 0x1a_7b40, "Kernel trap at 0x0013e0d8, type 14=page fault, registers:")
        .registers("CR0: 0x8001003b, CR2: 0x00000008, CR3: 0x00d29000, CR4: 0x000006a0")
        .registers("EFL: 0x00010206, EIP: 0x0013e0d8, CS:  0x00000008, DS:  0x00000010")
        .registers("Error code: 0x00000000")
        .frame(0x21a4_bb88, 0x4a31_c2b0, "")
        .frame(0x21a4_bd78, 0x13_e0d8, "Backtrace terminated-invalid frame pointer 0x0")
        .kext("org.example.zfs(1.0)@0x5a0c8000->0x5a0d0fff")
        .machine("Kernel version:\nDarwin Kernel Version 9.9.0: Mon Jan  1 00:00:00 UTC 2009; root:xnu-1228.99.1~1/RELEASE_I386")
        .build();
    let report = one(&log);
    assert_eq!(report.machine.arch, Some(Arch::I386));
    assert_eq!(report.kernel.basis, Basis::Unslid);
    assert_eq!(addresses(&report), [0x4a31_c2b0, 0x13_e0d8]);
    assert_eq!(stack(&report).frames[1].kind, FrameKind::InstructionPointer);
    assert_eq!(
        report.kernel.images[1].load_address(),
        Some(Address(0x5a0c_8000))
    );
    assert_eq!(
        *fact(&report, "fault"),
        text("read from an unmapped page at 0x8: a null pointer plus 8")
    );
}

#[test]
fn a_powerpc_exception_chain_is_one_stack() {
    let log = "Unresolved kernel trap(cpu 0): 0x300 - Data access DAR=0x0000000000000030 PC=0x0000000000123450\n\
               Latest crash info for cpu 0:\n\
               \x20  Exception state (sv=0x1a2b3c00)\n\
               \x20     PC=0x00123450; MSR=0x00009030; DAR=0x00000030; DSISR=0x42000000; LR=0x00123400; R1=0x19990000; XCP=0x0000000C (0x300 - Data access)\n\
               \x20     Backtrace:\n\
               0x00123400 0x00124000 \n\
               \x20     Kernel loadable modules in backtrace (with dependencies):\n\
               \x20        org.example.zfs(1.0)@0x120000->0x12ffff\n\
               Proceeding back via exception chain:\n\
               \x20  Exception state (sv=0x1a2b3c00)\n\
               \x20     previously dumped as \"Latest\" state. skipping...\n\
               \x20  Exception state (sv=0x1a2b4000)\n\
               \x20     PC=0x00000000; MSR=0x0000D030; DAR=0x00000000; DSISR=0x00000000; LR=0x00000000; R1=0x00000000; XCP=0x00000000 (Unknown)\n";
    let report = one(log);
    assert_eq!(report.machine.arch, Some(Arch::Ppc));
    assert_eq!(addresses(&report), [0x12_3450, 0x12_3400, 0x12_4000]);
    assert_eq!(stack(&report).frames[0].kind, FrameKind::InstructionPointer);
    assert_eq!(
        *fact(&report, "fault"),
        text("write to an unmapped page at 0x30: a null pointer plus 48")
    );
    assert_eq!(report.kernel.images[1].size, Some(0x1_0000));
}

#[test]
fn an_old_powerpc_log_without_exception_is_a_list() {
    let log = PanicLog::new(Layout::Ppc, 0xe_2c50, "zalloc")
        .frame(0, 0x9_4820, "")
        .frame(0, 0x9_4d10, "")
        .build();
    assert_eq!(addresses(&one(&log)), [0x9_4820, 0x9_4d10]);
}

const ARM_CODE: u64 = 0xffff_fe00_1010_0000;

/// An arm64 log of a fault.
fn arm64() -> PanicLog {
    let message = "Kernel data abort. at pc 0xfffffe0010100540, lr 0x2bbdfe0010100610 (saved state: 0xfffffe8000000100)";
    PanicLog::new(Layout::Arm64, ARM_CODE + 0x20, message)
        .registers("\t  x28: 0x0000000000000001 fp:  0xfffffe8000000270  lr:  0x2bbdfe0010100610  sp:  0xfffffe80000001a0")
        .registers("\t  pc:  0xfffffe0010100540 cpsr: 0x60401208         esr: 0x96000006          far: 0x0000000000000028")
        .machine("Debugger message: panic")
        .machine("OS version: 21Z901")
        .machine("Kernel version: Darwin Kernel Version 21.9.0: Mon Jan  1 00:00:00 UTC 2022; root:xnu-8020.999.1~1/RELEASE_ARM64_T9999")
        .machine("Fileset Kernelcache UUID: 11111111222233334444555555555555")
        .machine("Kernel UUID: 33333333-2222-3333-4444-555555555555")
        .machine("Paniclog version: 13")
        .machine("KernelCache slide: 0x0000000008000000")
        .machine("KernelCache base:  0xfffffe000f004000")
        .machine("Kernel slide:      0x0000000008f00000")
        .machine("Kernel text base:  0xfffffe000ff04000")
        .machine("Kernel text exec slide: 0x0000000008ffc000")
        .machine("Kernel text exec base:  0xfffffe0010000000")
        .machine("CORE 0: PC=0xfffffe0010000270, LR=0xfffffe0010000260, FP=0xfffffe8000000f00")
        .machine("CORE 1 is the one that panicked. Check the full backtrace for details.")
        .process(501, "zpool", 4242)
        .frame(0xffff_fe80_0000_0310, ARM_CODE + 0x20, "")
        .frame(0xffff_fe80_0000_0330, ARM_CODE + 0x540, "")
        .frame(0xffff_fe80_0000_0350, ARM_CODE + 0x700, "")
        .kext("org.example.zfs(2.1)[44444444-2222-3333-4444-555555555555]@0xfffffe0010100040->0xfffffe0010101fff")
        .tail("last started kext at 1234: org.example.zfs\t2.1 (addr 0xfffffe000f204000, size 2212)")
}

#[test]
fn an_arm64_range_is_the_code_and_the_started_address_the_header() {
    let report = one(&arm64().build());
    let zfs = report.kernel.images.last().unwrap();
    assert_eq!(
        zfs.placements,
        [
            Placement::SegmentAt {
                segment: "__TEXT_EXEC".to_owned(),
                address: Address(ARM_CODE + 0x40)
            },
            Placement::LoadedAt(Address(0xffff_fe00_0f20_4000)),
        ]
    );
    assert_eq!(zfs.size, Some(0x1fc0));
    assert_eq!(report.kernel.images[1].kind, ImageKind::KernelCollection);
    assert_eq!(report.kernel.slides.len(), 3);
}

#[test]
fn an_arm64_fault_gives_its_pc_its_words_and_the_caller_of_a_leaf() {
    let report = one(&arm64().build());
    assert_eq!(stack(&report).frames[1].kind, FrameKind::InstructionPointer);
    assert_eq!(
        *fact(&report, "fault"),
        text("read from an unmapped page at 0x28: a null pointer plus 40")
    );
    // The saved lr is signed and in no frame.
    assert_eq!(
        *fact(&report, "caller, if the faulting function is a leaf"),
        Value::Hex(ARM_CODE + 0x610)
    );
    assert_eq!(*fact(&report, "lr"), Value::Hex(0x2bbd_fe00_1010_0610));
}

#[test]
fn the_panicked_thread_and_the_other_processors_are_told_apart() {
    let report = one(&arm64().build());
    let panicked = &report.processes[0];
    assert_eq!(
        (panicked.pid, panicked.name.as_deref()),
        (Some(501), Some("zpool"))
    );
    assert_eq!(panicked.threads[0].id, Some(4242));
    let other = &report.processes[1].threads[0];
    assert_eq!(other.name.as_deref(), Some("CORE 0"));
    assert_eq!(other.stacks[0].frames.len(), 2);
}

#[test]
fn the_caller_in_user_space_is_no_kernel_frame() {
    let log = arm64().frame(0, 0x1_2345_6780, "").build();
    let report = one(&log);
    let stacks = &report.processes[0].threads[0].stacks;
    assert_eq!(stacks[0].frames.len(), 3);
    assert_eq!(stacks[0].end, StackEnd::Complete);
    assert_eq!((stacks[1].side, stacks[1].frames.len()), (Side::User, 1));
}

#[test]
fn signed_frames_are_bared_and_keep_what_was_printed() {
    let log = arm64()
        .frame(0xffff_fe80_0000_0370, 0x8d93_7e00_1010_0800, "")
        .build();
    let report = one(&log);
    let frame = stack(&report).frames.last().unwrap();
    assert_eq!(frame.at, At::Absolute(Address(ARM_CODE + 0x800)));
    assert_eq!(
        frame.said.as_ref().unwrap().raw,
        Some(Address(0x8d93_7e00_1010_0800))
    );
}

#[test]
fn fifty_arm64_frames_are_as_many_as_the_kernel_prints() {
    let log = (0..47).fold(arm64(), |log, frame| log.frame(0, ARM_CODE + frame * 4, ""));
    assert_eq!(stack(&one(&log.build())).end, StackEnd::Truncated);
}

#[test]
fn a_kext_table_that_the_kernel_skips_is_explained() {
    let log = PanicLog::new(Layout::Arm64, ARM_CODE, "x")
        .machine("Paniclog version: 16")
        .frame(0, ARM_CODE, "")
        .tail("loaded kexts: (skipped, see boot kernelcache)");
    let report = one(&log.build());
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text.contains("boot kernel collection"))
    );
}

#[test]
fn a_line_alone_gives_the_addresses_it_has() {
    let report = one(
        "panic(cpu 1 caller 0xfffffff012340010): Kernel data abort. at pc 0xfffffff012345678, lr 0x9ab13d7012345690 (saved state: 0xffffffe812340000)",
    );
    let frames: Vec<_> = stack(&report)
        .frames
        .iter()
        .map(|frame| (frame.at, frame.kind))
        .collect();
    let at = |address| At::Absolute(Address(address));
    assert_eq!(
        frames,
        [
            (at(0xffff_fff0_1234_0010), FrameKind::ReturnAddress),
            (at(0xffff_fff0_1234_5678), FrameKind::InstructionPointer),
            (at(0xffff_fff0_1234_5690), FrameKind::ReturnAddress),
        ]
    );
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn thumb_addresses_of_32_bit_arm_lose_their_lowest_bit() {
    let log = "panic(cpu 0 caller 0x80204a0f): x\nPanicked thread: 0x81b3f600, backtrace: 0x81a2b300, tid: 7\n\
               \t\tlr: 0x80204a0f  fp: 0x81a2b3c8\n\t\tlr: 0x80204b10  fp: 0x81a2b3d8\n";
    let report = one(log);
    assert_eq!(report.machine.arch, Some(Arch::Arm));
    assert_eq!(addresses(&report), [0x8020_4a0e, 0x8020_4b10]);
}

#[test]
fn the_thread_that_is_backtraced_may_be_another_one() {
    let log = PanicLog::new(
        Layout::X86_64,
        CODE,
        "Sleep transition timed out\nBacktracing specified thread",
    )
    .frame(STACK, CODE, "");
    let report = one(&log.build());
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text.contains("not of the one that called panic"))
    );
}

#[test]
fn names_without_addresses_are_kept_and_explained() {
    let report = one("mach_kernel     : _return_from_trap\norg.example.zfs : _spa_open\n");
    assert!(report.processes[0].threads[0].stacks.is_empty());
    assert_eq!(
        report.kernel.images[1].name.as_deref(),
        Some("org.example.zfs")
    );
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn registers_below_a_backtrace_are_of_something_else() {
    let log = intel().build()
        + "\nThread 0 crashed:\n    x0: 0x0000000000000001   x1: 0x0000000000000002\n";
    assert_eq!(one(&log), one(&intel().build()));
}

#[test]
fn a_kext_table_alone_is_a_list_of_images() {
    let report = one(
        "      Kernel Extensions in backtrace:\n         org.example.zfs(2.1)@0xffffff7f80001000->0xffffff7f80001fff\n",
    );
    assert!(report.processes.is_empty());
    assert_eq!(report.kernel.images.len(), 1);
}

#[test]
fn a_limit_ends_the_reading_with_a_note() {
    let limits = Limits {
        frames: 2,
        ..Limits::default()
    };
    let reports = parse(intel().build().as_bytes(), &limits).unwrap();
    assert_eq!(addresses(&reports[0]).len(), 2);
    assert!(
        reports[0]
            .notes
            .iter()
            .any(|note| note.text.contains("limit"))
    );
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn any_mixture_of_words_is_survived(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..80)) {
        let _ = parse(words.concat().as_bytes(), &Limits::default());
    }

    #[test]
    fn every_prefix_is_survived_and_loses_only_what_is_cut(cut in 0usize..4000) {
        for log in [intel().build(), arm64().build()] {
            let cut = cut.min(log.len());
            if let Ok(reports) = parse(&log.as_bytes()[..cut], &Limits::default()) {
                prop_assert!(reports.len() <= 1);
            }
        }
    }
}

const WORDS: [&str; 24] = [
    "panic(cpu 0 caller 0x10): ",
    "Backtrace (CPU 0), Frame : Return Address\n",
    "Backtrace terminated-invalid frame pointer ",
    "Backtrace:",
    "0xffffff8012300000",
    " : ",
    "\n",
    "\n\n",
    "lr: 0xfffffe0010100000",
    " fp: 0x1",
    "org.example.zfs(1)",
    "[11111111-2222-3333-4444-555555555555]",
    "@0xffffff8012300000",
    "->0xffffff8012300fff",
    "->0x1",
    "loaded kexts:",
    ">usb.!UHub\t1.2",
    "Kernel text base: ",
    "Mac OS version:",
    "CORE 0: PC=0x1, LR=0x2, FP=0x3",
    "RIP: 0x10, ",
    "PC=0x10; ",
    "Panicked task 0x1: pid ",
    "é",
];
