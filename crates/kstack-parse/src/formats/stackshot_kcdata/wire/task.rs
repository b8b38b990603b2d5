//! What is said about a task.
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6; a note says since when where they grew.

use super::super::layout::{
    Field, Type, array, chars, hex, i32, i64, packed, scalar, size, structure, u32, u64,
};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x840, "jit_address_range", JIT_RANGE),
    structure(0x901, "io_statistics", IOSTATS),
    structure(0x905, "task_snapshot", TASK_SNAPSHOT),
    scalar(0x907, &[i32("donating_pids")]),
    scalar(0x917, &[i64("nonrunnable_threads")]),
    scalar(0x921, &[u64("jetsam_coalition")]),
    structure(0x923, "instrs_cycles_snapshot", INSTRS_CYCLES),
    scalar(0x925, &[u32("ts_asid")]),
    scalar(0x926, &[hex(u64("ts_pagetable"))]),
    structure(0x92a, "task_cpu_architecture", CPU_ARCHITECTURE),
    structure(0x930, "transitioning_task_snapshot", TRANSITIONING_TASK),
    structure(0x938, "suspension_info", SUSPENSION_INFO),
    structure(0x939, "suspension_source", SUSPENSION_SOURCE),
    structure(0x940, "task_delta_snapshot", TASK_DELTA),
    structure(0x946, "stackshot_task_codesigning_info", CODESIGNING_INFO),
    structure(0x957, "task_exec_meta", EXEC_META),
];

/// `struct io_stats_snapshot`, of a task or a thread.
const IOSTATS: &[Field<'static>] = &packed([
    u64("ss_disk_reads_count"),
    u64("ss_disk_reads_size"),
    u64("ss_disk_writes_count"),
    u64("ss_disk_writes_size"),
    array(4, u64("ss_io_priority_count")),
    array(4, u64("ss_io_priority_size")),
    u64("ss_paging_count"),
    u64("ss_paging_size"),
    u64("ss_non_paging_count"),
    u64("ss_non_paging_size"),
    u64("ss_data_count"),
    u64("ss_data_size"),
    u64("ss_metadata_count"),
    u64("ss_metadata_size"),
]);
const _: () = assert!(size(IOSTATS) == 160);

/// `struct task_snapshot_v2`; it never grew.
const TASK_SNAPSHOT: &[Field<'static>] = &packed([
    u64("ts_unique_pid"),
    hex(u64("ts_ss_flags")),
    u64("ts_user_time_in_terminated_threads"),
    u64("ts_system_time_in_terminated_threads"),
    u64("ts_p_start_sec"),
    u64("ts_task_size"),
    u64("ts_max_resident_size"),
    u32("ts_suspend_count"),
    u32("ts_faults"),
    u32("ts_pageins"),
    u32("ts_cow_faults"),
    u32("ts_was_throttled"),
    u32("ts_did_throttle"),
    hex(u32("ts_latency_qos")),
    i32("ts_pid"),
    chars(32, "ts_p_comm"),
]);
const _: () = assert!(size(TASK_SNAPSHOT) == 120);

/// `struct task_delta_snapshot_v2` (xnu-3789).
const TASK_DELTA: &[Field<'static>] = &packed([
    u64("tds_unique_pid"),
    hex(u64("tds_ss_flags")),
    u64("tds_user_time_in_terminated_threads"),
    u64("tds_system_time_in_terminated_threads"),
    u64("tds_task_size"),
    u64("tds_max_resident_size"),
    u32("tds_suspend_count"),
    u32("tds_faults"),
    u32("tds_pageins"),
    u32("tds_cow_faults"),
    u32("tds_was_throttled"),
    u32("tds_did_throttle"),
    hex(u32("tds_latency_qos")),
]);
const _: () = assert!(size(TASK_DELTA) == 76);

/// `struct transitioning_task_snapshot` (xnu-8019).
const TRANSITIONING_TASK: &[Field<'static>] = &packed([
    u64("tts_unique_pid"),
    hex(u64("tts_ss_flags")),
    u64("tts_transition_type"),
    i32("tts_pid"),
    chars(32, "tts_p_comm"),
]);
const _: () = assert!(size(TRANSITIONING_TASK) == 60);

/// `struct instrs_cycles_snapshot_v2`: 16 bytes, for tasks 32 from xnu-8792.
const INSTRS_CYCLES: &[Field<'static>] = &packed([
    u64("ics_instructions"),
    u64("ics_cycles"),
    u64("ics_p_instructions"),
    u64("ics_p_cycles"),
]);
const _: () = assert!(size(INSTRS_CYCLES) == 32);

/// `struct stackshot_cpu_architecture` (xnu-7195).
const CPU_ARCHITECTURE: &[Field<'static>] = &packed([i32("cputype"), i32("cpusubtype")]);
const _: () = assert!(size(CPU_ARCHITECTURE) == 8);

/// `struct stackshot_suspension_info` (xnu-10002).
const SUSPENSION_INFO: &[Field<'static>] = &packed([
    u64("tss_last_start"),
    u64("tss_last_end"),
    u64("tss_count"),
    u64("tss_duration"),
]);
const _: () = assert!(size(SUSPENSION_INFO) == 32);

/// `struct stackshot_suspension_source` (xnu-10002).
const SUSPENSION_SOURCE: &[Field<'static>] = &packed([
    u64("tss_time"),
    u64("tss_tid"),
    i32("tss_pid"),
    chars(65, "tss_procname"),
]);
const _: () = assert!(size(SUSPENSION_SOURCE) == 85);

/// `struct stackshot_task_codesigning_info` (xnu-8796).
const CODESIGNING_INFO: &[Field<'static>] = &packed([hex(u64("csflags")), u32("cs_trust_level")]);
const _: () = assert!(size(CODESIGNING_INFO) == 12);

/// `struct crashinfo_jit_address_range`, a tag of crash information that stackshots use too (xnu-11215).
const JIT_RANGE: &[Field<'static>] = &packed([hex(u64("start_address")), hex(u64("end_address"))]);
const _: () = assert!(size(JIT_RANGE) == 16);

/// What an exec left behind: translated, hardened heap (xnu-11417.121).
const EXEC_META: &[Field<'static>] = &packed([hex(u64("tem_flags"))]);
const _: () = assert!(size(EXEC_META) == 8);
