//! Groups, idle threads and fingerprints.

use super::*;
use crate::diagnose::{Diagnosis, FingerprintOf, Rank, diagnose};

const TASKQ: [&str; 4] = [
    "mach_kernel:thread_block",
    "net.lundman.spl:spl_cv_wait",
    "net.lundman.spl:taskq_thread",
    "mach_kernel:call_continuation",
];
const STUCK: [&str; 4] = [
    "mach_kernel:thread_block",
    "net.lundman.spl:spl_cv_wait",
    "net.lundman.zfs:txg_wait_synced",
    "net.lundman.zfs:spa_export",
];

#[test]
fn identical_stacks_stand_once_and_those_in_kexts_come_first() {
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &["mach_kernel:lck_mtx_lock", "mach_kernel:vnode_get"])
        .thread(2, &STUCK)
        .thread(3, &STUCK)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.groups.len(), 2);
    assert_eq!(diagnosis.groups[0].rank, Rank::OtherKext);
    assert_eq!(diagnosis.groups[0].variants, [[1, 2]]);
}

#[test]
fn a_deeper_recursion_is_nearly_the_same_stack() {
    let deep = [
        "mach_kernel:msleep",
        "x.y.zfs:walk",
        "x.y.zfs:walk",
        "x.y.zfs:go",
    ];
    let deeper = [
        "mach_kernel:msleep",
        "x.y.zfs:walk",
        "x.y.zfs:walk",
        "x.y.zfs:walk",
        "x.y.zfs:go",
    ];
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &deep)
        .thread(2, &deeper)
        .thread(3, &deeper)
        .trace();
    let groups = diagnose(&trace).groups;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].variants, [vec![1, 2], vec![0]]);
}

#[test]
fn a_task_queue_without_work_is_folded_away_and_one_with_work_is_not() {
    let trace = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &TASKQ)
        .thread(2, &TASKQ)
        .thread(3, &STUCK)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.idle[0].what, "task queue without work");
    assert_eq!(diagnosis.idle[0].threads, 2);
    assert_eq!(diagnosis.groups.len(), 1);
}

#[test]
fn a_thread_that_others_wait_for_is_not_idle() {
    let trace = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &TASKQ)
        .thread(2, &STUCK)
        .waits(MUTEX, 1, 5)
        .trace();
    assert!(diagnose(&trace).idle.is_empty());
}

fn panic(top: &str) -> Hang {
    let frames = [
        "mach_kernel:panic",
        top,
        "net.lundman.zfs:arc_read",
        "net.lundman.zfs:arc_read",
        "net.lundman.zfs:dbuf_read",
        "mach_kernel:unix_syscall64",
    ];
    Hang::default()
        .process(1, "a")
        .thread(1, &frames)
        .panicked()
}

fn hash(trace: &Trace) -> Option<u64> {
    diagnose(trace)
        .fingerprint
        .map(|fingerprint| fingerprint.hash)
}

#[test]
fn the_fingerprint_of_a_panic_is_that_of_its_functions() {
    let (one, other) = (panic("x:vdev_io").trace(), panic("x:vdev_open").trace());
    assert_eq!(hash(&one), hash(&panic("x:_vdev_io").trace()));
    assert_ne!(hash(&one), hash(&other));
    assert_eq!(diagnose(&one).fingerprint.unwrap().of, FingerprintOf::Panic);
}

#[test]
fn the_recipe_in_the_documents_gives_the_same_fingerprint() {
    // FNV-1a, 64 bits, over the line of docs/fingerprint.md.
    let line = b"x`vdev_io;zfs`arc_read;zfs`dbuf_read;\n";
    let hash = line.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let trace = panic("x:vdev_io").trace();
    let fingerprint = diagnose(&trace).fingerprint.unwrap();
    assert_eq!(fingerprint.to_string(), format!("k1-{hash:016x}"));
    assert_eq!((fingerprint.frames, fingerprint.unnamed), (3, 0));
}

#[test]
fn too_little_with_a_name_gives_no_fingerprint() {
    let unnamed = |thread: &mut Thread| {
        thread.stacks[0].frames = vec![said("x:one"), at(0x10), at(0x20), at(0x30)];
    };
    let trace = panic("x:vdev_io").with(unnamed).trace();
    assert_eq!(hash(&trace), None);
    let trace = Hang::default()
        .process(1, "a")
        .thread(1, &["mach_kernel:panic"])
        .panicked()
        .trace();
    assert_eq!(hash(&trace), None);
}

#[test]
fn the_fingerprint_of_a_hang_does_not_depend_on_how_many_threads_hang() {
    let one = Hang::default().process(1, "a").thread(1, &STUCK).trace();
    let two = Hang::default()
        .process(7, "b")
        .thread(9, &TASKQ)
        .thread(3, &STUCK)
        .thread(2, &STUCK)
        .trace();
    assert!(hash(&one).is_some());
    assert_eq!(hash(&one), hash(&two));
}

