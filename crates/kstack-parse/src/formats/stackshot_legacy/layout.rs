//! The records of the eight generations, field by field.
//!
//! The structs are those of `osfmk/kern/debug.h` in the xnu version that each
//! row names. All are packed but the one of 10.5, whose holes are listed.

use super::record::Form::{
    Hex8, Hex32, Hex64, Hole, I32, Text, U8, U32, U64, U64x4, Uuid as UuidBytes,
};
use super::record::{Field, Layout};

/// First word of a thread record, and of every 32-bit Mach-O file.
pub(super) const THREAD_MAGIC: u32 = 0xfeed_face;
const TASK_MAGIC: u32 = 0xdeca_fbad;
const MEMORY_MAGIC: u32 = 0xabcd_dcba;
const MEMORY_AND_IO_MAGIC: u32 = 0xbfca_bcde;
/// First word of a microstackshot, a record of another kind of buffer.
pub(in crate::formats) const MICRO_MAGIC: u32 = 0x31c5_4011;

/// One form of the trace, as a line of kernels wrote it.
#[derive(Debug)]
pub(in crate::formats) struct Generation {
    /// Short name: "G5".
    pub(in crate::formats) id: &'static str,
    /// The system it comes from.
    pub(super) os: &'static str,
    /// Which releases of that system, where not all.
    pub(super) releases: &'static str,
    pub(super) memory: Option<&'static Layout>,
    pub(in crate::formats) task: Option<&'static Layout>,
    pub(in crate::formats) thread: &'static Layout,
    /// Thread flags that its kernels set.
    pub(super) thread_flags: u64,
    /// Whether pid 0 can list the kernel and the kexts (xnu-2422 and later).
    pub(super) lists_kernel: bool,
    /// Whether thread flag 0x80 says that a stack was cut by unmapped memory (xnu-3247 and later).
    pub(super) flags_cut_stacks: bool,
}

impl Generation {
    /// The layouts of its records.
    pub(super) fn layouts(&self) -> impl Iterator<Item = &'static Layout> + use<> {
        [Some(self.thread), self.task, self.memory]
            .into_iter()
            .flatten()
    }
}

