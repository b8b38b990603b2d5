//! `samples/lost-wakeup`: one hang, taken twice, half a minute apart.
//!
//! A disk that came back is opened by six threads of a task queue. All sleep on it until it is
//! free; it is, and nobody woke them.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_synth::legacy::{Task, Thread};

use super::hang::{Process, processes, sleeper};
use super::stacks::Machine;
use super::zpool_hang::{kextstat_text, stackshot};

/// What the six threads sleep on.
const DISK: u64 = 0xffff_ff80_0671_4e00;

/// Writes both stackshots and the listing of kexts.
pub(crate) fn write(machine: &Machine, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let first = hang(machine)?;
    fs::write(folder.join("first.log"), stackshot(&first))?;
    fs::write(folder.join("second.log"), stackshot(&later(first)))?;
    fs::write(folder.join("kextstat.txt"), kextstat_text(machine))?;
    Ok(())
}

/// The machine of `zpool-hang` with five more threads that sleep on the disk.
fn hang(machine: &Machine) -> Result<Vec<Process>> {
    let mut processes = processes(machine)?;
    let opener = machine.vdev_opener()?;
    for (task, threads) in &mut processes {
        if task.pid != 0 {
            continue;
        }
        threads.retain(|thread| thread.wait_event != DISK);
        threads.extend((0x4e7..0x4ed).map(|id| sleeper(id, DISK, &opener)));
        for thread in threads {
            thread
                .values
                .extend([("user_time", 0), ("system_time", thread.id * 1_700)]);
        }
    }
    Ok(processes)
}

/// Half a minute later: launchd worked, one program ended, another one began to wait.
fn later(mut processes: Vec<Process>) -> Vec<Process> {
    const LAUNCHD: i32 = 1;
    const EXAMPLED: i32 = 88;
    const ZPOOL: i32 = 156;
    processes.retain(|(task, _)| task.pid != EXAMPLED);
    for (task, threads) in &mut processes {
        for thread in threads.iter_mut().filter(|_| task.pid == LAUNCHD) {
            for (name, value) in &mut thread.values {
                if *name == "user_time" {
                    *value += 41_806_210;
                }
            }
        }
    }
    let again = processes
        .iter()
        .find(|(task, _)| task.pid == ZPOOL)
        .map(|(task, threads)| second_zpool(task, threads));
    processes.extend(again);
    processes
}

fn second_zpool(task: &Task, threads: &[Thread]) -> Process {
    let task = Task {
        pid: 171,
        ..task.clone()
    };
    let threads = threads.iter().map(|thread| Thread {
        id: 0x52e,
        wait_event: 0xffff_ff80_0660_911c,
        values: vec![
            ("user_time", 6_911_004),
            ("system_time", 1_870_233),
            ("sched_pri", 31),
        ],
        ..thread.clone()
    });
    (task, threads.collect())
}
