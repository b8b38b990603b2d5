//! Builds microstackshots: samples made of the records of ordinary stackshots.

use crate::legacy::{Generation, Task, Thread, Trace};

/// One sample.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Microseconds since 1970.
    pub time: u64,
    /// CPU number.
    pub cpu: u32,
    /// Flags of the sample; 0x40 makes its frames kernel frames.
    pub flags: u8,
    /// The task, with its images.
    pub task: Task,
    /// The thread. Its own frames are not written.
    pub thread: Thread,
    /// Addresses, innermost first.
    pub frames: Vec<u64>,
    /// Index of the first asynchronous frame, which only the newest kernels write: the two bytes at offset 74.
    pub async_start: Option<u16>,
}

impl Sample {
    /// The bytes of the sample as the kernels of a generation write it, from [`Generation::G6`] on.
    #[must_use]
    pub fn record(&self, generation: Generation) -> Vec<u8> {
        const KERNEL: u8 = 0x40;
        let is_kernel = self.flags & KERNEL != 0;
        let count = if is_kernel {
            "nkern_frames"
        } else {
            "nuser_frames"
        };
        let mut thread = self.thread.clone();
        thread.values.push((count, self.frames.len() as u64));
        let task = Trace::new(generation).task(&self.task).build();
        let mut thread_record = Trace::new(generation).thread(&thread).build();
        if let Some(index) = self.async_start {
            thread_record[74..76].copy_from_slice(&index.to_le_bytes());
        }
        let mut bytes = 0x31c5_4011_u32.to_le_bytes().to_vec();
        bytes.extend(self.cpu.to_le_bytes());
        bytes.extend((self.time / 1_000_000).to_le_bytes());
        bytes.extend((self.time % 1_000_000).to_le_bytes());
        bytes.extend([self.flags, 0, 0]);
        bytes.extend(task);
        bytes.extend(thread_record);
        for frame in &self.frames {
            let word = frame.to_le_bytes();
            let width = if is_kernel || thread.is_user_wide {
                8
            } else {
                4
            };
            bytes.extend_from_slice(&word[..width]);
        }
        bytes
    }
}
