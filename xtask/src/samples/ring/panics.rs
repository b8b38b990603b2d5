//! Panics of the ring, each in the layout of its kernel.

use anyhow::{Context as _, Result, ensure};
use kstack_model::Uuid;
use kstack_synth::panic::{Layout, PanicLog};

use super::kit::Built;
use super::{ARM_UUID, IDENTIFIER, INTEL_UUID};
use crate::samples::code::Code;
use crate::samples::invent;

/// `ud2`, and `brk #1`: what the compiler makes of a trap.
const UD2: [u8; 2] = [0x0f, 0x0b];
const BRK: [u8; 4] = 0xd420_0020_u32.to_le_bytes();

/// Where the innermost frame is.
const STACK: u64 = 0xffff_ff91_a0b3_b860;
const STACK_OF_10_6: u64 = 0xffff_ff80_a0b3_b860;

/// Too many messages on Intel; with `keepsyms` as the kernel names them with that boot argument.
pub(super) fn intel(ring: &Code, keepsyms: bool) -> Result<String> {
    let base = 0xffff_ff80_0d00_0000_u64;
    let ring = ring.loaded_at(0xffff_ff7f_8f3c_5000);
    let trap = ring.bytes_in("ring_overflow", &UD2)?;
    let caller = base + 0xdb_29d;
    let mut log = PanicLog::new(
        Layout::X86_64,
        caller,
        &format!("Kernel trap at {trap:#018x}, type 6=invalid opcode, registers:"),
    );
    for line in registers(trap, STACK) {
        log = log.registers(&line);
    }
    let after_call = ring.call("ring_push", "ring_overflow")?;
    let received = ring.call("ring_receive", "ring_push")?;
    ensure!(
        after_call == ring.start("ring_pop")?,
        "ring_push does not end in its call"
    );
    let said = |address| {
        let (name, offset) = ring.name(address).context("no function")?;
        anyhow::Ok(format!("{IDENTIFIER} : _{name} + {offset:#x}"))
    };
    let frames = [
        (
            base + 0xa_fb0d,
            "mach_kernel : _handle_debugger_trap + 0x4a1".to_owned(),
        ),
        (base + 0xa_f373, "mach_kernel : _panic + 0x5f".to_owned()),
        (caller, "mach_kernel : _kernel_trap + 0x6f8".to_owned()),
        (
            base + 0x5_cca0,
            "mach_kernel : _return_from_trap + 0xd4".to_owned(),
        ),
        // Where the trap was: the instruction itself, no return address.
        (trap, said(trap)?),
        (after_call, said(after_call)?),
        (received, said(received)?),
        (
            base + 0x62_4f1b,
            "mach_kernel : __ZN28IOFilterInterruptEventSource15signalInterruptEv + 0x5b".to_owned(),
        ),
        (
            base + 0x5_c0ce,
            "mach_kernel : _call_continuation + 0x2e".to_owned(),
        ),
    ];
    for (index, (address, said)) in (0_u64..).zip(frames) {
        let said = if keepsyms { said } else { String::new() };
        log = log.frame(STACK + 0x60 * index, address, &said);
    }
    let end = ring.load_address() + ring.size() - 1;
    Ok(log
        .kext(&format!(
            "{IDENTIFIER}(1.0)[{}]@{:#x}->{end:#x}",
            capitals(INTEL_UUID),
            ring.load_address()
        ))
        .process(0, "kernel_task", 0)
        .machine(if keepsyms { "Boot args: keepsyms=1\n" } else { "Boot args: -v\n" })
        .machine("Mac OS version:\n18Z901\n")
        .machine("Kernel version:\nDarwin Kernel Version 18.9.9: Sat Jun  1 12:00:00 UTC 2019; root:xnu-4903.999.1~1/RELEASE_X86_64")
        .machine(&format!("Kernel UUID: {}", capitals(*invent::uuid("ring kernel").as_bytes())))
        .machine("Kernel slide:     0x000000000ce00000")
        .machine(&format!("Kernel text base: {base:#018x}"))
        .machine("System model name: Macmini9,9 (Mac-0123456789ABCDEF)\n")
        .machine("System uptime in nanoseconds: 86412345678901")
        .build())
}

fn registers(trap: u64, stack: u64) -> [String; 5] {
    let top = stack + 0x1b0;
    [
        "CR0: 0x0000000080010033, CR2: 0x00000001072bb000, CR3: 0x0000000019a40000, CR4: 0x00000000003626e0".into(),
        "RAX: 0x0000000000000040, RBX: 0xffffff8031c40a00, RCX: 0x0000000000000040, RDX: 0x0000000000000018".into(),
        format!("RSP: {top:#018x}, RBP: {top:#018x}, RSI: 0x00000000000005dc, RDI: 0xffffff8030d07000"),
        format!("RFL: 0x0000000000010246, RIP: {trap:#018x}, CS:  0x0000000000000008, SS:  0x0000000000000010"),
        "Fault CR2: 0x00000001072bb000, Error code: 0x0000000000000000, Fault CPU: 0x0, PL: 0, VF: 1\n".into(),
    ]
}

