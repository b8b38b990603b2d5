//! `samples/g7-yosemite`: the same hang on 10.10, where the stackshot itself lists kernel and kexts.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_model::Uuid;
use kstack_synth::legacy::{Generation, Trace};

use super::hang::processes;
use super::invent::uuid;
use super::layout::{KERNEL, SPL, ZFS};
use super::stacks::Machine;

const SPL_ADDRESS: u64 = 0xffff_ff7f_81c2_4000;
const ZFS_ADDRESS: u64 = 0xffff_ff7f_81d3_1000;

/// The constant of the boot that this kernel adds to what a thread waits for.
const EVENT_OFFSET: u64 = 0x2d6b_91f4_07a3_5c18;

/// Writes the stackshot.
pub(crate) fn write(machine: &Machine, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let moved = Machine {
        kernel: machine.kernel.clone(),
        spl: machine.spl.loaded_at(SPL_ADDRESS),
        zfs: machine.zfs.loaded_at(ZFS_ADDRESS),
    };
    fs::write(folder.join("stackshot.log"), stackshot(&moved)?)?;
    Ok(())
}

fn stackshot(machine: &Machine) -> Result<Vec<u8>> {
    let mut trace = Trace::new(Generation::G7).memory(&[
        ("free_pages", 60_112),
        ("active_pages", 911_300),
        ("wired_pages", 402_118),
        ("compressions", 81_224),
        ("decompressions", 12_008),
        ("compressor_size", 30_466),
    ]);
    let names = [
        (0x1a4, "system_taskq"),
        (0x1a5, "system_taskq"),
        (0x4e5, "vdev_open"),
        (0x4e6, "vdev_open"),
    ];
    for (mut task, threads) in processes(machine)? {
        if task.pid == 0 {
            task.load_infos = kernel_images(machine);
        }
        task.values
            .push(("uniqueid", 1000 + u64::from(task.pid.cast_unsigned())));
        trace = trace.task(&task);
        for mut thread in threads {
            thread.name = names
                .iter()
                .find(|(id, _)| *id == thread.id)
                .map_or("", |(_, name)| name)
                .into();
            thread
                .values
                .extend([("io_tier", 0), ("total_syscalls", thread.id * 11)]);
            if thread.wait_event != 0 {
                thread.wait_event = thread.wait_event.wrapping_add(EVENT_OFFSET);
            }
            trace = trace.thread(&thread);
        }
    }
    Ok(trace.build())
}

/// The kernel first, then the kexts, as they were started.
fn kernel_images(machine: &Machine) -> Vec<(u64, Uuid)> {
    vec![
        (machine.kernel.load_address(), Uuid::from_bytes(KERNEL.uuid)),
        (0xffff_ff7f_80a3_6000, uuid("com.apple.iokit.IOPCIFamily")),
        (
            0xffff_ff7f_80a6_e000,
            uuid("com.apple.iokit.IOStorageFamily"),
        ),
        (machine.spl.load_address(), Uuid::from_bytes(SPL.uuid)),
        (machine.zfs.load_address(), Uuid::from_bytes(ZFS.uuid)),
    ]
}
