//! Where the code of a sample image lies: which file begins where, which function starts where,
//! and which address a call returns to.

/// An image built from C files whose code lies at chosen places.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its folder below `src/`, and the name of the executable.
    pub(crate) name: &'static str,
    /// Its bundle identifier; empty for the kernel.
    pub(crate) identifier: &'static str,
    /// Where it is loaded, unslid.
    pub(crate) load_address: u64,
    /// The UUID it gets, in place of the linker's hash.
    pub(crate) uuid: [u8; 16],
    /// Its source files in the order of their code.
    pub(crate) units: &'static [Unit],
    /// Bytes from the load address to the end of its code.
    pub(crate) code_end: u64,
    /// Symbols that the shipped file keeps; the others are stripped.
    pub(crate) kept: &'static [&'static str],
}

/// One source file.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Its path below the folder of the image.
    pub(crate) source: &'static str,
    /// Bytes from the load address to its code; a multiple of the page size.
    pub(crate) begin: u64,
    /// Its functions that must lie at given places.
    pub(crate) pins: &'static [Pin],
}

/// A function at a given place, with one call in it that returns to a given place.
#[derive(Debug)]
pub(crate) struct Pin {
    /// Its name.
    pub(crate) function: &'static str,
    /// Its first address, in memory.
    pub(crate) start: u64,
    /// What its pinned call calls.
    pub(crate) callee: Callee,
    /// Bytes from `start` to the return address of that call.
    pub(crate) returns_to: u64,
}

/// What a pinned call calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Callee {
    /// A function by name, directly or through a stub.
    Function(&'static str),
    /// Whatever a pointer holds: a table of operations.
    Pointer,
}

use Callee::{Function, Pointer};

const fn pin(function: &'static str, start: u64, callee: Callee, returns_to: u64) -> Pin {
    Pin {
        function,
        start,
        callee,
        returns_to,
    }
}

const fn unit(source: &'static str, begin: u64, pins: &'static [Pin]) -> Unit {
    Unit {
        source,
        begin,
        pins,
    }
}

/// The kernel. Its functions lie as far apart as those of a real one, so only the pages with code are in the file.
pub(crate) static KERNEL: Image = Image {
    name: "kernel",
    identifier: "",
    load_address: 0xffff_ff80_0020_0000,
    uuid: *b"\x1e\x0c\x5a\x21\x8b\x3d\x4f\x60\x9a\x47\x10\x08\x00\x20\x50\x01",
    units: &[
        unit("osfmk/ipc/mach_msg.c", 0x1_9000, &[]),
        unit(
            "osfmk/kern/locks.c",
            0x2_6000,
            &[pin(
                "lck_mtx_sleep",
                0xffff_ff80_0022_6580,
                Function("thread_block_reason"),
                78,
            )],
        ),
        unit(
            "osfmk/kern/sched_prim.c",
            0x2_d000,
            &[
                pin(
                    "thread_block_reason",
                    0xffff_ff80_0022_d8b0,
                    Function("thread_invoke"),
                    300,
                ),
                pin(
                    "thread_invoke",
                    0xffff_ff80_0022_e210,
                    Function("machine_switch_context"),
                    1281,
                ),
                pin("call_continuation", 0xffff_ff80_0022_e780, Pointer, 23),
            ],
        ),
        unit(
            "osfmk/x86_64/pcb.c",
            0xb_3000,
            &[pin(
                "machine_switch_context",
                0xffff_ff80_002b_3bd0,
                Function("Switch_context"),
                366,
            )],
        ),
        unit("osfmk/x86_64/idt64.c", 0xc_d000, &[]),
        unit("bsd/vfs/vfs_vnops.c", 0x10_a000, &[]),
        unit(
            "bsd/vfs/kpi_vfs.c",
            0x11_1000,
            &[pin("VNOP_IOCTL", 0xffff_ff80_0031_1d90, Pointer, 244)],
        ),
        unit(
            "bsd/miscfs/specfs/spec_vnops.c",
            0x12_0000,
            &[pin("spec_ioctl", 0xffff_ff80_0032_0b60, Pointer, 157)],
        ),
        unit("bsd/kern/kern_malloc.c", 0x35_1000, &[]),
        unit(
            "bsd/kern/kern_synch.c",
            0x36_9000,
            &[
                pin(
                    "sleep_on",
                    0xffff_ff80_0056_9e00,
                    Function("lck_mtx_sleep"),
                    246,
                ),
                pin("msleep", 0xffff_ff80_0056_a270, Function("sleep_on"), 116),
            ],
        ),
        unit("bsd/kern/sys_generic.c", 0x37_7000, &[]),
        unit(
            "bsd/dev/i386/systemcalls.c",
            0x3e_1000,
            &[pin("unix_syscall64", 0xffff_ff80_005e_1040, Pointer, 122)],
        ),
    ],
    code_end: 0x3e_2000,
    kept: &[
        "VNOP_IOCTL",
        "call_continuation",
        "hndl_mach_scall64",
        "hndl_unix_scall64",
        "ioctl",
        "lck_mtx_sleep",
        "mach_msg_overwrite_trap",
        "machine_switch_context",
        "msleep",
        "spec_ioctl",
        "thread_block_reason",
        "unix_syscall64",
        "vn_ioctl",
    ],
};