/// Too many messages on 10.6, whose kernel prints no UUIDs and does not slide.
pub(super) fn without_uuid(ring: &Code) -> Result<String> {
    let base = 0xffff_ff80_0020_0000_u64;
    let ring = ring.loaded_at(0xffff_ff7f_80c3_5000);
    let trap = ring.bytes_in("ring_overflow", &UD2)?;
    let caller = base + 0xdb_29d;
    let mut log = PanicLog::new(
        Layout::X86_64,
        caller,
        &format!("Kernel trap at {trap:#018x}, type 6=invalid opcode, registers:"),
    );
    for line in registers(trap, STACK_OF_10_6) {
        log = log.registers(&line);
    }
    let frames = [
        base + 0xa_f373,
        caller,
        base + 0x5_cca0,
        trap,
        ring.call("ring_push", "ring_overflow")?,
        ring.call("ring_receive", "ring_push")?,
        base + 0x5_c0ce,
    ];
    for (index, address) in (0_u64..).zip(frames) {
        log = log.frame(STACK_OF_10_6 + 0x60 * index, address, "");
    }
    let end = ring.load_address() + ring.size() - 1;
    Ok(log
        .kext(&format!("{IDENTIFIER}(1.1)@{:#x}->{end:#x}", ring.load_address()))
        .process(0, "kernel_task", 0)
        .machine("Mac OS version:\n10Z901\n")
        .machine("Kernel version:\nDarwin Kernel Version 10.9.9: Tue Jun  1 12:00:00 UTC 2010; root:xnu-1504.99.1~1/RELEASE_X86_64")
        .machine("System model name: Macmini9,9 (Mac-0123456789ABCDEF)\n")
        .machine("System uptime in nanoseconds: 86412345678901")
        .build())
}

/// The same overflow on Apple silicon. The table of kexts prints where the code lies, the line of the
/// last started kext where the header does.
pub(super) fn arm(ring: &Built) -> Result<String> {
    let exec = 0xffff_fe00_1a83_d000_u64;
    let header = 0xffff_fe00_19ad_3000_u64;
    let linked = ring.segment("__TEXT_EXEC")?;
    let code = ring.code.loaded_at(exec - linked);
    let trap = code.bytes_in("ring_overflow", &BRK)?;
    let base = 0xffff_fe00_19af_4000_u64;
    let kernel = [0x5820, 0x9d58, 0x17f8].map(|offset| base + offset);
    let frames = [
        kernel[0],
        kernel[1],
        kernel[2],
        trap,
        code.call("ring_push", "ring_overflow")?,
        code.call("ring_receive", "ring_push")?,
        base + 0xf824,
    ];
    let lr = frames[4];
    let mut log = PanicLog::new(
        Layout::Arm64,
        kernel[1],
        &format!("Break 0x0001 instruction exception from kernel. Panic (by design) at pc {trap:#018x}, lr {lr:#018x} (saved state: 0xfffffe6123a4ae50)"),
    )
    .registers("\t  x0:  0xfffffe1712345d20 x1:  0x00000000000005dc  x2:  0x0000000000000008  x3:  0xfffffe1712345d20")
    .registers(&format!("\t  x28: 0x000000000000008c fp:  0xfffffe6123a4b1a0  lr:  {lr:#018x}  sp:  0xfffffe6123a4b1a0"))
    .registers(&format!("\t  pc:  {trap:#018x} cpsr: 0x60401208         esr: 0xf2000001          far: 0x0000000000000000"))
    .machine("Debugger message: panic\nMemory ID: 0x6\nOS release type: User\nOS version: 21Z901")
    .machine("Kernel version: Darwin Kernel Version 21.9.9: Wed Jun  1 12:00:00 UTC 2022; root:xnu-8020.999.1~1/RELEASE_ARM64_T9999")
    .machine(&format!("Kernel UUID: {}", capitals(*invent::uuid("ring kernel of arm64").as_bytes())))
    .machine("Paniclog version: 13\nKernelCache slide: 0x0000000012a00000\nKernelCache base:  0xfffffe0019a04000")
    .machine("Kernel slide:      0x0000000012a84000\nKernel text base:  0xfffffe0019a88000")
    .machine(&format!("Kernel text exec slide: 0x0000000012af0000\nKernel text exec base:  {base:#018x}"))
    .process(0, "kernel_task", 512);
    for (index, address) in (0_u64..).zip(frames) {
        log = log.frame(0xffff_fe61_23a4_a880 + 0x1c0 * index, address, "");
    }
    let end = exec + 0x3fff;
    Ok(log
        .kext(&format!(
            "{IDENTIFIER}(1.0)[{}]@{exec:#x}->{end:#x}",
            capitals(ARM_UUID)
        ))
        .tail(&format!(
            "last started kext at 689456164: {IDENTIFIER}\t1.0 (addr {header:#x}, size 49152)"
        ))
        .tail(&format!("loaded kexts:\n{IDENTIFIER}\t1.0"))
        .build())
}

pub(super) fn capitals(uuid: [u8; 16]) -> String {
    Uuid::from_bytes(uuid).to_string().to_uppercase()
}
