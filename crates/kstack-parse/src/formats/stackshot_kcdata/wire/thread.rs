//! What is said about a thread: its state, its stacks, what it waits for.
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6; a note says since when where they grew.

use super::super::layout::{
    Field, Type, array, hex, i8, i16, merged, packed, scalar, size, string, structure, u8, u16,
    u32, u64,
};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x906, "thread_snapshot", THREAD_SNAPSHOT),
    scalar(0x909, &[string("pth_name")]),
    structure(0x90a, "kernel_stack_frames", FRAME32),
    structure(0x90b, "kernel_stack_frames", FRAME64),
    structure(0x90c, "user_stack_frames", FRAME32),
    structure(0x90d, "user_stack_frames", FRAME64),
    structure(0x913, "kernel_stack_frames", LR32),
    structure(0x914, "kernel_stack_frames", LR64),
    structure(0x915, "user_stack_frames", LR32),
    structure(0x916, "user_stack_frames", LR64),
    structure(0x919, "cpu_times", CPU_TIMES),
    structure(0x91d, "thread_waitinfo", WAITINFO),
    scalar(0x91f, &[u64("thread_group")]),
    structure(0x924, "user_stacktop", STACKTOP),
    scalar(0x928, &[string("dispatch_queue_label")]),
    structure(0x929, "thread_turnstileinfo", TURNSTILEINFO),
    scalar(0x932, &[u32("user_async_start_index")]),
    structure(0x933, "user_async_stack_frames", LR64),
    merged(0x935, "portlabel", PORTLABEL),
    scalar(0x936, &[string("portlabel_name")]),
    structure(0x941, "thread_delta_snapshot", THREAD_DELTA),
];

/// `struct thread_snapshot_v4`: 104 bytes up to xnu-3248, 112 from 3789, 128 from 4570.
const THREAD_SNAPSHOT: &[Field<'static>] = &packed([
    u64("ths_thread_id"),
    hex(u64("ths_wait_event")),
    hex(u64("ths_continuation")),
    u64("ths_total_syscalls"),
    hex(u64("ths_voucher_identifier")),
    u64("ths_dqserialnum"),
    u64("ths_user_time"),
    u64("ths_sys_time"),
    hex(u64("ths_ss_flags")),
    u64("ths_last_run_time"),
    u64("ths_last_made_runnable_time"),
    u32("ths_state"),
    hex(u32("ths_sched_flags")),
    i16("ths_base_priority"),
    i16("ths_sched_priority"),
    u8("ths_eqos"),
    u8("ths_rqos"),
    u8("ths_rqos_override"),
    u8("ths_io_tier"),
    hex(u64("ths_thread_t")),
    hex(u64("ths_requested_policy")),
    hex(u64("ths_effective_policy")),
]);
const _: () = assert!(size(THREAD_SNAPSHOT) == 128);

/// `struct thread_delta_snapshot_v3`: 48 bytes from xnu-3789, 64 from 4570.51.
const THREAD_DELTA: &[Field<'static>] = &packed([
    u64("tds_thread_id"),
    hex(u64("tds_voucher_identifier")),
    hex(u64("tds_ss_flags")),
    u64("tds_last_made_runnable_time"),
    u32("tds_state"),
    hex(u32("tds_sched_flags")),
    i16("tds_base_priority"),
    i16("tds_sched_priority"),
    u8("tds_eqos"),
    u8("tds_rqos"),
    u8("tds_rqos_override"),
    u8("tds_io_tier"),
    hex(u64("tds_requested_policy")),
    hex(u64("tds_effective_policy")),
]);
const _: () = assert!(size(THREAD_DELTA) == 64);

/// `struct stack_snapshot_frame32`; `sp` is the frame pointer.
const FRAME32: &[Field<'static>] = &packed([hex(u32("lr")), hex(u32("sp"))]);
const _: () = assert!(size(FRAME32) == 8);

/// `struct stack_snapshot_frame64`; `sp` is the frame pointer.
const FRAME64: &[Field<'static>] = &packed([hex(u64("lr")), hex(u64("sp"))]);
const _: () = assert!(size(FRAME64) == 16);

/// An address alone, 32 bits wide.
const LR32: &[Field<'static>] = &packed([hex(u32("lr"))]);
const _: () = assert!(size(LR32) == 4);

/// An address alone, 64 bits wide.
const LR64: &[Field<'static>] = &packed([hex(u64("lr"))]);
const _: () = assert!(size(LR64) == 8);

/// `struct stackshot_cpu_times_v2`, in microseconds: 16 bytes from xnu-3789, 24 from 4903.
const CPU_TIMES: &[Field<'static>] =
    &packed([u64("user_usec"), u64("system_usec"), u64("runnable_usec")]);
const _: () = assert!(size(CPU_TIMES) == 24);

/// `struct stackshot_thread_waitinfo_v2`: 25 bytes from xnu-3789.51, 31 from 8020.101.
const WAITINFO: &[Field<'static>] = &packed([
    hex(u64("owner")),
    u64("waiter"),
    hex(u64("context")),
    u8("wait_type"),
    i16("portlabel_id"),
    hex(u32("wait_flags")),
]);
const _: () = assert!(size(WAITINFO) == 31);

/// `struct stackshot_thread_turnstileinfo_v2`: 26 bytes from xnu-6153, 28 from 8020.101.
const TURNSTILEINFO: &[Field<'static>] = &packed([
    u64("waiter"),
    hex(u64("turnstile_context")),
    u8("turnstile_priority"),
    u8("number_of_hops"),
    hex(u64("turnstile_flags")),
    i16("portlabel_id"),
]);
const _: () = assert!(size(TURNSTILEINFO) == 28);

/// `struct portlabel_info` (xnu-8020.101).
const PORTLABEL: &[Field<'static>] = &packed([
    i16("portlabel_id"),
    hex(u16("portlabel_flags")),
    i8("portlabel_domain"),
]);
const _: () = assert!(size(PORTLABEL) == 5);

/// `struct stack_snapshot_stacktop` (xnu-4903 to 7195).
const STACKTOP: &[Field<'static>] = &packed([hex(u64("sp")), array(8, u8("stack_contents"))]);
const _: () = assert!(size(STACKTOP) == 16);
