//! Binary stackshots of Mac OS X 10.5 to 10.11.
//!
//! ```
//! use kstack_synth::legacy::{Generation, Task, Thread, Trace};
//!
//! let bytes = Trace::new(Generation::G5)
//!     .memory(&[("free_pages", 1000)])
//!     .task(&Task { pid: 321, name: "exampled".into(), ..Task::default() })
//!     .thread(&Thread { id: 7, kernel: vec![(0xffff_ff80_0021_0000, 0)], ..Thread::default() })
//!     .zero_tail(64)
//!     .build();
//! assert_eq!(bytes[..4], [0xde, 0xbc, 0xca, 0xbf]);
//! ```

use kstack_model::Uuid;

pub use fields::Slot;

mod fields;

/// A generation of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Mac OS X 10.5, the one that big-endian machines wrote too.
    G1,
    /// Mac OS X 10.6.0 to 10.6.2.
    G2,
    /// Mac OS X 10.6.3 to 10.6.8, the first with task records.
    G3,
    /// Mac OS X 10.7.
    G4,
    /// OS X 10.8.
    G5,
    /// OS X 10.9.
    G6,
    /// OS X 10.10.
    G7,
    /// OS X 10.11, through the old system call.
    G8,
}

impl Generation {
    /// Every generation, oldest first.
    pub const ALL: [Generation; 8] = [
        Generation::G1,
        Generation::G2,
        Generation::G3,
        Generation::G4,
        Generation::G5,
        Generation::G6,
        Generation::G7,
        Generation::G8,
    ];

    /// Whether the generation has records of this kind.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        fields::layout(self, kind).is_some()
    }

    /// The fields of a record, without its magic and its holes.
    #[must_use]
    pub fn slots(self, kind: Kind) -> &'static [Slot] {
        fields::layout(self, kind).map_or(&[], |(_, slots)| slots)
    }
}

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory statistics, or memory and I/O statistics.
    Memory,
    /// A task.
    Task,
    /// A thread.
    Thread,
}

/// Values by field name. They win over everything else that sets a field.
pub type Values = Vec<(&'static str, u64)>;

/// A task record and its lists. A generation leaves out what it has no field for.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// Process id.
    pub pid: i32,
    /// Name; 17 bytes at most are written.
    pub name: String,
    /// Whether load addresses have 64 bits. Sets flag 0x1, or 0x2 for pid 0.
    pub is_wide: bool,
    /// More flags.
    pub flags: u64,
    /// `shared_cache_identifier`.
    pub shared_cache: [u8; 16],
    /// Load addresses with UUIDs.
    pub load_infos: Vec<(u64, Uuid)>,
    /// Pids after the load information; written by G7 and G8.
    pub donating_pids: Vec<i32>,
    /// Any other field.
    pub values: Values,
}

/// A thread record and its stacks. A generation leaves out what it has no field for.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// Process id, which G1 and G2 keep here.
    pub pid: i32,
    /// Process name, which G1 and G2 keep here.
    pub process: String,
    /// Thread id, or address of the thread object.
    pub id: u64,
    /// State bits.
    pub state: u32,
    /// What it waits for.
    pub wait_event: u64,
    /// Where it continues.
    pub continuation: u64,
    /// Name of the thread; written by G7 and G8.
    pub name: String,
    /// More flags than the widths and the serial set.
    pub flags: u64,
    /// Serial of the dispatch queue; not written by G1.
    pub queue_serial: Option<u64>,
    /// Whether kernel frames have 64 bits; never in G1.
    pub is_kernel_wide: bool,
    /// Whether user frames have 64 bits.
    pub is_user_wide: bool,
    /// Kernel frames: address and frame pointer, innermost first.
    pub kernel: Vec<(u64, u64)>,
    /// The uncounted address after the kernel frames.
    pub kernel_dangling: Option<u64>,
    /// User frames.
    pub user: Vec<(u64, u64)>,
    /// The uncounted address after the user frames.
    pub user_dangling: Option<u64>,
    /// Any other field.
    pub values: Values,
}

/// A trace in the making.
#[derive(Clone, Debug)]
pub struct Trace {
    generation: Generation,
    is_big_endian: bool,
    bytes: Vec<u8>,
}

impl Trace {
    /// An empty little-endian trace.
    #[must_use]
    pub fn new(generation: Generation) -> Trace {
        Trace {
            generation,
            is_big_endian: false,
            bytes: Vec::new(),
        }
    }

    /// What follows is written as PowerPC Macs do.
    #[must_use]
    pub fn big_endian(mut self) -> Trace {
        self.is_big_endian = true;
        self
    }

