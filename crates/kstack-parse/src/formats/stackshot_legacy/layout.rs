//! The records of the eight generations, field by field; `kernels` tells which kernels wrote which.
//!
//! The structs are those of `osfmk/kern/debug.h` in the xnu version that each
//! record names. All are packed but the one of 10.5, whose holes are listed.

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

/// `struct thread_snapshot`, xnu-1228: aligned as a 32-bit kernel aligns it.
pub(super) static THREAD_1228: Layout = Layout {
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
pub(super) static THREAD_1486: Layout = Layout {
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
pub(super) static THREAD_1504: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 41,
    fields: &[THREAD_START, &[("state", Hex32), ("ss_flags", Hex8)]],
};

/// `struct thread_snapshot`, xnu-1699.
pub(super) static THREAD_1699: Layout = Layout {
    what: "thread record",
    magic: THREAD_MAGIC,
    size: 57,
    fields: &[THREAD_START, THREAD_TIMES, &[("ss_flags", Hex8)]],
};

/// `struct thread_snapshot`, xnu-2050.
pub(super) static THREAD_2050: Layout = Layout {
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
pub(super) static THREAD_2422: Layout = Layout {
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
pub(super) static THREAD_2782: Layout = Layout {
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
pub(super) static THREAD_3248: Layout = Layout {
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
pub(super) static TASK_1504: Layout = Layout {
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
pub(super) static TASK_1699: Layout = Layout {
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
pub(super) static TASK_2422: Layout = Layout {
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
pub(super) static TASK_2782: Layout = Layout {
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
pub(super) static MEMORY_1699: Layout = Layout {
    what: "memory record",
    magic: MEMORY_MAGIC,
    size: 32,
    fields: &[PAGES],
};

/// `struct mem_and_io_snapshot`, xnu-2050.
pub(super) static MEMORY_2050: Layout = Layout {
    what: "memory record",
    magic: MEMORY_AND_IO_MAGIC,
    size: 45,
    fields: &[PAGES, BUFFERS],
};

/// `struct mem_and_io_snapshot`, xnu-2422, 2782 and 3248.
pub(super) static MEMORY_2422: Layout = Layout {
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