/// Every generation, oldest first.
pub(in crate::formats) static GENERATIONS: &[Generation] = &[
    // xnu-1228.
    Generation {
        id: "G1",
        os: "Mac OS X 10.5",
        releases: "",
        memory: None,
        task: None,
        thread: &THREAD_1228,
        thread_flags: 0,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-1456.1.26 and 1486.2.11.
    Generation {
        id: "G2",
        os: "Mac OS X 10.6",
        releases: ".0 to 10.6.2",
        memory: None,
        task: None,
        thread: &THREAD_1486,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-1504.3.12 to 1504.15.3.
    Generation {
        id: "G3",
        os: "Mac OS X 10.6",
        releases: ".3 to 10.6.8",
        memory: None,
        task: Some(&TASK_1504),
        thread: &THREAD_1504,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-1699.
    Generation {
        id: "G4",
        os: "Mac OS X 10.7",
        releases: "",
        memory: Some(&MEMORY_1699),
        task: Some(&TASK_1699),
        thread: &THREAD_1699,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-2050.
    Generation {
        id: "G5",
        os: "OS X 10.8",
        releases: "",
        memory: Some(&MEMORY_2050),
        task: Some(&TASK_1699),
        thread: &THREAD_2050,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-2422.
    Generation {
        id: "G6",
        os: "OS X 10.9",
        releases: "",
        memory: Some(&MEMORY_2422),
        task: Some(&TASK_2422),
        thread: &THREAD_2422,
        thread_flags: 0x1f,
        lists_kernel: true,
        flags_cut_stacks: false,
    },
    // xnu-2782.
    Generation {
        id: "G7",
        os: "OS X 10.10",
        releases: "",
        memory: Some(&MEMORY_2422),
        task: Some(&TASK_2782),
        thread: &THREAD_2782,
        thread_flags: 0x7f,
        lists_kernel: true,
        flags_cut_stacks: false,
    },
    // xnu-3247 and 3248, through the old system call only.
    Generation {
        id: "G8",
        os: "OS X 10.11",
        releases: "",
        memory: Some(&MEMORY_2422),
        task: Some(&TASK_2782),
        thread: &THREAD_3248,
        thread_flags: 0xff,
        lists_kernel: true,
        flags_cut_stacks: true,
    },
];

/// `struct thread_snapshot`, xnu-1228: aligned as a 32-bit kernel aligns it.
static THREAD_1228: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 72,
    fields: &[&[
        ("snapshot_magic", Hex32),
        ("thread_id", Hex32),
        ("state", Hex32),
        ("wait_queue", Hex32),
        ("wait_event", Hex64),
        ("kernel_stack", Hex32),
        ("reserved_stack", Hex32),
        ("continuation", Hex32),
        ("nkern_frames", U32),
        ("user64_p", U8),
        ("", Hole(3)),
        ("nuser_frames", U32),
        ("pid", I32),
        ("p_comm", Text(17)),
        ("", Hole(3)),
    ]],
};

/// `struct thread_snapshot`, xnu-1486.2.11.
static THREAD_1486: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 62,
    fields: &[&[
        ("snapshot_magic", Hex32),
        ("nkern_frames", U32),
        ("nuser_frames", U32),
        ("pid", I32),
        ("wait_event", Hex64),
        ("continuation", Hex64),
        ("thread_id", Hex64),
        ("state", Hex32),
        ("ss_flags", Hex8),
        ("p_comm", Text(17)),
    ]],
};

/// How thread records begin since task records carry pid and name.
const THREAD_START: &[Field] = &[
    ("snapshot_magic", Hex32),
    ("nkern_frames", U32),
    ("nuser_frames", U32),
    ("wait_event", Hex64),
    ("continuation", Hex64),
    ("thread_id", U64),
];

const THREAD_TIMES: &[Field] = &[("user_time", U64), ("system_time", U64), ("state", Hex32)];

const THREAD_PRIORITIES: &[Field] = &[
    ("priority", I32),
    ("sched_pri", I32),
    ("sched_flags", Hex32),
    ("ss_flags", Hex8),
    ("ts_qos", U8),
];

/// Counters of disk traffic, of tasks and threads alike.
const IO_STATISTICS: &[Field] = &[
    ("disk_reads_count", U64),
    ("disk_reads_size", U64),
    ("disk_writes_count", U64),
    ("disk_writes_size", U64),
    ("io_priority_count", U64x4),
    ("io_priority_size", U64x4),
    ("paging_count", U64),
    ("paging_size", U64),
    ("non_paging_count", U64),
    ("non_paging_size", U64),
    ("data_count", U64),
    ("data_size", U64),
    ("metadata_count", U64),
    // Stale bytes in threads without I/O statistics.
    ("metadata_size", U64),
];

const THREAD_END: &[Field] = &[
    // An address the kernel obscures; stale bytes in threads without a voucher.
    ("voucher_identifier", Hex64),
    ("total_syscalls", U64),
    ("pth_name", Text(64)),
];

/// `struct thread_snapshot`, xnu-1504.
static THREAD_1504: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 41,
    fields: &[THREAD_START, &[("state", Hex32), ("ss_flags", Hex8)]],
};

/// `struct thread_snapshot`, xnu-1699.
static THREAD_1699: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 57,
    fields: &[THREAD_START, THREAD_TIMES, &[("ss_flags", Hex8)]],
};

/// `struct thread_snapshot`, xnu-2050.
static THREAD_2050: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 65,
    fields: &[
        THREAD_START,
        THREAD_TIMES,
        &[
            ("sched_pri", I32),
            ("sched_flags", Hex32),
            ("ss_flags", Hex8),
        ],
    ],
};

/// `struct thread_snapshot`, xnu-2422.
static THREAD_2422: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 69,
    fields: &[
        THREAD_START,
        THREAD_TIMES,
        &[
            ("priority", I32),
            ("sched_pri", I32),
            ("sched_flags", Hex32),
            ("ss_flags", Hex8),
        ],
    ],
};

/// `struct thread_snapshot`, xnu-2782.
static THREAD_2782: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 311,
    fields: &[
        THREAD_START,
        THREAD_TIMES,
        THREAD_PRIORITIES,
        &[("io_tier", U8)],
        IO_STATISTICS,
        THREAD_END,
    ],
};

/// `struct thread_snapshot`, xnu-3248.
static THREAD_3248: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 316,
    fields: &[
        THREAD_START,
        THREAD_TIMES,
        THREAD_PRIORITIES,
        &[
            ("ts_rqos", U8),
            ("ts_rqos_override", U8),
            ("io_tier", U8),
            ("_reserved", Hole(3)),
        ],
        IO_STATISTICS,
        THREAD_END,
    ],
};

/// `struct task_snapshot`, xnu-1504.
static TASK_1504: Layout = Layout {
    what: "task record",
    magic: TASK_MAGIC,
    size: 30,
    fields: &[&[
        ("snapshot_magic", Hex32),
        ("pid", I32),
        ("nloadinfos", U32),
        ("ss_flags", Hex8),
        ("p_comm", Text(17)),
    ]],
};

const TERMINATED_TIMES: &[Field] = &[
    ("user_time_in_terminated_threads", U64),
    ("system_time_in_terminated_threads", U64),
];

