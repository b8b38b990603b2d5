//! Processes, their waits, and the machine.

use kstack_model::{Arch, PortLabelId, Value, WaitsFor};
use kstack_synth::kcdata::{self, Buffer};

use super::{ARM, fact, report, undamaged};

#[test]
fn waits_turnstiles_and_port_labels_belong_to_their_process() {
    let report = undamaged(Buffer::stackshot().task(501, |task| {
        task.item(0x905, &kcdata::task_snapshot(501, 77, "zed"))
            .array(
                0x91d,
                &[
                    kcdata::wait_info(9, 0x1, 10, 0),
                    kcdata::wait_info(11, 0x4, 78, 3),
                ],
            )
            .array(0x929, &[kcdata::turnstile(9, 12, 0x8, 2)])
            .container(0x934, 3, |label| {
                label
                    .item(0x935, &[3, 0, 2, 0, 1])
                    .text(0x936, "org.example.service")
            })
    }));
    let process = &report.processes[0];
    let owners: Vec<_> = process
        .waits
        .iter()
        .map(|wait| (wait.waiter, wait.waits_for()))
        .collect();
    assert_eq!(
        owners,
        [(9, WaitsFor::Thread(10)), (11, WaitsFor::Process(78))]
    );
    assert_eq!(process.waits[1].port_label, PortLabelId::Id(3));
    assert_eq!(process.turnstiles[0].waits_for(), WaitsFor::Thread(12));
    assert_eq!(process.turnstiles[0].hops, 2);
    let label = &process.port_labels[0];
    assert_eq!((label.id, label.flags, label.domain), (3, 2, 1));
    assert_eq!(label.name.as_deref(), Some("org.example.service"));
}

#[test]
fn the_first_form_of_wait_records_has_no_port_label() {
    let wait = &kcdata::wait_info(9, 0x12, 10, 3)[..25];
    let turnstile = &kcdata::turnstile(9, 10, 0x8, 1)[..26];
    let report = undamaged(Buffer::stackshot().task(501, |task| {
        task.array(0x91d, &[wait]).array(0x929, &[turnstile])
    }));
    assert_eq!(report.processes[0].waits[0].port_label, PortLabelId::None);
    assert_eq!(report.processes[0].turnstiles[0].flags, 0x8);
}

#[test]
fn what_is_said_of_the_machine_has_its_places() {
    let report = undamaged(
        Buffer::stackshot()
            .named_u32("stackshot_in_flags", 0x10)
            .text(0x90e, "keepsyms=1")
            .text(0x90f, ARM)
            .text(0x947, "99A123")
            .item(0x32, &[125_u32.to_le_bytes(), 3_u32.to_le_bytes()].concat())
            .item(0x35, &951_782_400_000_000_u64.to_le_bytes()),
    );
    let machine = &report.machine;
    assert_eq!(machine.arch, Some(Arch::Arm64));
    assert_eq!(machine.kernel_version.as_deref(), Some(ARM));
    assert_eq!(machine.os_build.as_deref(), Some("99A123"));
    assert_eq!(machine.boot_args.as_deref(), Some("keepsyms=1"));
    assert_eq!(
        machine.captured_at.as_deref(),
        Some("2000-02-29 00:00:00.000000 UTC")
    );
    assert_eq!(
        fact(&report.facts, "mach_timebase_info.numer"),
        Some(&Value::Number(125))
    );
    assert_eq!(
        fact(&report.facts, "stackshot_in_flags"),
        Some(&Value::Hex(0x10))
    );
}

#[test]
fn a_process_in_the_middle_of_an_exec_has_its_pid_without_the_sign() {
    let bytes = Buffer::stackshot().task(5, |task| {
        task.item(0x905, &kcdata::task_snapshot(5, -77, "sh"))
    });
    let report = undamaged(bytes);
    assert_eq!(report.processes[0].pid, Some(77));
    assert_eq!(
        fact(&report.processes[0].facts, "ts_pid"),
        Some(&Value::Signed(-77))
    );
}

#[test]
fn an_exiting_process_is_a_process() {
    let mut record = vec![0; 60];
    record[24..28].copy_from_slice(&88_i32.to_le_bytes());
    record[28..32].copy_from_slice(b"make");
    let report = undamaged(Buffer::stackshot().container(0x931, 6, |task| {
        task.item(0x930, &record).thread(9, |thread| thread)
    }));
    assert_eq!(report.processes[0].pid, Some(88));
    assert_eq!(report.processes[0].name.as_deref(), Some("make"));
    assert_eq!(report.processes[0].threads.len(), 1);
}

#[test]
fn exclaves_are_facts_with_their_path() {
    let report = report(
        &Buffer::stackshot()
            .task(0, |task| {
                task.thread(9, |thread| {
                    thread.item(0x948, &[5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0])
                })
            })
            .container(0x949, 0, |exclaves| {
                exclaves.container(0x94a, 5, |result| {
                    result.container(0x94c, 0, |entry| {
                        entry.array(0x94e, &kcdata::words(&[0x10, 0x20]))
                    })
                })
            })
            .end(),
    );
    let path = "threads_exclave[0].thread_exclave[5].exclave_ipcstackentry[0].secure_ecstack_entry";
    assert_eq!(
        fact(&report.facts, path),
        Some(&Value::List(vec![0x10, 0x20]))
    );
    assert_eq!(
        fact(&report.processes[0].threads[0].facts, "tei_scid"),
        Some(&Value::Number(5))
    );
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text.contains("exclaves: 1"))
    );
}

#[test]
fn a_list_that_comes_in_several_items_is_one_fact() {
    let some = |ids: &[u64]| kcdata::words(ids);
    let report = undamaged(
        Buffer::stackshot()
            .array(0x918, &some(&[1, 2]))
            .array(0x918, &some(&[3])),
    );
    assert_eq!(report.facts.len(), 1);
    assert_eq!(
        fact(&report.facts, "nonrunnable_tasks"),
        Some(&Value::List(vec![1, 2, 3]))
    );
}

#[test]
fn an_array_whose_numbers_do_not_fit_is_left_out_and_told() {
    let buffer = Buffer::stackshot().task(5, |task| task.raw(0x20, 16, 0x91d << 32 | 3, &[1; 16]));
    let report = report(&buffer.end());
    assert_eq!(report.processes[0].waits, []);
    let note = "arrays left out because their numbers do not fit their size: 1";
    assert_eq!(report.notes[0].text, note);
}
