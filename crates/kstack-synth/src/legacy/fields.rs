//! Where the fields of each record lie, by offset.
//!
//! Offsets are counted from the start of the record, as a compiler lays out
//! the structs of `osfmk/kern/debug.h` in each xnu version.

use super::{Generation, Kind};

/// Name, offset and size of a field. Four-element arrays are four fields.
pub type Slot = (&'static str, usize, usize);

/// Size and fields of a record; `None` where a generation has no such record.
pub(super) fn layout(generation: Generation, kind: Kind) -> Option<(usize, &'static [Slot])> {
    use Generation::{G1, G2, G3, G4, G5, G6, G7, G8};
    Some(match (kind, generation) {
        (Kind::Memory, G4) => MEM_1699,
        (Kind::Memory, G5) => MEM_2050,
        (Kind::Memory, G6 | G7 | G8) => MEM_2422,
        (Kind::Task, G3) => TASK_1504,
        (Kind::Task, G4 | G5) => TASK_1699,
        (Kind::Task, G6) => TASK_2422,
        (Kind::Task, G7 | G8) => TASK_2782,
        (Kind::Memory | Kind::Task, _) => return None,
        (Kind::Thread, G1) => THREAD_1228,
        (Kind::Thread, G2) => THREAD_1486,
        (Kind::Thread, G3) => THREAD_1504,
        (Kind::Thread, G4) => THREAD_1699,
        (Kind::Thread, G5) => THREAD_2050,
        (Kind::Thread, G6) => THREAD_2422,
        (Kind::Thread, G7) => THREAD_2782,
        (Kind::Thread, G8) => THREAD_3248,
    })
}

const THREAD_1228: (usize, &[Slot]) = (
    72,
    &[
        ("thread_id", 4, 4),
        ("state", 8, 4),
        ("wait_queue", 12, 4),
        ("wait_event", 16, 8),
        ("kernel_stack", 24, 4),
        ("reserved_stack", 28, 4),
        ("continuation", 32, 4),
        ("nkern_frames", 36, 4),
        ("user64_p", 40, 1),
        ("nuser_frames", 44, 4),
        ("pid", 48, 4),
        ("p_comm", 52, 17),
    ],
);

const THREAD_1486: (usize, &[Slot]) = (
    62,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("pid", 12, 4),
        ("wait_event", 16, 8),
        ("continuation", 24, 8),
        ("thread_id", 32, 8),
        ("state", 40, 4),
        ("ss_flags", 44, 1),
        ("p_comm", 45, 17),
    ],
);

const THREAD_1504: (usize, &[Slot]) = (
    41,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("wait_event", 12, 8),
        ("continuation", 20, 8),
        ("thread_id", 28, 8),
        ("state", 36, 4),
        ("ss_flags", 40, 1),
    ],
);

const THREAD_1699: (usize, &[Slot]) = (
    57,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("wait_event", 12, 8),
        ("continuation", 20, 8),
        ("thread_id", 28, 8),
        ("user_time", 36, 8),
        ("system_time", 44, 8),
        ("state", 52, 4),
        ("ss_flags", 56, 1),
    ],
);

const THREAD_2050: (usize, &[Slot]) = (
    65,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("wait_event", 12, 8),
        ("continuation", 20, 8),
        ("thread_id", 28, 8),
        ("user_time", 36, 8),
        ("system_time", 44, 8),
        ("state", 52, 4),
        ("sched_pri", 56, 4),
        ("sched_flags", 60, 4),
        ("ss_flags", 64, 1),
    ],
);

const THREAD_2422: (usize, &[Slot]) = (
    69,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("wait_event", 12, 8),
        ("continuation", 20, 8),
        ("thread_id", 28, 8),
        ("user_time", 36, 8),
        ("system_time", 44, 8),
        ("state", 52, 4),
        ("priority", 56, 4),
        ("sched_pri", 60, 4),
        ("sched_flags", 64, 4),
        ("ss_flags", 68, 1),
    ],
);

