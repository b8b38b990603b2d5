//! What a maintainer reads.

use super::*;
use crate::RenderOptions;
use crate::diagnose::diagnose;
use crate::render::diagnosis::{Shown, write_text};

fn text(trace: &Trace, shown: Shown) -> String {
    let mut out = Vec::new();
    write_text(&diagnose(trace), &RenderOptions::default(), shown, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_deadlock_across_two_kexts_is_told_with_the_frame_at_which_each_thread_waits() {
    let trace = Hang::default()
        .process(0, "kernel_task")
        .thread(2, &["kernel:lck_mtx_lock", "net.lundman.zfs:txg_quiesce"])
        .waits(MUTEX, 1, 0xa)
        .process(156, "zpool")
        .thread(1, &["kernel:lck_mtx_lock", "net.lundman.spl:taskq_wait"])
        .waits(MUTEX, 2, 0xb)
        .trace();
    let text = text(&trace, Shown::default());
    let told: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("Deadlocks"))
        .take(6)
        .collect();
    let expected = [
        "Deadlocks: 1:",
        "    2 threads wait in a circle",
        "        thread 0x1 of zpool (PID 156) waits for KernelMutex 0xb, owned by thread 0x2 of kernel_task (PID 0)",
        "            at taskq_wait (in net.lundman.spl)",
        "        thread 0x2 of kernel_task (PID 0) waits for KernelMutex 0xa, owned by thread 0x1 of zpool (PID 156)",
        "            at txg_quiesce (in net.lundman.zfs)",
    ];
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nnot\n{expected}");
    }
    assert_eq!(told.len(), 6);
}

#[test]
fn a_lost_wake_up_is_told_as_an_inference() {
    let event = |thread: &mut Thread| thread.wait_event = Some(Address(0xffff_ff80_0660_8a6c));
    let stack = [
        "kernel:msleep",
        "net.lundman.spl:spl_cv_wait",
        "net.lundman.zfs:zio_wait",
    ];
    let mut hang = Hang::default().process(1, "mds");
    for id in 1..=5 {
        hang = hang.thread(id, &stack).with(event);
    }
    let text = text(&hang.trace(), Shown::default());
    assert!(text.contains("which proves nothing)"), "{text}");
    assert!(
        text.contains("5 threads wait for the event 0xffffff8006608a6c"),
        "{text}"
    );
    assert!(
        text.contains("5 threads wait for a condition variable in zio_wait (in zfs)"),
        "{text}"
    );
}

#[test]
fn a_long_chain_is_shown_by_its_ends() {
    let mut hang = Hang::default().process(1, "a");
    for id in 1..=100 {
        hang = hang
            .thread(id, &["k:lck_mtx_lock", "zfs:f"])
            .waits(MUTEX, id + 1, id);
    }
    let text = text(&hang.trace(), Shown::default());
    assert!(text.contains("the longest chain has 100 waits:"), "{text}");
    assert!(text.contains("… 88 waits not shown …"), "{text}");
}

#[test]
fn what_is_not_shown_is_counted() {
    let mut hang = Hang::default().process(1, "a");
    for id in 1..=9 {
        hang = hang.thread(id, &["k:lck_mtx_lock", &format!("zfs:f{id}")]);
    }
    let trace = hang.trace();
    let two = Shown {
        most: 2,
        ..Shown::default()
    };
    assert!(text(&trace, two).contains("… and 7 more; --all shows them"));
    assert!(!text(&trace, Shown::all()).contains("--all shows them"));
}

#[test]
fn what_one_thread_of_a_group_waits_for_is_not_said_of_all() {
    let mut hang = Hang::default().process(1, "a");
    for id in 1..=3 {
        hang = hang
            .thread(id, &["k:msleep", "zfs:f"])
            .with(|thread| thread.wait_event = Some(Address(0x100 + id / 3)));
    }
    let text = text(&hang.trace(), Shown::default());
    let told: Vec<&str> = text.lines().map(str::trim).collect();
    assert!(told.contains(&"blocked; at f (in zfs)"), "{text}");
    for words in [
        "each of 2: waits for a wake-up",
        "1 of them: waits for a wake-up",
    ] {
        assert!(told.iter().any(|line| line.starts_with(words)), "{text}");
    }
}

