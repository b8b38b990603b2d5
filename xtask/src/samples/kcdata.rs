//! `samples/kcdata-deadlock` and `samples/microstackshot`: the formats of 10.11 and later.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_model::Uuid;
use kstack_synth::kcdata::{self, Buffer, Thread};
use kstack_synth::legacy::{self, Generation, Task};
use kstack_synth::micro::Sample;

use super::layout::{KERNEL, SPL, ZFS};
use super::stacks::Machine;

const SPL_ADDRESS: u64 = 0xffff_ff7f_8214_b000;
const ZFS_ADDRESS: u64 = 0xffff_ff7f_8233_9000;

// Item tags (xnu-4570.1.46, osfmk/kern/kcdata.h).
const LOADINFO64: u32 = 0x31;
const BOOT_ARGS: u32 = 0x90e;
const OS_VERSION: u32 = 0x90f;
const TASK_SNAPSHOT: u32 = 0x905;
const THREAD_SNAPSHOT: u32 = 0x906;
const KERNEL_FRAMES: u32 = 0x90b;
const THREAD_NAME: u32 = 0x909;
const WAIT_INFO: u32 = 0x91d;

const WAITS: u32 = 0x9;
const KERNEL_MUTEX: u8 = 1;
/// 64-bit user and kernel stack.
const WIDE: u64 = 0x3;

/// Three threads, each waiting for a mutex that the next one holds, across both kexts.
pub(crate) fn write_deadlock(machine: &Machine, folder: &Path) -> Result<()> {
    let machine = moved(machine);
    let threads = [
        (0x4e2, "", machine.zpool_create()?, 0x4e6),
        (0x4e6, "vdev_open", machine.vdev_opener()?, 0x1a4),
        (0x1a4, "system_taskq", machine.idle_worker()?, 0x4e2),
    ];
    let thread = |task: Buffer, (id, name, frames, owner): &(u64, &str, Vec<u64>, u64)| {
        let record = Thread {
            id: *id,
            state: WAITS,
            flags: WIDE,
            wait_event: 0xffff_c49a_7100_0000 + id,
            priority: 81,
            ..Thread::default()
        };
        task.thread(*id, |thread| {
            let thread = thread.item(THREAD_SNAPSHOT, &record.record()[..112]);
            let thread = match name.is_empty() {
                true => thread,
                false => thread.text(THREAD_NAME, name),
            };
            thread.array(
                KERNEL_FRAMES,
                &kcdata::pairs(&super::stacks::walked(
                    frames,
                    0xffff_ff91_2000_0000 + (id << 16),
                )),
            )
        })
        .array(WAIT_INFO, &[mutex_wait(*id, *owner)])
    };
    let images = [
        (machine.kernel.load_address(), KERNEL.uuid),
        (SPL_ADDRESS, SPL.uuid),
        (ZFS_ADDRESS, ZFS.uuid),
    ];
    let images: Vec<_> = images
        .iter()
        .map(|(at, uuid)| kcdata::load_info(*at, *uuid))
        .collect();
    let bytes = Buffer::stackshot()
        .text(OS_VERSION, "Darwin Kernel Version 17.9.9: Fri Jun  1 12:00:00 UTC 2018; root:xnu-4570.99.1~1/RELEASE_X86_64")
        .text(BOOT_ARGS, "keepsyms=1")
        .task(0, |task| {
            let task = task
                .item(TASK_SNAPSHOT, &kcdata::task_snapshot(0, 0, "kernel_task"))
                .array(LOADINFO64, &images);
            threads[1..].iter().fold(task, thread)
        })
        .task(1156, |task| {
            let task = task.item(TASK_SNAPSHOT, &kcdata::task_snapshot(1156, 156, "zpool"));
            thread(task, &threads[0])
        })
        .end();
    fs::create_dir_all(folder)?;
    fs::write(folder.join("stackshot.kcdata"), bytes)?;
    Ok(())
}

/// A wait for a mutex, each for one of its own, in the form of 10.13: 25 bytes.
fn mutex_wait(waiter: u64, owner: u64) -> Vec<u8> {
    let mut record = kcdata::wait_info(waiter, KERNEL_MUTEX, owner, 0);
    let mutex = 0x6f1c_22b0_5d40_0000_u64 + (owner << 4);
    record[16..24].copy_from_slice(&mutex.to_le_bytes());
    record.truncate(25);
    record
}

/// Two samples of a thread of zpool, and one of a kernel thread as 15 and later take them.
pub(crate) fn write_microstackshot(folder: &Path) -> Result<()> {
    const USER: u8 = 0x4;
    let sample = |time: u64, top: u64| Sample {
        time,
        cpu: 2,
        flags: USER,
        task: Task {
            pid: 156,
            name: "zpool".into(),
            is_wide: true,
            load_infos: vec![(0x1_0a40_b000, Uuid::from_bytes([0x5a; 16]))],
            ..Task::default()
        },
        thread: legacy::Thread {
            pid: 156,
            id: 0x4e2,
            state: 0x4,
            is_user_wide: true,
            flags: 0x8,
            ..legacy::Thread::default()
        },
        frames: vec![top, 0x1_0a41_2e8f, 0x1_0a40_d2b4],
        ..Sample::default()
    };
    let bytes: Vec<u8> = [
        (1_400_000_000_250_000, 0x1_0a41_7c55),
        (1_400_000_060_250_000, 0x1_0a41_6a02),
    ]
    .into_iter()
    .flat_map(|(time, top)| sample(time, top).record(Generation::G7))
    .collect();
    fs::create_dir_all(folder)?;
    fs::write(folder.join("microstackshots.bin"), bytes)?;
    Ok(())
}

fn moved(machine: &Machine) -> Machine {
    Machine {
        kernel: machine.kernel.clone(),
        spl: machine.spl.loaded_at(SPL_ADDRESS),
        zfs: machine.zfs.loaded_at(ZFS_ADDRESS),
    }
}
