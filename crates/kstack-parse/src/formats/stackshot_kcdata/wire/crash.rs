//! What corpses and exit reasons hold; dumped, never read as a stackshot.
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6.

use super::super::layout::{
    Field, Type, array, chars, hex, i32, i64, packed, scalar, size, string, structure, u8, u32,
    u64, uuid,
};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x802, "proc_uniqidentifierinfo", UNIQUE_IDENTIFIER),
    scalar(0x805, &[i32("pid")]),
    scalar(0x806, &[i32("ppid")]),
    structure(0x808, "rusage_info", RUSAGE),
    scalar(0x809, &[string("p_comm")]),
    structure(0x80b, "proc_starttime", TIMEVAL64),
    scalar(0x80c, &[u64("userstack_ptr")]),
    scalar(0x80d, &[i32("p_argslen")]),
    structure(0x80e, "mach_exception_data_t", EXCEPTION_CODES),
    scalar(0x80f, &[string("p_path")]),
    scalar(0x810, &[u32("p_csflags")]),
    scalar(0x811, &[u8("p_status")]),
    scalar(0x812, &[i32("uid")]),
    scalar(0x813, &[i32("gid")]),
    scalar(0x814, &[i32("argc")]),
    scalar(0x815, &[u32("p_flags")]),
    scalar(0x816, &[i32("cputype")]),
    scalar(0x818, &[i32("responsible_pid")]),
    scalar(0x819, &[u32("dirty_flags")]),
    scalar(0x81a, &[u64("crashed_threadid")]),
    scalar(0x81b, &[u64("coalition_id")]),
    scalar(0x81c, &[u64("udata_ptrs")]),
    scalar(0x81d, &[u64("task_phys_mem_limit")]),
    structure(0x836, "kernel_triage_info_v1", KERNEL_TRIAGE),
    scalar(0x837, &[u32("task_is_corpse_fork")]),
    scalar(0x838, &[u32("exception_type")]),
    scalar(0x83b, &[string("cs_signing_id")]),
    scalar(0x83c, &[string("cs_team_id")]),
    scalar(0x83d, &[u32("cs_validation_category")]),
    scalar(0x83e, &[u32("cs_trust_level")]),
    scalar(0x842, &[u64("cs_auxiliary_info")]),
    structure(0x1001, "exit_reason_basic_info", EXIT_REASON_BASIC),
    scalar(0x1002, &[string("exit_reason_user_description")]),
    scalar(0x1003, &[array(2048, u8("exit_reason_user_payload"))]),
    structure(
        0x1004,
        "exit_reason_codesigning_info",
        EXIT_REASON_CODESIGNING,
    ),
    scalar(0x1005, &[u64("exit_reason_workloop_id")]),
    scalar(0x1006, &[u64("exit_reason_dispatch_queue_no")]),
];

/// `struct timeval64`.
const TIMEVAL64: &[Field<'static>] = &packed([i64("tv_sec"), i64("tv_usec")]);
const _: () = assert!(size(TIMEVAL64) == 16);

/// `struct crashinfo_proc_uniqidentifierinfo`, without its reserved words.
const UNIQUE_IDENTIFIER: &[Field<'static>] =
    &packed([uuid("p_uuid"), u64("p_uniqueid"), u64("p_puniqueid")]);
const _: () = assert!(size(UNIQUE_IDENTIFIER) == 32);

/// `struct rusage_info_v3`.
const RUSAGE: &[Field<'static>] = &packed([
    uuid("ri_uuid"),
    u64("ri_user_time"),
    u64("ri_system_time"),
    u64("ri_pkg_idle_wkups"),
    u64("ri_interrupt_wkups"),
    u64("ri_pageins"),
    u64("ri_wired_size"),
    u64("ri_resident_size"),
    u64("ri_phys_footprint"),
    u64("ri_proc_start_abstime"),
    u64("ri_proc_exit_abstime"),
    u64("ri_child_user_time"),
    u64("ri_child_system_time"),
    u64("ri_child_pkg_idle_wkups"),
    u64("ri_child_interrupt_wkups"),
    u64("ri_child_pageins"),
    u64("ri_child_elapsed_abstime"),
    u64("ri_diskio_bytesread"),
    u64("ri_diskio_byteswritten"),
    u64("ri_cpu_time_qos_default"),
    u64("ri_cpu_time_qos_maintenance"),
    u64("ri_cpu_time_qos_background"),
    u64("ri_cpu_time_qos_utility"),
    u64("ri_cpu_time_qos_legacy"),
    u64("ri_cpu_time_qos_user_initiated"),
    u64("ri_cpu_time_qos_user_interactive"),
    u64("ri_billed_system_time"),
    u64("ri_serviced_system_time"),
]);
const _: () = assert!(size(RUSAGE) == 232);

/// `mach_exception_data_t` of two codes.
const EXCEPTION_CODES: &[Field<'static>] = &packed([hex(u64("code_0")), hex(u64("code_1"))]);
const _: () = assert!(size(EXCEPTION_CODES) == 16);

/// `struct kernel_triage_info_v1` (xnu-8019).
const KERNEL_TRIAGE: &[Field<'static>] = &packed([
    chars(128, "triage_string1"),
    chars(128, "triage_string2"),
    chars(128, "triage_string3"),
    chars(128, "triage_string4"),
    chars(128, "triage_string5"),
]);
const _: () = assert!(size(KERNEL_TRIAGE) == 640);

/// `struct exit_reason_snapshot`.
const EXIT_REASON_BASIC: &[Field<'static>] =
    &packed([u32("ers_namespace"), u64("ers_code"), hex(u64("ers_flags"))]);
const _: () = assert!(size(EXIT_REASON_BASIC) == 20);

/// `struct codesigning_exit_reason_info`.
const EXIT_REASON_CODESIGNING: &[Field<'static>] = &packed([
    hex(u64("ceri_virt_addr")),
    u64("ceri_file_offset"),
    chars(1024, "ceri_pathname"),
    chars(1024, "ceri_filename"),
    u64("ceri_codesig_modtime_secs"),
    u64("ceri_codesig_modtime_nsecs"),
    u64("ceri_page_modtime_secs"),
    u64("ceri_page_modtime_nsecs"),
    u8("ceri_path_truncated"),
    u8("ceri_object_codesigned"),
    u8("ceri_page_codesig_validated"),
    u8("ceri_page_codesig_tainted"),
    u8("ceri_page_codesig_nx"),
    u8("ceri_page_wpmapped"),
    u8("ceri_page_slid"),
    u8("ceri_page_dirty"),
    u32("ceri_page_shadow_depth"),
]);
const _: () = assert!(size(EXIT_REASON_CODESIGNING) == 2108);
