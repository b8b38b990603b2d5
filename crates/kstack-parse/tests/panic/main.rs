//! Panic logs: what each layout and each accident on the way must give.

mod arm;
mod carried;
mod intel;

use kstack_model::{At, Report, Stack, Value};
use kstack_parse::{Limits, parse};
use kstack_synth::panic::{Layout, PanicLog};

const CODE: u64 = 0xffff_ff80_1230_0000;
const STACK: u64 = 0xffff_ff81_0000_0100;

const ARM_CODE: u64 = 0xffff_fe00_1010_0000;

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