#[test]
fn the_panic_and_the_fault_are_told_once() {
    let mut hang = panic("x:vdev_io").with(|thread| {
        thread
            .facts
            .push(Fact::new("fault", "a null pointer".to_owned()));
    });
    hang.0
        .facts
        .push(Fact::new("panic", "assertion".to_owned()));
    hang.0
        .facts
        .push(Fact::new("fault", "a null pointer".to_owned()));
    let trace = hang.trace();
    let diagnosis: Diagnosis<'_> = diagnose(&trace);
    assert_eq!(diagnosis.faults, ["assertion", "a null pointer"]);
}

#[test]
fn functions_without_a_name_inside_a_wait_do_not_hide_it() {
    // A stripped kernel: msleep is named, the static function below it is not.
    let stack = [
        "kernel:thread_block_reason",
        "kernel:",
        "kernel:msleep",
        "x.spl:spl_cv_wait",
        "x.spl:taskq_thread",
    ];
    let trace = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &stack)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(diagnosis.threads.all[0].machinery, 4);
    assert_eq!(diagnosis.idle.len(), 1);
}

#[test]
fn where_the_kernel_has_no_names_a_thread_waits_where_its_kext_called_it() {
    let stack = ["kernel:", "kernel:", "net.lundman.zfs:", "kernel:"];
    let trace = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &stack)
        .trace();
    let diagnosis = diagnose(&trace);
    assert_eq!(
        diagnosis.threads.all[0].waits_at(&diagnosis.labels),
        Some((Side::Kernel, 2))
    );
}

/// A panic whose frames are addresses that were resolved, at a slide.
fn resolved(slide: u64) -> Trace {
    use crate::resolve::{Resolution, SpaceId};
    use kstack_model::{ImageOffset, VmAddr};
    use kstack_symbols::{Certainty, Named};
    let names = ["panic", "arc_read", "dbuf_read"];
    let frames = (0..3).map(|depth| at(0xffff_ff80_0020_1000 + slide + depth * 0x40));
    let mut trace = Hang::default()
        .process(1, "a")
        .thread(1, &[])
        .panicked()
        .with(|thread| thread.stacks[0].frames = frames.collect())
        .trace();
    let frames = trace.report.processes[0].threads[0].stacks[0]
        .frames
        .clone();
    for (frame, name) in frames.into_iter().zip(names) {
        let named = Named {
            raw: name.into(),
            name: name.into(),
            start: VmAddr(0),
            certainty: Certainty::Inside,
            frames: Vec::new(),
        };
        let resolution = Resolution::Named {
            image: 0,
            offset_in_image: ImageOffset(0),
            looked_up: VmAddr(0),
            offset: 4,
            named: Box::new(named),
        };
        trace
            .resolutions
            .insert((SpaceId::Kernel, frame.at, frame.kind), resolution);
    }
    trace
}

#[test]
fn a_boot_at_another_slide_has_the_same_fingerprint() {
    let (one, other) = (resolved(0), resolved(0x1a40_0000));
    assert_ne!(one.report, other.report);
    assert!(hash(&one).is_some());
    assert_eq!(hash(&one), hash(&other));
}

#[test]
fn a_hang_has_the_same_fingerprint_with_and_without_the_kernels_symbols() {
    let stack = |call: &str| {
        let frames = ["kernel:msleep", "x.zfs:zio_wait", "x.zfs:arc_read", call];
        Hang::default().process(1, "a").thread(1, &frames).trace()
    };
    let with = stack("kernel:VNOP_READ");
    assert!(hash(&with).is_some());
    assert_eq!(hash(&with), hash(&stack("kernel:")));
}

#[test]
fn a_report_that_prints_names_as_the_linker_has_them_has_the_fingerprint_of_its_symbol_files() {
    let said = |inner: &str, outer: &str| {
        let stack = ["kernel:panic", inner, outer];
        hash(
            &Hang::default()
                .process(0, "kernel_task")
                .thread(1, &stack)
                .panicked()
                .trace(),
        )
    };
    let written = said("IOKit:IOWorkLoop::threadMain()", "zfs:Pool::open(int)");
    assert!(written.is_some());
    assert_eq!(
        said(
            "IOKit:__ZN10IOWorkLoop10threadMainEv",
            "zfs:__ZN4Pool4openEi"
        ),
        written
    );
}

#[test]
fn a_double_fault_is_told_where_it_happened_and_not_in_its_handler() {
    let stack = [
        "kernel:_panic",
        "kernel:_panic_64",
        "kernel:_hndl_double_fault",
        "zfs:_arc_read",
    ];
    let trace = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &stack)
        .panicked()
        .trace();
    let doing = diagnose(&trace).doing(0);
    assert!(
        doing.contains(&"at arc_read (in zfs)".to_owned()),
        "{doing:?}"
    );
}
