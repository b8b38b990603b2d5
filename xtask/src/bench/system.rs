//! A whole system's stackshot, of any size, with frames in small kexts.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use kstack_synth::legacy::{Generation, Task, Thread, Trace};

use super::data::{Data, Image, KEXTS};

/// Threads of a process.
const THREADS: usize = 6;
/// Frames outside of the kernel, of each thread.
const USER_FRAMES: usize = 8;
/// Where the kexts lie, and how far apart.
const KEXTS_AT: u64 = 0xffff_ff7f_8080_0000;
const APART: u64 = 0x0100_0000;

/// How large a report is.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    /// Processes, each with six threads.
    pub(super) processes: usize,
    /// Frames of each thread in the kernel and the kexts; eight more are not.
    pub(super) frames: usize,
    /// Kexts, no more than there are.
    pub(super) kexts: usize,
}

/// A machine with much to do: 3,000 threads and 60,000 frames.
pub(super) const LARGE: System = System {
    processes: 500,
    frames: 12,
    kexts: KEXTS,
};

impl System {
    /// Writes the report and gives the command that names it.
    pub(super) fn symbolicate(self, data: &Data, kstack: &Path, format: &str) -> Result<Command> {
        self.command(data, kstack, &["symbolicate", "--format", format])
    }

    /// Writes the report and gives a command that reads it with its symbol files.
    pub(super) fn command(self, data: &Data, kstack: &Path, words: &[&str]) -> Result<Command> {
        let images = (0..self.kexts).map(|kext| data.image(&format!("kext{kext:02}")));
        let images: Vec<Image> = images.collect::<Result<_>>()?;
        let name = format!(
            "system-{}-{}-{}.log",
            self.processes, self.frames, self.kexts
        );
        let report = data.folder.join(name);
        fs::write(&report, self.report(&images))?;
        let mut command = Command::new(kstack);
        command.args(words).arg(report);
        command.args(["--no-search", "--no-cache"]);
        for (number, image) in images.iter().enumerate() {
            let placed = format!("{}@{:#x}", image.dsym.display(), place(number));
            command.arg("--kext").arg(placed);
        }
        Ok(command)
    }

    fn report(self, images: &[Image]) -> Vec<u8> {
        let mut trace = Trace::new(Generation::G5);
        for process in 0..self.processes {
            let pid = i32::try_from(process).unwrap_or_default();
            trace = trace.task(&Task {
                pid,
                name: format!("exampled{pid}"),
                is_wide: true,
                ..Task::default()
            });
            for thread in 0..THREADS {
                let number = (process * THREADS + thread) as u64;
                trace = trace.thread(&Thread {
                    pid,
                    id: 0x1000 + 16 * number,
                    state: 9,
                    is_kernel_wide: true,
                    is_user_wide: true,
                    kernel: self.kernel_frames(number, images),
                    user: user_frames(number),
                    ..Thread::default()
                });
            }
        }
        trace.build()
    }

    fn kernel_frames(self, thread: u64, images: &[Image]) -> Vec<(u64, u64)> {
        let frame = |index: usize| {
            let draw = (thread * 1000 + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let number = (draw % images.len().max(1) as u64) as usize;
            let address = match images.get(number) {
                Some(image) => place(number) + image.start - image.base + draw / 64 % image.size,
                None => 0xffff_ff80_0022_0000 + draw % 0x0040_0000,
            };
            (address, 0x1000 + 0x20 * index as u64)
        };
        (0..self.frames).map(frame).collect()
    }
}

fn place(kext: usize) -> u64 {
    KEXTS_AT + APART * kext as u64
}

fn user_frames(thread: u64) -> Vec<(u64, u64)> {
    let frame = |index: u64| {
        (
            0x7fff_8c2e_0000 + 0x40 * index * (thread % 6 + 1),
            0x1000 + 0x20 * index,
        )
    };
    (0..USER_FRAMES as u64).map(frame).collect()
}