const THREAD_2782: (usize, &[Slot]) = (
    311,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("wait_event", 12, 8),
        ("continuation", 20, 8),
        ("thread_id", 28, 8),
        ("user_time", 36, 8),
        ("system_time", 44, 8),
        ("state", 52, 4),
        ("priority", 56, 4),
        ("sched_pri", 60, 4),
        ("sched_flags", 64, 4),
        ("ss_flags", 68, 1),
        ("ts_qos", 69, 1),
        ("io_tier", 70, 1),
        ("disk_reads_count", 71, 8),
        ("disk_reads_size", 79, 8),
        ("disk_writes_count", 87, 8),
        ("disk_writes_size", 95, 8),
        ("io_priority_count[0]", 103, 8),
        ("io_priority_count[1]", 111, 8),
        ("io_priority_count[2]", 119, 8),
        ("io_priority_count[3]", 127, 8),
        ("io_priority_size[0]", 135, 8),
        ("io_priority_size[1]", 143, 8),
        ("io_priority_size[2]", 151, 8),
        ("io_priority_size[3]", 159, 8),
        ("paging_count", 167, 8),
        ("paging_size", 175, 8),
        ("non_paging_count", 183, 8),
        ("non_paging_size", 191, 8),
        ("data_count", 199, 8),
        ("data_size", 207, 8),
        ("metadata_count", 215, 8),
        ("metadata_size", 223, 8),
        ("voucher_identifier", 231, 8),
        ("total_syscalls", 239, 8),
        ("pth_name", 247, 64),
    ],
);

const THREAD_3248: (usize, &[Slot]) = (
    316,
    &[
        ("nkern_frames", 4, 4),
        ("nuser_frames", 8, 4),
        ("wait_event", 12, 8),
        ("continuation", 20, 8),
        ("thread_id", 28, 8),
        ("user_time", 36, 8),
        ("system_time", 44, 8),
        ("state", 52, 4),
        ("priority", 56, 4),
        ("sched_pri", 60, 4),
        ("sched_flags", 64, 4),
        ("ss_flags", 68, 1),
        ("ts_qos", 69, 1),
        ("ts_rqos", 70, 1),
        ("ts_rqos_override", 71, 1),
        ("io_tier", 72, 1),
        ("disk_reads_count", 76, 8),
        ("disk_reads_size", 84, 8),
        ("disk_writes_count", 92, 8),
        ("disk_writes_size", 100, 8),
        ("io_priority_count[0]", 108, 8),
        ("io_priority_count[1]", 116, 8),
        ("io_priority_count[2]", 124, 8),
        ("io_priority_count[3]", 132, 8),
        ("io_priority_size[0]", 140, 8),
        ("io_priority_size[1]", 148, 8),
        ("io_priority_size[2]", 156, 8),
        ("io_priority_size[3]", 164, 8),
        ("paging_count", 172, 8),
        ("paging_size", 180, 8),
        ("non_paging_count", 188, 8),
        ("non_paging_size", 196, 8),
        ("data_count", 204, 8),
        ("data_size", 212, 8),
        ("metadata_count", 220, 8),
        ("metadata_size", 228, 8),
        ("voucher_identifier", 236, 8),
        ("total_syscalls", 244, 8),
        ("pth_name", 252, 64),
    ],
);

const TASK_1504: (usize, &[Slot]) = (
    30,
    &[
        ("pid", 4, 4),
        ("nloadinfos", 8, 4),
        ("ss_flags", 12, 1),
        ("p_comm", 13, 17),
    ],
);

const TASK_1699: (usize, &[Slot]) = (
    66,
    &[
        ("pid", 4, 4),
        ("nloadinfos", 8, 4),
        ("user_time_in_terminated_threads", 12, 8),
        ("system_time_in_terminated_threads", 20, 8),
        ("suspend_count", 28, 4),
        ("task_size", 32, 4),
        ("faults", 36, 4),
        ("pageins", 40, 4),
        ("cow_faults", 44, 4),
        ("ss_flags", 48, 1),
        ("p_comm", 49, 17),
    ],
);