#[test]
fn a_stopped_process_and_the_time_on_processors_are_told() {
    let intel = |mut trace: Trace| {
        trace.report.machine.arch = Some(kstack_model::Arch::X86_64);
        trace.report.processes[0].facts = vec![Fact::new("ts_suspend_count", 1_u64)];
        trace
    };
    let hang = Hang::default()
        .process(1, "a")
        .thread(1, &["k:msleep", "zfs:f"])
        .fact("ths_user_time", 2_000_000)
        .fact("ths_sys_time", 500_000);
    let text = text(&intel(hang.trace()), Shown::default());
    assert!(
        text.contains("blocked; its process is suspended; "),
        "{text}"
    );
    assert!(text.contains("; 2.5ms of processor time\n"), "{text}");
}

#[test]
fn threads_that_can_be_interrupted_do_not_stand_among_those_that_cannot() {
    let hang = Hang::default()
        .process(1, "a")
        .thread(1, &["kernel:msleep", "kernel:f"])
        .thread(2, &["kernel:msleep", "kernel:f"])
        .with(|thread| thread.state = Some(ThreadState(0x9)));
    let text = text(&hang.trace(), Shown::default());
    assert!(
        text.contains("Stacks, blocked, cannot be interrupted: 1 stack of 1 thread:"),
        "{text}"
    );
    assert!(
        text.contains("Stacks, other: 1 stack of 1 thread:"),
        "{text}"
    );
}

#[test]
fn a_condition_variable_has_no_owner_that_could_be_recorded() {
    let hang = Hang::default()
        .process(1, "a")
        .thread(1, &["k:f"])
        .waits(0xe, 0, 0x7000);
    let text = text(&hang.trace(), Shown::default());
    assert!(
        text.contains("waits for PThreadCondVar 0x7000, which nobody owns"),
        "{text}"
    );
}

#[test]
fn a_process_that_ends_is_told_by_the_pid_it_had() {
    let hang = Hang::default().process(-57, "zpool").thread(1, &["zfs:f"]);
    let text = text(&hang.trace(), Shown::default());
    assert!(
        text.contains("zpool (PID 57, on its way out): 0x1"),
        "{text}"
    );
}

#[test]
fn images_of_user_space_are_counted_and_listed_when_everything_is_shown() {
    let mut trace = Hang::default()
        .process(1, "zpool")
        .thread(1, &["zfs:f"])
        .trace();
    let image = |uuid: u8| {
        let mut image = LoadedImage::new(ImageKind::User);
        image.name = Some("zpool".to_owned());
        image.uuid = Some(Uuid::from_bytes([uuid; 16]));
        image.placements = vec![Placement::LoadedAt(Address(u64::from(uuid) << 32))];
        image
    };
    let mut report = std::mem::take(&mut trace.report);
    report.processes[0].space.images = vec![image(1), image(2)];
    let user = |address: u64| Stack::new(Side::User, vec![at(address)]);
    report.processes[0].threads[0].stacks = vec![user(0x1_0000_0010), user(0x2_0000_0010)];
    let trace = crate::resolve(report, &Default::default(), &Default::default());
    let short = text(&trace, Shown::default());
    assert!(
        short.contains("2 user images with 2 frames; --all lists them"),
        "{short}"
    );
    let all = text(&trace, Shown::all());
    assert!(
        all.contains("UUID 01010101-0101-0101-0101-010101010101: would name 1 frame\n"),
        "{all}"
    );
}

#[test]
fn a_report_without_threads_is_not_passed_over_in_silence() {
    let text = text(&Hang::default().trace(), Shown::default());
    assert!(
        text.contains("Nothing to diagnose:\n    the report has no threads\n"),
        "{text}"
    );
}

#[test]
fn no_file_is_asked_for_that_nothing_could_tell_to_be_the_right_one() {
    let mut report = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &["zfs:f"])
        .trace()
        .report;
    let mut image = LoadedImage::new(ImageKind::Kext);
    image.placements = vec![Placement::LoadedAt(Address(0xffff_ff7f_8000_0000))];
    report.kernel.images = vec![image];
    report.processes[0].threads[0].stacks =
        vec![Stack::new(Side::Kernel, vec![at(0xffff_ff7f_8000_0010)])];
    let trace = crate::resolve(report, &Default::default(), &Default::default());
    let text = text(&trace, Shown::default());
    assert!(
        text.contains("1 frame in images that the report does not describe\n"),
        "{text}"
    );
    assert!(!text.contains("pass --kext PATH"), "{text}");
}

