//! How long the kernel took for the capture; development kernels write these.
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6.

use super::super::layout::{Field, Type, i32, packed, size, structure, u64};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x92b, "stackshot_latency_collection", COLLECTION),
    structure(0x92c, "stackshot_latency_task", TASK),
    structure(0x92d, "stackshot_latency_thread", THREAD),
    structure(0x956, "stackshot_latency_cpu", CPU),
];

/// The second form of tag 0x92b: bytes 32 to 95 are new, so only the size tells it from the first.
pub(super) const COLLECTION_V2: Type<'static> =
    structure(0x92b, "stackshot_latency_collection", COLLECTION_V2_FIELDS);
pub(super) const COLLECTION_V2_SIZE: usize = size(COLLECTION_V2_FIELDS);

/// `struct stackshot_latency_collection`, before xnu-11215.
const COLLECTION: &[Field<'static>] = &packed([
    u64("latency_version"),
    u64("setup_latency"),
    u64("total_task_iteration_latency"),
    u64("total_terminated_task_iteration_latency"),
]);
const _: () = assert!(size(COLLECTION) == 32);

/// `struct stackshot_latency_collection_v2`, from xnu-11215.
const COLLECTION_V2_FIELDS: &[Field<'static>] = &packed([
    u64("latency_version"),
    u64("setup_latency_mt"),
    u64("total_task_iteration_latency_mt"),
    u64("total_terminated_task_iteration_latency_mt"),
    u64("task_queue_building_latency_mt"),
    u64("terminated_task_queue_building_latency_mt"),
    u64("cpu_wait_latency_mt"),
    i32("main_cpu_number"),
    i32("calling_cpu_number"),
    u64("buffer_size"),
    u64("buffer_used"),
    u64("buffer_overhead"),
    u64("buffer_count"),
]);
const _: () = assert!(size(COLLECTION_V2_FIELDS) == 96);

/// `struct stackshot_latency_cpu` (xnu-11215).
const CPU: &[Field<'static>] = &packed([
    i32("cpu_number"),
    i32("cluster_type"),
    u64("init_latency_mt"),
    u64("workqueue_latency_mt"),
    u64("total_latency_mt"),
    u64("total_cycles"),
    u64("total_instrs"),
    u64("tasks_processed"),
    u64("threads_processed"),
    u64("faulting_time_mt"),
    u64("total_buf"),
    u64("intercluster_buf_used"),
]);
const _: () = assert!(size(CPU) == 88);

/// `struct stackshot_latency_task` (xnu-7195).
const TASK: &[Field<'static>] = &packed([
    u64("task_uniqueid"),
    u64("setup_latency"),
    u64("task_thread_count_loop_latency"),
    u64("task_thread_data_loop_latency"),
    u64("cur_tsnap_latency"),
    u64("pmap_latency"),
    u64("bsd_proc_ids_latency"),
    u64("misc_latency"),
    u64("misc2_latency"),
    u64("end_latency"),
]);
const _: () = assert!(size(TASK) == 80);

/// `struct stackshot_latency_thread` (xnu-7195).
const THREAD: &[Field<'static>] = &packed([
    u64("thread_id"),
    u64("cur_thsnap1_latency"),
    u64("dispatch_serial_latency"),
    u64("dispatch_label_latency"),
    u64("cur_thsnap2_latency"),
    u64("thread_name_latency"),
    u64("sur_times_latency"),
    u64("user_stack_latency"),
    u64("kernel_stack_latency"),
    u64("misc_latency"),
]);
const _: () = assert!(size(THREAD) == 80);
