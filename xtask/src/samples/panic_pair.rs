//! `samples/panic-pair`: the same panic on two boots, whose kernels slid differently.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_model::Uuid;
use kstack_synth::panic::{Layout, PanicLog};

use super::code::Code;
use super::layout::{Image, KERNEL, SPL, ZFS};
use super::stacks::Machine;

/// One boot.
struct Boot {
    slide: u64,
    spl: u64,
    zfs: u64,
    stack: u64,
    cpu: u32,
    uptime: u64,
}

const FIRST: Boot = Boot {
    slide: 0x0b40_0000,
    spl: 0xffff_ff7f_8d8e_2000,
    zfs: 0xffff_ff7f_8d92_f000,
    stack: 0xffff_ff80_a1c3_3000,
    cpu: 1,
    uptime: 5_412_880_310_244,
};

const SECOND: Boot = Boot {
    slide: 0x1d20_0000,
    spl: 0xffff_ff7f_9f71_0000,
    zfs: 0xffff_ff7f_9f76_8000,
    stack: 0xffff_ff81_0b7d_a000,
    cpu: 3,
    uptime: 918_220_467_003,
};

/// Writes both panics.
pub(crate) fn write(machine: &Machine, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("first.panic"), log(machine, &FIRST)?)?;
    fs::write(folder.join("second.panic"), log(machine, &SECOND)?)?;
    Ok(())
}

/// A device of the pool has no operations, so closing it reads 16 bytes above zero.
fn log(machine: &Machine, boot: &Boot) -> Result<String> {
    let machine = Machine {
        kernel: machine
            .kernel
            .loaded_at(machine.kernel.load_address() + boot.slide),
        spl: machine.spl.loaded_at(boot.spl),
        zfs: machine.zfs.loaded_at(boot.zfs),
    };
    let base = machine.kernel.load_address();
    let (zfs, kernel) = (&machine.zfs, &machine.kernel);
    // The call reads its target from memory, and that is what faults.
    let fault = zfs.pointer_call("vdev_root_close")? - 3;
    let caller = base + 0xb_7e3d;
    let mut log = PanicLog::new(
        Layout::X86_64,
        caller,
        &format!("Kernel trap at {fault:#018x}, type 14=page fault, registers:"),
    )
    .on_cpu(boot.cpu);
    for line in registers(boot, fault) {
        log = log.registers(&line);
    }
    let frames = [
        (base + 0x1_d5f6, "mach_kernel : _panic + 0xc6"),
        (caller, "mach_kernel : _kernel_trap + 0x7ed"),
        (base + 0xc_e0d6, "mach_kernel : _return_from_trap + 0xc6"),
        (fault, ""),
        (zfs.pointer_call("vdev_create")?, ""),
        (zfs.pinned("spa_create")?, ""),
        (zfs.pinned("zfs_ioc_pool_create")?, ""),
        (zfs.pinned("zfsdev_ioctl")?, ""),
        (
            kernel.pinned("spec_ioctl")?,
            "mach_kernel : _spec_ioctl + 0x9d",
        ),
        (
            kernel.pinned("VNOP_IOCTL")?,
            "mach_kernel : _VNOP_IOCTL + 0xf4",
        ),
        (
            kernel.call("vn_ioctl", "VNOP_IOCTL")?,
            "mach_kernel : _vn_ioctl + 0x30",
        ),
        (
            kernel.call("ioctl", "vn_ioctl")?,
            "mach_kernel : _ioctl + 0x5f",
        ),
        (
            kernel.pinned("unix_syscall64")?,
            "mach_kernel : _unix_syscall64 + 0x7a",
        ),
        (
            kernel.call("hndl_unix_scall64", "unix_syscall64")?,
            "mach_kernel : _hndl_unix_scall64 + 0xa",
        ),
    ];
    for (index, (address, said)) in (0_u64..).zip(frames) {
        log = log.frame(boot.stack + 0xa40 + 0x60 * index, address, said);
    }
    let log = log
        .kext(&kext(&ZFS, zfs))
        .kext(&format!("   dependency: {}", dependency(&SPL, &machine.spl)))
        .process(0, "zpool", 0)
        .machine("Boot args: keepsyms=1\n\nMac OS version:\n12Z901\n")
        .machine("Kernel version:\nDarwin Kernel Version 12.9.9: Fri Feb  1 12:00:00 UTC 2013; root:xnu-2050.99.1~1/RELEASE_X86_64")
        .machine(&format!("Kernel UUID: {}", in_capitals(&KERNEL)))
        .machine(&format!("Kernel slide:     {:#018x}", boot.slide))
        .machine(&format!("Kernel text base: {base:#018x}"))
        .machine("System model name: MacBookPro9,9 (Mac-0123456789ABCDEF)\n")
        .machine(&format!("System uptime in nanoseconds: {}", boot.uptime));
    Ok(log.build())
}

fn registers(boot: &Boot, fault: u64) -> [String; 6] {
    let top = boot.stack + 0xb60;
    [
        "CR0: 0x000000008001003b, CR2: 0x0000000000000010, CR3: 0x000000001a2c4000, CR4: 0x00000000001606e0".into(),
        format!("RAX: 0x0000000000000000, RBX: 0x0000000000000001, RCX: 0x0000000000000013, RDX: {:#018x}", boot.stack + 0x11c0),
        format!("RSP: {top:#018x}, RBP: {:#018x}, RSI: 0x0000000000000004, RDI: {:#018x}", top + 0x20, boot.stack + 0x2d80),
        "R8:  0x0000000000000000, R9:  0x0000000000000000, R10: 0x0000000000000013, R11: 0x0000000000000246".into(),
        format!("RFL: 0x0000000000010246, RIP: {fault:#018x}, CS:  0x0000000000000008, SS:  0x0000000000000010"),
        format!("Fault CR2: 0x0000000000000010, Error code: 0x0000000000000000, Fault CPU: {:#x}\n", boot.cpu),
    ]
}

fn kext(image: &Image, code: &Code) -> String {
    let end = code.load_address() + code.size() - 1;
    format!("{}->{end:#x}", dependency(image, code))
}

fn dependency(image: &Image, code: &Code) -> String {
    let uuid = in_capitals(image);
    format!(
        "{}(1.0)[{uuid}]@{:#x}",
        image.identifier,
        code.load_address()
    )
}

fn in_capitals(image: &Image) -> String {
    Uuid::from_bytes(image.uuid).to_string().to_uppercase()
}
