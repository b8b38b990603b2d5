//! Threads and their stacks.

use kstack_model::{Address, FrameKind, Side, StackEnd, Value};
use kstack_synth::kcdata::{self, Buffer};

use super::{
    ARM, INTEL, KERNEL, addresses, fact, frames, one_thread, only_thread, report, undamaged,
};

#[test]
fn the_first_kernel_frame_is_an_instruction_pointer_on_intel_and_a_return_address_on_arm() {
    let stack =
        |thread: Buffer| thread.array(0x914, &kcdata::words(&[0xffff_ff80_0021_0000, 0x20]));
    let kinds = |version| {
        let report = report(&one_thread(version, stack).end());
        frames(only_thread(&report), Side::Kernel)
            .into_iter()
            .map(|(_, kind)| kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(INTEL),
        [FrameKind::InstructionPointer, FrameKind::ReturnAddress]
    );
    assert_eq!(
        kinds(ARM),
        [FrameKind::ReturnAddress, FrameKind::ReturnAddress]
    );
    // Without a version line the address shows an Intel kernel.
    assert_eq!(
        kinds("?"),
        [FrameKind::InstructionPointer, FrameKind::ReturnAddress]
    );
}

#[test]
fn a_user_stack_begins_with_the_program_counter_and_an_asynchronous_one_does_not() {
    let report = undamaged(one_thread(ARM, |thread| {
        thread
            .array(0x916, &kcdata::words(&[0x1000, 0x2000]))
            .item(0x932, &1_u32.to_le_bytes())
            .array(0x933, &kcdata::words(&[0x3000]))
    }));
    let thread = only_thread(&report);
    assert_eq!(
        frames(thread, Side::User),
        [
            (0x1000, FrameKind::InstructionPointer),
            (0x2000, FrameKind::ReturnAddress)
        ]
    );
    assert_eq!(
        frames(thread, Side::UserAsync),
        [(0x3000, FrameKind::ReturnAddress)]
    );
    assert_eq!(
        fact(&thread.facts, "user_async_start_index"),
        Some(&Value::Number(1))
    );
}

#[test]
fn every_form_of_frame_is_read() {
    let narrow = [[0x10_u32, 0x99].map(u32::to_le_bytes).concat()];
    let report = report(
        &one_thread("x/RELEASE_I386_", |thread| {
            thread
                .array(0x90a, &narrow)
                .array(0x90b, &kcdata::pairs(&[(0x20, 0)]))
                .array(0x913, &kcdata::half_words(&[0x30]))
                .array(0x914, &kcdata::words(&[0x40]))
                .array(0x90c, &narrow)
                .array(0x90d, &kcdata::pairs(&[(0x50, 0x60)]))
                .array(0x915, &kcdata::half_words(&[0x70]))
                .array(0x916, &kcdata::words(&[0x80]))
                .item(0x909, b"txg_sync\0")
                .text(0x928, "org.example.queue")
        })
        .end(),
    );
    let thread = only_thread(&report);
    assert_eq!(addresses(thread, Side::Kernel), [0x10, 0x20, 0x30, 0x40]);
    assert_eq!(addresses(thread, Side::User), [0x10, 0x50, 0x70, 0x80]);
    let pointers: Vec<_> = thread.stacks[1]
        .frames
        .iter()
        .map(|frame| frame.frame_pointer.map(u64::from))
        .collect();
    assert_eq!(pointers, [Some(0x99), Some(0x60), None, None]);
    assert_eq!(thread.name.as_deref(), Some("txg_sync"));
    assert_eq!(thread.queue.as_deref(), Some("org.example.queue"));
}

#[test]
fn thread_records_are_read_at_whatever_size_they_have() {
    let record = kcdata::Thread {
        id: 9,
        state: 0x9,
        flags: 0x800,
        wait_event: 0xabc,
        continuation: KERNEL + 0x40,
        priority: 81,
    }
    .record();
    let grown = [record.clone(), vec![0xff; 24]].concat();
    let has = |record: &[u8]| {
        let report = report(&one_thread(INTEL, |thread| thread.item(0x906, record)).end());
        let thread = only_thread(&report).clone();
        assert_eq!(thread.state.unwrap().0, 0x9);
        assert_eq!(thread.wait_event, Some(Address(0xabc)));
        assert_eq!(thread.continuation, Some(Address(KERNEL + 0x40)));
        assert_eq!(
            fact(&thread.facts, "ths_base_priority"),
            Some(&Value::Signed(81))
        );
        assert_eq!(
            fact(&thread.facts, "ths_ss_flags"),
            Some(&Value::Hex(0x800))
        );
        (
            fact(&thread.facts, "ths_thread_t").is_some(),
            fact(&thread.facts, "ths_requested_policy").is_some(),
        )
    };
    assert_eq!(has(&record[..104]), (false, false));
    assert_eq!(has(&record[..112]), (true, false));
    assert_eq!(has(&record), (true, true));
    assert_eq!(has(&grown), (true, true));
}

#[test]
fn a_stackshot_of_10_11_has_old_arrays_and_padding_that_is_not_recorded() {
    let record = kcdata::Thread {
        id: 9,
        ..Default::default()
    }
    .record();
    let bytes = Buffer::old_stackshot()
        .task(0, |task| {
            task.array(0x31, &[kcdata::load_info(KERNEL, [1; 16])])
                .thread(9, |thread| {
                    thread
                        .item(0x906, &record[..104])
                        .array(0x90b, &kcdata::pairs(&[(KERNEL, 1)]))
                })
        })
        .end();
    let report = report(&bytes);
    assert_eq!(report.notes, []);
    assert_eq!(report.kernel.images.len(), 1);
    assert_eq!(addresses(only_thread(&report), Side::Kernel), [KERNEL]);
    assert_eq!(fact(&only_thread(&report).facts, "ths_thread_t"), None);
}

#[test]
fn threads_that_a_delta_lists_as_unchanged_are_there_without_stacks() {
    let record = kcdata::Thread {
        id: 9,
        state: 1,
        ..Default::default()
    }
    .delta_record();
    let bytes = Buffer::delta()
        .item(0x912, &4242_u64.to_le_bytes())
        .task(5, |task| task.array(0x941, &[&record[..48], &record[..48]]))
        .end();
    let report = report(&bytes);
    assert_eq!(report.variant.as_deref(), Some("delta"));
    assert_eq!(report.processes[0].threads.len(), 2);
    assert_eq!(report.processes[0].threads[0].state.unwrap().0, 1);
    let note = &report.notes[0].text;
    assert!(
        note.contains("at tick 4242") && note.contains("(2, in 1 processes)"),
        "{note}"
    );
}

#[test]
fn a_backtrace_that_the_kernel_cut_is_truncated() {
    let ends = |flags| {
        let record = kcdata::Thread {
            id: 9,
            flags,
            ..Default::default()
        }
        .record();
        let report = report(
            &one_thread(INTEL, |thread| {
                let thread = thread
                    .item(0x906, &record)
                    .array(0x914, &kcdata::words(&[1]));
                thread.array(0x916, &kcdata::words(&[2]))
            })
            .end(),
        );
        only_thread(&report)
            .stacks
            .iter()
            .map(|stack| stack.end)
            .collect::<Vec<_>>()
    };
    assert_eq!(ends(0x8080), [StackEnd::Unknown, StackEnd::Truncated]);
    assert_eq!(ends(0x4080), [StackEnd::Truncated, StackEnd::Unknown]);
    assert_eq!(ends(0x80), [StackEnd::Unknown, StackEnd::Unknown]);
}

#[test]
fn a_zero_ends_a_user_stack_and_is_a_frame_of_a_kernel_stack() {
    let report = report(
        &one_thread(INTEL, |thread| {
            thread
                .array(0x914, &kcdata::words(&[KERNEL, 0]))
                .array(0x916, &kcdata::words(&[0x1000, 0x2000, 0]))
        })
        .end(),
    );
    let thread = only_thread(&report);
    assert_eq!(addresses(thread, Side::Kernel), [KERNEL, 0]);
    assert_eq!(addresses(thread, Side::User), [0x1000, 0x2000]);
    let ends: Vec<_> = thread.stacks.iter().map(|stack| stack.end).collect();
    assert_eq!(ends, [StackEnd::Unknown, StackEnd::Complete]);
}

#[test]
fn frames_narrower_than_their_type_are_left_out_and_told() {
    let bytes = one_thread(INTEL, |thread| {
        thread.array(0x914, &kcdata::half_words(&[1, 2]))
    })
    .end();
    let report = report(&bytes);
    assert_eq!(only_thread(&report).stacks, []);
    let note = "arrays left out because their numbers do not fit their size: 1";
    assert_eq!(report.notes[0].text, note);
}