const TASK_2422: (usize, &[Slot]) = (
    113,
    &[
        ("pid", 4, 4),
        ("uniqueid", 8, 8),
        ("user_time_in_terminated_threads", 16, 8),
        ("system_time_in_terminated_threads", 24, 8),
        ("shared_cache_identifier", 32, 16),
        ("shared_cache_slide", 48, 8),
        ("nloadinfos", 56, 4),
        ("suspend_count", 60, 4),
        ("task_size", 64, 4),
        ("faults", 68, 4),
        ("pageins", 72, 4),
        ("cow_faults", 76, 4),
        ("ss_flags", 80, 4),
        ("p_comm", 84, 17),
        ("was_throttled", 101, 4),
        ("did_throttle", 105, 4),
        ("latency_qos", 109, 4),
    ],
);

const TASK_2782: (usize, &[Slot]) = (
    293,
    &[
        ("pid", 4, 4),
        ("uniqueid", 8, 8),
        ("user_time_in_terminated_threads", 16, 8),
        ("system_time_in_terminated_threads", 24, 8),
        ("shared_cache_identifier", 32, 16),
        ("shared_cache_slide", 48, 8),
        ("nloadinfos", 56, 4),
        ("suspend_count", 60, 4),
        ("task_size", 64, 4),
        ("faults", 68, 4),
        ("pageins", 72, 4),
        ("cow_faults", 76, 4),
        ("ss_flags", 80, 4),
        ("p_start_sec", 84, 8),
        ("p_start_usec", 92, 8),
        ("p_comm", 100, 17),
        ("was_throttled", 117, 4),
        ("did_throttle", 121, 4),
        ("latency_qos", 125, 4),
        ("disk_reads_count", 129, 8),
        ("disk_reads_size", 137, 8),
        ("disk_writes_count", 145, 8),
        ("disk_writes_size", 153, 8),
        ("io_priority_count[0]", 161, 8),
        ("io_priority_count[1]", 169, 8),
        ("io_priority_count[2]", 177, 8),
        ("io_priority_count[3]", 185, 8),
        ("io_priority_size[0]", 193, 8),
        ("io_priority_size[1]", 201, 8),
        ("io_priority_size[2]", 209, 8),
        ("io_priority_size[3]", 217, 8),
        ("paging_count", 225, 8),
        ("paging_size", 233, 8),
        ("non_paging_count", 241, 8),
        ("non_paging_size", 249, 8),
        ("data_count", 257, 8),
        ("data_size", 265, 8),
        ("metadata_count", 273, 8),
        ("metadata_size", 281, 8),
        ("donating_pid_count", 289, 4),
    ],
);

const MEM_1699: (usize, &[Slot]) = (
    32,
    &[
        ("free_pages", 4, 4),
        ("active_pages", 8, 4),
        ("inactive_pages", 12, 4),
        ("purgeable_pages", 16, 4),
        ("wired_pages", 20, 4),
        ("speculative_pages", 24, 4),
        ("throttled_pages", 28, 4),
    ],
);

const MEM_2050: (usize, &[Slot]) = (
    45,
    &[
        ("free_pages", 4, 4),
        ("active_pages", 8, 4),
        ("inactive_pages", 12, 4),
        ("purgeable_pages", 16, 4),
        ("wired_pages", 20, 4),
        ("speculative_pages", 24, 4),
        ("throttled_pages", 28, 4),
        ("busy_buffer_count", 32, 4),
        ("pages_wanted", 36, 4),
        ("pages_reclaimed", 40, 4),
        ("pages_wanted_reclaimed_valid", 44, 1),
    ],
);

const MEM_2422: (usize, &[Slot]) = (
    61,
    &[
        ("free_pages", 4, 4),
        ("active_pages", 8, 4),
        ("inactive_pages", 12, 4),
        ("purgeable_pages", 16, 4),
        ("wired_pages", 20, 4),
        ("speculative_pages", 24, 4),
        ("throttled_pages", 28, 4),
        ("filebacked_pages", 32, 4),
        ("compressions", 36, 4),
        ("decompressions", 40, 4),
        ("compressor_size", 44, 4),
        ("busy_buffer_count", 48, 4),
        ("pages_wanted", 52, 4),
        ("pages_reclaimed", 56, 4),
        ("pages_wanted_reclaimed_valid", 60, 1),
    ],
);