/// spl.kext, on which zfs.kext stands.
pub(crate) static SPL: Image = Image {
    name: "spl",
    identifier: "net.lundman.spl",
    load_address: 0xffff_ff7f_80e5_0000,
    uuid: *b"\x5c\x1a\x7e\x90\x2f\x64\x4b\x0e\x8d\x31\x10\x08\xe5\x00\x00\x02",
    units: &[
        unit("module/spl/spl-osx.c", 0x1000, &[]),
        unit(
            "module/spl/spl-condvar.c",
            0x2000,
            &[pin(
                "spl_cv_wait",
                0xffff_ff7f_80e5_2a40,
                Function("msleep"),
                54,
            )],
        ),
        unit(
            "module/spl/spl-taskq.c",
            0x3000,
            &[
                pin(
                    "taskq_wait",
                    0xffff_ff7f_80e5_3f60,
                    Function("spl_cv_wait"),
                    78,
                ),
                pin(
                    "taskq_destroy",
                    0xffff_ff7f_80e5_4150,
                    Function("taskq_wait"),
                    35,
                ),
                pin("taskq_thread", 0xffff_ff7f_80e5_4a20, Pointer, 218),
            ],
        ),
        unit("module/spl/spl-mutex.c", 0x6000, &[]),
    ],
    code_end: 0x7000,
    kept: &["spl_start", "spl_stop", "taskq_create"],
};

/// zfs.kext, whose ioctl hangs.
pub(crate) static ZFS: Image = Image {
    name: "zfs",
    identifier: "net.lundman.zfs",
    load_address: 0xffff_ff7f_80f0_0000,
    uuid: *b"\x7f\x05\x9b\x3c\xd4\x18\x42\x77\xb0\x6a\x10\x08\xf0\x00\x00\x03",
    units: &[
        unit(
            "module/zfs/spa.c",
            0x3000,
            &[pin(
                "spa_create",
                0xffff_ff7f_80f0_3f80,
                Function("vdev_create"),
                878,
            )],
        ),
        unit(
            "module/zfs/vdev.c",
            0x1_a000,
            &[
                pin(
                    "vdev_open_children",
                    0xffff_ff7f_80f1_a720,
                    Function("taskq_destroy"),
                    336,
                ),
                pin("vdev_open", 0xffff_ff7f_80f1_a880, Pointer, 311),
                pin(
                    "vdev_create",
                    0xffff_ff7f_80f1_b640,
                    Function("vdev_open"),
                    31,
                ),
            ],
        ),
        unit("module/zfs/vdev_disk.c", 0x2_7000, &[]),
        unit(
            "module/zfs/vdev_root.c",
            0x2_b000,
            &[pin(
                "vdev_root_open",
                0xffff_ff7f_80f2_baf0,
                Function("vdev_open_children"),
                94,
            )],
        ),
        unit(
            "module/zfs/zfs_ioctl.c",
            0x4_5000,
            &[
                pin(
                    "zfs_ioc_pool_create",
                    0xffff_ff7f_80f4_5b60,
                    Function("spa_create"),
                    251,
                ),
                pin("zfsdev_ioctl", 0xffff_ff7f_80f4_cd60, Pointer, 306),
            ],
        ),
    ],
    code_end: 0x4_e000,
    kept: &["zfs_start", "zfs_stop", "spa_create", "vdev_open"],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_return_to_the_addresses_of_the_report() {
        let reported = [
            (
                &KERNEL,
                "machine_switch_context",
                0xffff_ff80_002b_3d3e,
                366,
            ),
            (&KERNEL, "thread_invoke", 0xffff_ff80_0022_e711, 1281),
            (&KERNEL, "thread_block_reason", 0xffff_ff80_0022_d9dc, 300),
            (&KERNEL, "lck_mtx_sleep", 0xffff_ff80_0022_65ce, 78),
            (&KERNEL, "sleep_on", 0xffff_ff80_0056_9ef6, 246),
            (&KERNEL, "msleep", 0xffff_ff80_0056_a2e4, 116),
            (&SPL, "spl_cv_wait", 0xffff_ff7f_80e5_2a76, 54),
            (&SPL, "taskq_wait", 0xffff_ff7f_80e5_3fae, 78),
            (&SPL, "taskq_destroy", 0xffff_ff7f_80e5_4173, 35),
            (&ZFS, "vdev_open_children", 0xffff_ff7f_80f1_a870, 336),
            (&ZFS, "vdev_root_open", 0xffff_ff7f_80f2_bb4e, 94),
            (&ZFS, "vdev_open", 0xffff_ff7f_80f1_a9b7, 311),
            (&ZFS, "vdev_create", 0xffff_ff7f_80f1_b65f, 31),
            (&ZFS, "spa_create", 0xffff_ff7f_80f0_42ee, 878),
            (&ZFS, "zfs_ioc_pool_create", 0xffff_ff7f_80f4_5c5b, 251),
            (&ZFS, "zfsdev_ioctl", 0xffff_ff7f_80f4_ce92, 306),
            (&KERNEL, "spec_ioctl", 0xffff_ff80_0032_0bfd, 157),
            (&KERNEL, "VNOP_IOCTL", 0xffff_ff80_0031_1e84, 244),
        ];
        for (image, function, address, offset) in reported {
            let mut pins = image.units.iter().flat_map(|unit| unit.pins);
            let pin = pins.find(|pin| pin.function == function).unwrap();
            assert_eq!(
                (pin.start + pin.returns_to, pin.returns_to),
                (address, offset),
                "{function}"
            );
        }
    }
}
