//! Logs of Intel and PowerPC kernels.

use kstack_model::{Address, Arch, Basis, FrameKind, Slide, SlideOf, Value};
use kstack_synth::panic::{Layout, PanicLog};

use super::{CODE, addresses, fact, intel, one, stack, text};

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
