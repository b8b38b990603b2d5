//! What is said about the machine and the capture as a whole.
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6.

use super::super::layout::{
    Field, Type, chars, hex, i32, i64, merged, packed, scalar, size, string, structure, u8, u32,
    u64,
};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x32, "mach_timebase_info", TIMEBASE),
    scalar(0x33, &[u64("mach_absolute_time")]),
    structure(0x34, "timeval", TIMEVAL64),
    scalar(0x35, &[u64("usecs_since_epoch")]),
    scalar(0x36, &[i32("pid")]),
    scalar(0x37, &[string("proc_name")]),
    structure(0x902, "mem_and_io_snapshot", MEM_AND_IO),
    scalar(0x90e, &[string("boot_args")]),
    scalar(0x90f, &[string("osversion")]),
    scalar(0x910, &[u32("kernel_page_size")]),
    scalar(0x911, &[u32("jetsam_level")]),
    scalar(0x912, &[u64("stackshot_delta_since_timestamp")]),
    scalar(0x918, &[i64("nonrunnable_tasks")]),
    merged(0x91a, "stackshot_duration", DURATION),
    structure(0x91b, "stackshot_fault_stats", FAULT_STATS),
    structure(0x91e, "thread_group_snapshot", THREAD_GROUP),
    structure(0x920, "jetsam_coalition_snapshot", JETSAM_COALITION),
    scalar(0x922, &[u32("thread_policy_version")]),
    scalar(0x947, &[string("os_build_version")]),
];

/// `struct mach_timebase_info`: nanoseconds are ticks × numer ÷ denom.
const TIMEBASE: &[Field<'static>] = &packed([u32("numer"), u32("denom")]);
const _: () = assert!(size(TIMEBASE) == 8);

/// `struct timeval64`.
const TIMEVAL64: &[Field<'static>] = &packed([i64("tv_sec"), i64("tv_usec")]);
const _: () = assert!(size(TIMEVAL64) == 16);

/// `struct mem_and_io_snapshot`; page counts are in kernel pages.
const MEM_AND_IO: &[Field<'static>] = &packed([
    hex(u32("snapshot_magic")),
    u32("free_pages"),
    u32("active_pages"),
    u32("inactive_pages"),
    u32("purgeable_pages"),
    u32("wired_pages"),
    u32("speculative_pages"),
    u32("throttled_pages"),
    u32("filebacked_pages"),
    u32("compressions"),
    u32("decompressions"),
    u32("compressor_size"),
    u32("busy_buffer_count"),
    u32("pages_wanted"),
    u32("pages_reclaimed"),
    u8("pages_wanted_reclaimed_valid"),
]);
const _: () = assert!(size(MEM_AND_IO) == 61);

/// `struct stackshot_duration_v2`, in ticks: 16 bytes, 24 from xnu-7195.101.
const DURATION: &[Field<'static>] = &packed([
    u64("stackshot_duration"),
    u64("stackshot_duration_outer"),
    u64("stackshot_duration_prior"),
]);
const _: () = assert!(size(DURATION) == 24);

/// `struct stackshot_fault_stats` (xnu-3789).
const FAULT_STATS: &[Field<'static>] = &packed([
    u32("sfs_pages_faulted_in"),
    u64("sfs_time_spent_faulting"),
    u64("sfs_system_max_fault_time"),
    u8("sfs_stopped_faulting"),
]);
const _: () = assert!(size(FAULT_STATS) == 21);

/// `struct thread_group_snapshot_v3`: 24 bytes in xnu-4570.1, 32 from 4570.31, 48 from 8020.101.
const THREAD_GROUP: &[Field<'static>] = &packed([
    u64("tgs_id"),
    chars(16, "tgs_name"),
    hex(u64("tgs_flags")),
    chars(16, "tgs_name_cont"),
]);
const _: () = assert!(size(THREAD_GROUP) == 48);

/// `struct jetsam_coalition_snapshot` (xnu-4570).
const JETSAM_COALITION: &[Field<'static>] = &packed([
    u64("jcs_id"),
    hex(u64("jcs_flags")),
    u64("jcs_thread_group"),
    u64("jcs_leader_task_uniqueid"),
]);
const _: () = assert!(size(JETSAM_COALITION) == 32);