const TASK_COUNTS: &[Field] = &[
    ("suspend_count", I32),
    // Resident pages.
    ("task_size", I32),
    ("faults", I32),
    ("pageins", I32),
    ("cow_faults", I32),
];

const TASK_START: &[Field] = &[("snapshot_magic", Hex32), ("pid", I32), ("uniqueid", U64)];

const TASK_QOS: &[Field] = &[
    ("was_throttled", U32),
    ("did_throttle", U32),
    ("latency_qos", U32),
];

/// `struct task_snapshot`, xnu-1699 and 2050.
static TASK_1699: Layout = Layout {
    what: "task record",
    magic: TASK_MAGIC,
    size: 66,
    fields: &[
        &[("snapshot_magic", Hex32), ("pid", I32), ("nloadinfos", U32)],
        TERMINATED_TIMES,
        TASK_COUNTS,
        &[("ss_flags", Hex8), ("p_comm", Text(17))],
    ],
};

/// `struct task_snapshot`, xnu-2422.
static TASK_2422: Layout = Layout {
    what: "task record",
    magic: TASK_MAGIC,
    size: 113,
    fields: &[
        TASK_START,
        TERMINATED_TIMES,
        &[
            // These kernels copied the first 16 bytes of the cache's header here, a text.
            ("shared_cache_identifier", Text(16)),
            ("shared_cache_slide", Hex64),
            ("nloadinfos", U32),
        ],
        TASK_COUNTS,
        &[("ss_flags", Hex32), ("p_comm", Text(17))],
        TASK_QOS,
    ],
};

/// `struct task_snapshot`, xnu-2782 and 3248.
static TASK_2782: Layout = Layout {
    what: "task record",
    magic: TASK_MAGIC,
    size: 293,
    fields: &[
        TASK_START,
        TERMINATED_TIMES,
        &[
            ("shared_cache_identifier", UuidBytes),
            ("shared_cache_slide", Hex64),
            ("nloadinfos", U32),
        ],
        TASK_COUNTS,
        &[
            ("ss_flags", Hex32),
            ("p_start_sec", U64),
            ("p_start_usec", U64),
            ("p_comm", Text(17)),
        ],
        TASK_QOS,
        IO_STATISTICS,
        &[("donating_pid_count", U32)],
    ],
};

const PAGES: &[Field] = &[
    ("snapshot_magic", Hex32),
    ("free_pages", U32),
    ("active_pages", U32),
    ("inactive_pages", U32),
    ("purgeable_pages", U32),
    ("wired_pages", U32),
    ("speculative_pages", U32),
    ("throttled_pages", U32),
];

const BUFFERS: &[Field] = &[
    ("busy_buffer_count", I32),
    ("pages_wanted", U32),
    ("pages_reclaimed", U32),
    // Zero: the two before mean nothing.
    ("pages_wanted_reclaimed_valid", U8),
];

/// `struct mem_snapshot`, xnu-1699.
static MEMORY_1699: Layout = Layout {
    what: "memory record",
    magic: MEMORY_MAGIC,
    size: 32,
    fields: &[PAGES],
};

/// `struct mem_and_io_snapshot`, xnu-2050.
static MEMORY_2050: Layout = Layout {
    what: "memory record",
    magic: MEMORY_AND_IO_MAGIC,
    size: 45,
    fields: &[PAGES, BUFFERS],
};

/// `struct mem_and_io_snapshot`, xnu-2422, 2782 and 3248.
static MEMORY_2422: Layout = Layout {
    what: "memory record",
    magic: MEMORY_AND_IO_MAGIC,
    size: 61,
    fields: &[
        PAGES,
        &[
            ("filebacked_pages", U32),
            ("compressions", U32),
            ("decompressions", U32),
            ("compressor_size", U32),
        ],
        BUFFERS,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_every_record_add_up_to_its_size() {
        for generation in GENERATIONS {
            for layout in generation.layouts() {
                let sum: usize = layout.fields().map(|(_, form)| form.size()).sum();
                assert_eq!(sum, layout.size, "{} {}", generation.id, layout.what);
            }
        }
    }

    #[test]
    fn record_sizes_are_those_of_the_kernel_headers() {
        let sizes = |layout: fn(&Generation) -> Option<&'static Layout>| -> Vec<usize> {
            GENERATIONS
                .iter()
                .map(|generation| layout(generation).map_or(0, |layout| layout.size))
                .collect()
        };
        assert_eq!(
            sizes(|generation| Some(generation.thread)),
            [72, 62, 41, 57, 65, 69, 311, 316]
        );
        assert_eq!(
            sizes(|generation| generation.task),
            [0, 0, 30, 66, 66, 113, 293, 293]
        );
        assert_eq!(
            sizes(|generation| generation.memory),
            [0, 0, 0, 32, 45, 61, 61, 61]
        );
    }
}