#[test]
fn a_kernel_that_the_report_knows_by_its_uuid_alone_is_called_kernel() {
    let mut report = Hang::default()
        .process(0, "kernel_task")
        .thread(1, &["zfs:f"])
        .trace()
        .report;
    let mut image = LoadedImage::new(ImageKind::Kernel);
    image.uuid = Some(Uuid::from_bytes([7; 16]));
    image.placements = vec![Placement::LoadedAt(Address(0xffff_ff80_0020_0000))];
    report.kernel.images = vec![image];
    report.processes[0].threads[0].stacks =
        vec![Stack::new(Side::Kernel, vec![at(0xffff_ff80_0020_0010)])];
    let trace = crate::resolve(report, &Default::default(), &Default::default());
    let text = text(&trace, Shown::default());
    assert!(
        text.contains("    kernel + 0x10 (0xffffff8000200010)"),
        "{text}"
    );
    assert!(
        text.contains("    kernel at 0xffffff8000200000, UUID 07070707-"),
        "{text}"
    );
}

#[test]
fn threads_that_each_wait_for_something_else_take_one_line() {
    let mut hang = Hang::default().process(1, "a");
    for id in 1..=9 {
        hang = hang
            .thread(id, &["kernel:f", "kernel:g"])
            .with(|thread| thread.wait_event = Some(Address(0x100 + id)));
    }
    let trace = hang.trace();
    let short = text(&trace, Shown::default());
    let line =
        "        each differs, the first waits for the event 0x101; --all tells the others\n";
    assert!(short.contains(line), "{short}");
    assert!(text(&trace, Shown::all()).contains("1 of them: waits for the event 0x109\n"));
}

#[test]
fn a_thread_that_panicked_inside_a_lock_was_said_to_wait_for_it() {
    let hang = Hang::default()
        .process(1, "a")
        .thread(
            1,
            &[
                "kernel:panic",
                "kernel:kernel_trap",
                "kernel:lck_mtx_lock",
                "kernel:f",
            ],
        )
        .panicked()
        .with(|thread| thread.state = None);
    let text = text(&hang.trace(), Shown::default());
    assert!(text.contains("panicked; at f (in kernel)\n"), "{text}");
}

#[test]
fn the_trap_into_the_debugger_was_taken_for_the_place_of_a_panic() {
    let names = [
        "panic_trap_to_debugger",
        "kdp_i386_trap",
        "kernel_trap",
        "trap_from_kernel",
        "os_reason_free",
    ];
    let frames = names.map(|name| format!("kernel:{name}"));
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let hang = Hang::default()
        .process(1, "a")
        .thread(1, &frames)
        .panicked();
    let text = text(&hang.trace(), Shown::default());
    assert!(text.contains("at os_reason_free (in kernel)\n"), "{text}");
}

#[test]
fn threads_without_a_stack_are_not_passed_over_in_silence() {
    let hang = Hang::default()
        .process(1, "a")
        .thread(1, &[])
        .with(|thread| thread.stacks.clear());
    let text = text(&hang.trace(), Shown::default());
    assert!(
        text.contains("Nothing to diagnose:\n    no stack of the 1 thread in the report"),
        "{text}"
    );
}

#[test]
fn a_place_in_the_nearest_image_below_is_said_to_be_uncertain() {
    let mut hang = Hang::default().process(1, "a").thread(1, &["kernel:f"]);
    hang.0.kernel.images = vec![LoadedImage {
        name: Some("AirPort".to_owned()),
        placements: vec![Placement::LoadedAt(Address(0x10_0000))],
        ..LoadedImage::new(ImageKind::Kext)
    }];
    let place = kstack_model::At::Absolute(Address(0x20_0000));
    let frame = &mut hang.0.processes[0].threads[0].stacks[0].frames[0];
    frame.at = place;
    let mut unnamed = Hang(hang.0.clone());
    unnamed.0.processes[0].threads[0].stacks[0].frames[0].said = None;
    let unnamed = text(&unnamed.trace(), Shown::default());
    assert!(
        unnamed.contains("at AirPort + 0x100000 (uncertain)\n"),
        "{unnamed}"
    );
    // The name that the report prints is the report's, wherever the nearest image lies.
    let named = text(&hang.trace(), Shown::default());
    assert!(!named.contains("(uncertain)"), "{named}");
}