    /// Adds a memory record.
    #[must_use]
    pub fn memory(mut self, values: &[(&'static str, u64)]) -> Trace {
        let magic = if self.generation == Generation::G4 {
            0xabcd_dcba
        } else {
            0xbfca_bcde
        };
        let record = self.record(Kind::Memory, magic, values, &[]);
        self.bytes.extend(record);
        self
    }

    /// Adds a task record with its lists.
    #[must_use]
    pub fn task(mut self, task: &Task) -> Trace {
        let width_flag = match (task.is_wide, task.pid) {
            (false, _) => 0,
            (true, 0) => 2,
            (true, _) => 1,
        };
        let mut values = vec![
            ("pid", u64::from(task.pid.cast_unsigned())),
            ("nloadinfos", task.load_infos.len() as u64),
            ("donating_pid_count", task.donating_pids.len() as u64),
            ("ss_flags", width_flag | task.flags),
        ];
        values.extend(&task.values);
        let texts = [
            ("p_comm", task.name.as_bytes()),
            ("shared_cache_identifier", &task.shared_cache),
        ];
        let record = self.record(Kind::Task, 0xdeca_fbad, &values, &texts);
        self.bytes.extend(record);
        for (address, uuid) in &task.load_infos {
            self.word(*address, task.is_wide);
            self.bytes.extend(uuid.as_bytes());
        }
        if matches!(self.generation, Generation::G7 | Generation::G8) {
            for pid in &task.donating_pids {
                self.word(u64::from(pid.cast_unsigned()), false);
            }
        }
        self
    }

    /// Adds a thread record with its stacks.
    #[must_use]
    pub fn thread(mut self, thread: &Thread) -> Trace {
        let is_first = self.generation == Generation::G1;
        let is_kernel_wide = thread.is_kernel_wide && !is_first;
        let serial = thread.queue_serial.filter(|_| !is_first);
        let flags = u64::from(thread.is_user_wide)
            | u64::from(is_kernel_wide) << 1
            | u64::from(serial.is_some()) << 2
            | thread.flags;
        let mut values = vec![
            ("pid", u64::from(thread.pid.cast_unsigned())),
            ("thread_id", thread.id),
            ("state", u64::from(thread.state)),
            ("wait_event", thread.wait_event),
            ("continuation", thread.continuation),
            ("nkern_frames", thread.kernel.len() as u64),
            ("nuser_frames", thread.user.len() as u64),
            ("user64_p", u64::from(thread.is_user_wide)),
            ("ss_flags", flags),
        ];
        values.extend(&thread.values);
        let texts = [
            ("p_comm", thread.process.as_bytes()),
            ("pth_name", thread.name.as_bytes()),
        ];
        let record = self.record(Kind::Thread, 0xfeed_face, &values, &texts);
        self.bytes.extend(record);
        if let Some(serial) = serial {
            self.word(serial, true);
        }
        self.frames(&thread.kernel, thread.kernel_dangling, is_kernel_wide);
        self.frames(&thread.user, thread.user_dangling, thread.is_user_wide);
        self
    }

    /// Adds bytes as they are: damage, or what is left of an older trace.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Trace {
        self.bytes.extend(bytes);
        self
    }

    /// Adds zeros, as files have whose space was allocated in advance.
    #[must_use]
    pub fn zero_tail(mut self, count: usize) -> Trace {
        self.bytes.resize(self.bytes.len() + count, 0);
        self
    }

    /// How many bytes there are so far: where the next record will start.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The file.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        self.bytes
    }

    fn record(
        &self,
        kind: Kind,
        magic: u64,
        values: &[(&'static str, u64)],
        texts: &[(&str, &[u8])],
    ) -> Vec<u8> {
        let Some((size, slots)) = fields::layout(self.generation, kind) else {
            return Vec::new();
        };
        let mut record = vec![0; size];
        self.fill(&mut record, 0, 4, magic);
        for &(name, offset, size) in slots {
            if let Some((_, value)) = values.iter().rev().find(|(named, _)| *named == name) {
                self.fill(&mut record, offset, size, *value);
            }
            if let Some((_, text)) = texts.iter().find(|(named, _)| *named == name) {
                let count = text.len().min(size);
                record[offset..offset + count].copy_from_slice(&text[..count]);
            }
        }
        record
    }

    fn fill(&self, record: &mut [u8], offset: usize, size: usize, value: u64) {
        record[offset..offset + size].copy_from_slice(&self.ordered(value, size));
    }

    fn frames(&mut self, frames: &[(u64, u64)], dangling: Option<u64>, is_wide: bool) {
        for (address, frame_pointer) in frames {
            self.word(*address, is_wide);
            self.word(*frame_pointer, is_wide);
        }
        if let Some(address) = dangling {
            self.word(address, is_wide);
        }
    }

    fn word(&mut self, value: u64, is_wide: bool) {
        let bytes = self.ordered(value, if is_wide { 8 } else { 4 });
        self.bytes.extend(bytes);
    }

    /// The low `size` bytes of a value in the order of the machine.
    fn ordered(&self, value: u64, size: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..size].to_vec();
        if self.is_big_endian {
            bytes.reverse();
        }
        bytes
    }
}
