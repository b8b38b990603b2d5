//! The hang of the sample, as processes and threads: `zpool create` waits for a task queue whose
//! thread waits for a disk that is in use.

use anyhow::Result;
use kstack_synth::legacy::{Task, Thread};

use super::invent::uuid;
use super::stacks::{Machine, walked};

const WAIT: u32 = 0x1;
const RUN: u32 = 0x4;
const UNINT: u32 = 0x8;
const IDLE: u32 = 0x80;

/// A process and its threads.
pub(crate) type Process = (Task, Vec<Thread>);

/// The five processes of the machine.
pub(crate) fn processes(machine: &Machine) -> Result<Vec<Process>> {
    Ok(vec![
        kernel_task(machine)?,
        launchd(machine)?,
        zpool(machine)?,
        exampled(),
        player(machine)?,
    ])
}

fn kernel_task(machine: &Machine) -> Result<Process> {
    let task = Task {
        pid: 0,
        name: "kernel_task".into(),
        is_wide: true,
        values: vec![("task_size", 31_744), ("faults", 18_211), ("pageins", 40)],
        ..Task::default()
    };
    let continuation = machine.kernel.start("idle_thread")?;
    let threads = vec![
        Thread {
            continuation,
            ..kernel_thread(
                0x66,
                RUN | IDLE,
                0,
                walked(&machine.idle_processor()?, 0xffff_ff80_6a10_3e20),
            )
        },
        sleeper(0x1a4, 0xffff_ff80_0662_1c10, &machine.idle_worker()?),
        sleeper(0x1a5, 0xffff_ff80_0662_1c10, &machine.idle_worker()?),
        sleeper(0x4e5, 0xffff_ff80_0671_4e00, &machine.vdev_opener()?),
        sleeper(0x4e6, 0xffff_ff80_0660_8a20, &machine.idle_worker()?),
    ];
    Ok((task, threads))
}

fn launchd(machine: &Machine) -> Result<Process> {
    let task = Task {
        pid: 1,
        name: "launchd".into(),
        is_wide: true,
        load_infos: vec![
            (0x0000_0001_0b1e_4000, uuid("launchd")),
            (0x0000_7fff_6ad1_e000, uuid("dyld")),
            (0x0000_7fff_8c2e_4000, uuid("libsystem_kernel.dylib")),
        ],
        values: vec![("task_size", 3_911), ("faults", 90_412)],
        ..Task::default()
    };
    let thread = Thread {
        is_user_wide: true,
        user: walked(
            &[
                0x7fff_8c2e_5686,
                0x7fff_8c2e_4c42,
                0x1_0b1e_9b13,
                0x1_0b1e_6a01,
                0x1_0b1e_5030,
            ],
            0x7fff_54b1_9a40,
        ),
        values: vec![("user_time", 88_210_114), ("sched_pri", 31)],
        ..kernel_thread(
            0x141,
            WAIT,
            0xffff_ff80_0651_2d48,
            walked(&machine.message_receiver()?, 0xffff_ff80_6a21_bb80),
        )
    };
    Ok((task, vec![thread]))
}

fn zpool(machine: &Machine) -> Result<Process> {
    let task = Task {
        pid: 156,
        name: "zpool".into(),
        is_wide: true,
        load_infos: vec![
            (0x0000_0001_0a3c_1000, uuid("zpool")),
            (0x0000_0001_0a40_b000, uuid("libzfs.dylib")),
            (0x0000_7fff_6b00_2000, uuid("dyld")),
            (0x0000_7fff_8c2e_4000, uuid("libsystem_kernel.dylib")),
        ],
        values: vec![("task_size", 702), ("faults", 1_406), ("cow_faults", 118)],
        ..Task::default()
    };
    let thread = Thread {
        is_user_wide: true,
        user: walked(
            &[
                0x7fff_8c2f_71d2,
                0x1_0a41_7c55,
                0x1_0a41_2e8f,
                0x1_0a3c_86b4,
                0x1_0a3c_2f34,
            ],
            0x7fff_5583_8120,
        ),
        values: vec![
            ("user_time", 7_402_551),
            ("system_time", 2_118_009),
            ("sched_pri", 31),
        ],
        ..kernel_thread(
            0x4e2,
            WAIT | UNINT,
            0xffff_ff80_0660_8a6c,
            walked(&machine.zpool_create()?, 0xffff_ff80_6a3c_3a10),
        )
    };
    Ok((task, vec![thread]))
}

/// Runs in user mode: no kernel stack.
fn exampled() -> Process {
    let task = Task {
        pid: 88,
        name: "exampled".into(),
        is_wide: true,
        load_infos: vec![
            (0x0000_0001_0cf5_0000, uuid("exampled")),
            (0x0000_7fff_6c1a_a000, uuid("dyld")),
        ],
        ..Task::default()
    };
    let thread = Thread {
        id: 0x3b0,
        state: RUN,
        is_user_wide: true,
        user: walked(
            &[0x1_0cf5_1c20, 0x1_0cf5_1a7e, 0x1_0cf5_10f4],
            0x7fff_52ca_f880,
        ),
        queue_serial: Some(7),
        ..Thread::default()
    };
    (task, vec![thread])
}

/// A 32-bit program on the 64-bit kernel: narrow user frames below wide kernel frames.
fn player(machine: &Machine) -> Result<Process> {
    let task = Task {
        pid: 131,
        name: "Old Player".into(),
        is_wide: false,
        load_infos: vec![
            (0x000d_4000, uuid("Old Player")),
            (0x8fe1_c000, uuid("dyld")),
        ],
        ..Task::default()
    };
    let thread = Thread {
        user: walked(
            &[0x0010_7c22, 0x000f_3a0e, 0x000d_61b2, 0x000d_5035],
            0xbff2_b6a8,
        ),
        ..kernel_thread(
            0x42f,
            WAIT,
            0xffff_ff80_0655_a018,
            walked(&machine.message_receiver()?, 0xffff_ff80_6a44_7b80),
        )
    };
    Ok((task, vec![thread]))
}

/// A kernel thread that sleeps and cannot be interrupted.
pub(crate) fn sleeper(id: u64, wait_event: u64, stack: &[u64]) -> Thread {
    kernel_thread(
        id,
        WAIT | UNINT,
        wait_event,
        walked(stack, 0xffff_ff80_6a00_0c00 + (id << 14)),
    )
}

fn kernel_thread(id: u64, state: u32, wait_event: u64, kernel: Vec<(u64, u64)>) -> Thread {
    Thread {
        id,
        state,
        wait_event,
        is_kernel_wide: true,
        kernel,
        values: vec![("sched_pri", 81), ("priority", 81)],
        ..Thread::default()
    }
}
