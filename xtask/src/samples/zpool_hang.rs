//! `samples/zpool-hang`: the hang, taken on 10.8.

use std::fs;
use std::path::Path;

use anyhow::Result;
use kstack_synth::legacy::{Generation, Trace};

use super::hang::{Process, processes};
use super::kextstat::{self, Row};
use super::layout::KERNEL;
use super::stacks::Machine;
use super::symstacks;

/// Writes the stackshot, the text of it, and the listing of kexts.
pub(crate) fn write(machine: &Machine, folder: &Path) -> Result<()> {
    let processes = processes(machine)?;
    fs::write(folder.join("stackshot.log"), stackshot(&processes))?;
    fs::write(
        folder.join("stackshot-syms.txt"),
        symstacks_text(machine, &processes),
    )?;
    fs::write(folder.join("kextstat.txt"), kextstat_text(machine))?;
    Ok(())
}

/// The trace as the kernel of 10.8 writes it, in a file whose space was allocated in advance.
pub(crate) fn stackshot(processes: &[Process]) -> Vec<u8> {
    let mut trace = Trace::new(Generation::G5).memory(&[
        ("free_pages", 211_904),
        ("active_pages", 401_220),
        ("inactive_pages", 120_873),
        ("wired_pages", 188_416),
        ("speculative_pages", 9_120),
        ("busy_buffer_count", 3),
        ("pages_wanted", 0),
        ("pages_reclaimed", 0),
        ("pages_wanted_reclaimed_valid", 1),
    ]);
    for (task, threads) in processes {
        trace = trace.task(task);
        for thread in threads {
            trace = trace.thread(thread);
        }
    }
    let used = trace.len();
    trace
        .zero_tail(used.next_multiple_of(0x1000) - used)
        .build()
}

/// Two runs over the same trace: what one named, the other did not.
fn symstacks_text(machine: &Machine, processes: &[Process]) -> String {
    let kernel_only = |address| {
        let (name, offset) = machine.kernel.name(address)?;
        KERNEL
            .kept
            .contains(&name)
            .then(|| (name.to_owned(), "mach_kernel", offset))
    };
    let spl_only = |address| {
        let (name, offset) = machine.spl.name(address)?;
        Some((name.to_owned(), "spl", offset))
    };
    let first = symstacks::print("12C60", processes, &kernel_only);
    let second = symstacks::print("12C60", processes, &spl_only);
    format!("{first}\n{second}")
}

/// Writes `samples/no-addresses`: what a user pasted of the hang, without the listing of kexts.
pub(crate) fn write_pasted(machine: &Machine, folder: &Path) -> Result<()> {
    let mut processes = processes(machine)?;
    for (_, threads) in &mut processes {
        threads.retain(|thread| thread.state & RUNNING == 0);
        for thread in threads {
            thread.user.clear();
        }
    }
    processes.retain(|(task, _)| ["kernel_task", "zpool"].contains(&&*task.name));
    let text = symstacks::print("12C60", &processes, &|_| None);
    let mail = format!("{PASTED}{text}\nThat is all I have, the machine is gone.\n");
    fs::create_dir_all(folder)?;
    fs::write(folder.join("mail.txt"), mail)?;
    Ok(())
}

/// `TH_RUN`.
const RUNNING: u32 = 4;

const PASTED: &str = "\
zpool create hangs again. I did not run kextstat, and symstacks.rb found no symbols:

";

/// The listing of the kexts of that boot.
pub(crate) fn kextstat_text(machine: &Machine) -> String {
    let (spl, zfs) = (&machine.spl, &machine.zfs);
    let rows: [Row<'_>; 12] = [
        ("com.apple.kpi.bsd", "12.2.0", 0, 0, &[]),
        ("com.apple.kpi.iokit", "12.2.0", 0, 0, &[]),
        ("com.apple.kpi.libkern", "12.2.0", 0, 0, &[]),
        ("com.apple.kpi.mach", "12.2.0", 0, 0, &[]),
        ("com.apple.kpi.unsupported", "12.2.0", 0, 0, &[]),
        (
            "com.apple.iokit.IOACPIFamily",
            "1.4",
            0xffff_ff7f_8073_1000,
            0x4000,
            &[2, 3],
        ),
        (
            "com.apple.iokit.IOPCIFamily",
            "2.7.2",
            0xffff_ff7f_8074_2000,
            0x2b000,
            &[2, 3, 4, 5],
        ),
        (
            "com.apple.iokit.IOStorageFamily",
            "1.8",
            0xffff_ff7f_8078_a000,
            0x25000,
            &[1, 2, 3, 4, 5],
        ),
        (
            "com.apple.driver.AppleACPIPlatform",
            "1.6",
            0xffff_ff7f_80bd_2000,
            0x5e000,
            &[1, 2, 3, 4, 5, 6, 7],
        ),
        (
            "com.apple.iokit.IOAHCIFamily",
            "2.2.1",
            0xffff_ff7f_80c4_7000,
            0x19000,
            &[2, 3, 4, 7],
        ),
        (
            "net.lundman.spl",
            "1.0.0",
            spl.load_address(),
            spl.size(),
            &[1, 2, 3, 4, 5],
        ),
        (
            "net.lundman.zfs",
            "1.0.0",
            zfs.load_address(),
            zfs.size(),
            &[1, 2, 3, 4, 8, 11],
        ),
    ];
    kextstat::print(&rows, 18)
}
