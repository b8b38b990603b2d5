//! `samples/g2-snow-leopard`: 10.6.0 with the 32-bit kernel most Macs booted then.
//!
//! There are no task records: each thread says whose it is. Kernel frames are narrow,
//! those of 64-bit programs wide. No symbol files: the listing of kexts alone places the frames.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_synth::legacy::{Generation, Thread, Trace};

use super::kextstat::{self, Row};
use super::stacks::walked;

const WAIT: u32 = 0x1;
const UNINT: u32 = 0x8;
const RUN: u32 = 0x4;
const IDLE: u32 = 0x80;

const RAMDISK: u64 = 0x5a3c_2000;
const STORAGE: u64 = 0x4f81_b000;

/// Writes the stackshot and the listing of kexts.
pub(crate) fn write(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("stackshot.log"), stackshot())?;
    fs::write(folder.join("kextstat.txt"), kextstat_text())?;
    Ok(())
}

fn stackshot() -> Vec<u8> {
    let blocked = [0x0022_d15a, 0x0022_dbd2];
    let waits_for_message = [blocked.as_slice(), &[0x0021_3f08, 0x0021_0b62, 0x002a_41fe]].concat();
    let waits_for_disk = [
        blocked.as_slice(),
        &[
            0x0048_0a6b,
            STORAGE + 0x2c14,
            STORAGE + 0x30aa,
            RAMDISK + 0x1e92,
            RAMDISK + 0x0b37,
            0x0031_7d40,
        ],
    ]
    .concat();

    let threads = [
        Thread {
            state: RUN | IDLE,
            kernel: walked(&blocked, 0x1c0e_3f04),
            ..of(0, "kernel_task", 0x0712_5b38)
        },
        Thread {
            state: WAIT | UNINT,
            wait_event: 0x0716_44a0,
            kernel: walked(&waits_for_disk, 0x1c2f_be08),
            ..of(0, "kernel_task", 0x0713_97a4)
        },
        Thread {
            state: WAIT,
            wait_event: 0x06f8_e05c,
            continuation: 0x0021_3e30,
            kernel: walked(&waits_for_message, 0x1c31_3d9c),
            user: walked(
                &[
                    0x7fff_8651_2e3a,
                    0x7fff_8651_34ad,
                    0x1_0000_4f1c,
                    0x1_0000_20d8,
                ],
                0x7fff_5fbf_f5a0,
            ),
            is_user_wide: true,
            queue_serial: Some(1),
            ..of(10, "launchd", 0x0710_1ee0)
        },
        Thread {
            state: WAIT,
            wait_event: 0x06fa_1b80,
            kernel: walked(&waits_for_message, 0x1c4a_7d9c),
            user: walked(
                &[0x9213_c0fa, 0x9213_c867, 0x0000_3a5e, 0x0000_2b12],
                0xbfff_ea78,
            ),
            ..of(214, "Old Player", 0x0748_8000)
        },
    ];
    let trace = Trace::new(Generation::G2);
    threads
        .iter()
        .fold(trace, Trace::thread)
        .zero_tail(512)
        .build()
}

/// A thread; the id is the address of its object in this generation.
fn of(pid: i32, process: &str, id: u64) -> Thread {
    Thread {
        pid,
        process: process.into(),
        id,
        ..Thread::default()
    }
}

fn kextstat_text() -> String {
    let rows: [Row<'_>; 8] = [
        ("com.apple.kpi.bsd", "10.0.0", 0, 0, &[]),
        ("com.apple.kpi.iokit", "10.0.0", 0, 0, &[]),
        ("com.apple.kpi.libkern", "10.0.0", 0, 0, &[]),
        ("com.apple.kpi.mach", "10.0.0", 0, 0, &[]),
        (
            "com.apple.iokit.IOPCIFamily",
            "2.6",
            0x4ed6_1000,
            0x17000,
            &[2, 3, 4],
        ),
        (
            "com.apple.iokit.IOStorageFamily",
            "1.6",
            STORAGE,
            0x18000,
            &[1, 2, 3, 4],
        ),
        (
            "com.apple.iokit.IONetworkingFamily",
            "1.8",
            0x5017_7000,
            0x2a000,
            &[1, 2, 3, 4],
        ),
        ("org.example.ramdisk", "0.9", RAMDISK, 0x4000, &[2, 3, 6]),
    ];
    kextstat::print(&rows, 10)
}
