//! What binary stackshots say lands in the report: all of it, for every generation.

use kstack_model::{
    Address, Arch, At, Basis, Fact, FrameKind, ImageKind, Process, Report, Side, Stack, StackEnd,
    Uuid, Value,
};
use kstack_parse::{Limits, ParseErrorKind, parse};
use kstack_synth::legacy::{Generation, Kind, Task, Thread, Trace};

/// Fields that the report has a place for; all others are facts.
const TYPED: &[&str] = &[
    "pid",
    "p_comm",
    "thread_id",
    "pth_name",
    "state",
    "wait_event",
    "continuation",
    "nkern_frames",
    "nuser_frames",
    "nloadinfos",
    "donating_pid_count",
];

fn read(bytes: &[u8]) -> Vec<Report> {
    parse(bytes, &Limits::default()).expect("a stackshot")
}

fn read_one(bytes: &[u8]) -> Report {
    let mut reports = read(bytes);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn fact<'r>(facts: &'r [Fact], name: &str) -> Option<&'r Value> {
    let found = facts.iter().find(|fact| fact.name == name);
    found.map(|fact| &fact.value)
}

fn number(facts: &[Fact], name: &str) -> u64 {
    let (name, index) = match name.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse().unwrap()),
        None => (name, 0),
    };
    match fact(facts, name) {
        Some(Value::Number(value) | Value::Hex(value)) => *value,
        Some(Value::Signed(value)) => value.cast_unsigned() & 0xffff_ffff,
        Some(Value::List(values)) => values[index],
        other => panic!("{name} is {other:?}"),
    }
}

/// A value of its own for every field that takes a number.
fn distinct(generation: Generation, kind: Kind, but: &[&str]) -> Vec<(&'static str, u64)> {
    let slots = generation.slots(kind).iter().zip(1..);
    slots
        .filter(|((name, _, size), _)| *size <= 8 && !TYPED.contains(name) && !but.contains(name))
        .map(|((name, _, size), index)| {
            let mask = u64::MAX >> (64 - 8 * size);
            (*name, (0x8182_8384_8586_8700 + index) & mask)
        })
        .collect()
}

fn generations_with(kind: Kind) -> impl Iterator<Item = Generation> {
    Generation::ALL
        .into_iter()
        .filter(move |generation| generation.has(kind))
}

/// Frames whose return addresses jump about and whose frame pointers rise.
fn pairs(start: u64, count: u64) -> Vec<(u64, u64)> {
    (0..count)
        .map(|index| (start + 16 * (index * 700 % 1009), 0x1000 + 32 * index))
        .collect()
}

fn addresses(stack: &Stack) -> Vec<u64> {
    let address = |at: At| match at {
        At::Absolute(address) => address.0,
        At::InImage { .. } | At::Unknown => panic!("stackshots have addresses"),
    };
    stack.frames.iter().map(|frame| address(frame.at)).collect()
}

fn task(pid: i32) -> Task {
    Task {
        pid,
        name: format!("exampled{pid}"),
        is_wide: true,
        ..Task::default()
    }
}

fn thread(pid: i32, id: u64) -> Thread {
    Thread {
        pid,
        process: format!("exampled{pid}"),
        id,
        state: 0x9,
        is_kernel_wide: true,
        is_user_wide: true,
        kernel: pairs(0xffff_ff80_0020_0000, 3),
        user: pairs(0x1_0000_0000, 4),
        ..Thread::default()
    }
}

/// A trace of two processes with two threads each.
fn small(generation: Generation) -> Trace {
    let mut trace = Trace::new(generation);
    if generation.has(Kind::Memory) {
        trace = trace.memory(&[("free_pages", 77)]);
    }
    for pid in [0, 321] {
        if generation.has(Kind::Task) {
            trace = trace.task(&task(pid));
        }
        for id in 1..=2 {
            trace = trace.thread(&thread(pid, 16 * u64::from(pid.cast_unsigned()) + id));
        }
    }
    trace
}

fn shape(report: &Report) -> Vec<(Option<i32>, Vec<u64>)> {
    let threads = |process: &Process| process.threads.iter().filter_map(|one| one.id).collect();
    report
        .processes
        .iter()
        .map(|process| (process.pid, threads(process)))
        .collect()
}

fn assert_small(report: &Report) {
    let expected = [(Some(0), vec![1, 2]), (Some(321), vec![5137, 5138])];
    assert_eq!(shape(report), expected);
}

#[test]
fn every_generation_is_told_from_the_others() {
    let variants = Generation::ALL.map(|generation| {
        let report = read_one(&small(generation).build());
        assert_small(&report);
        assert_eq!(report.notes, []);
        assert_eq!(report.kernel.basis, Basis::Unslid);
        report.variant.unwrap()
    });
    assert_eq!(
        variants,
        [
            "G1, Mac OS X 10.5",
            "G2, Mac OS X 10.6.0 to 10.6.2",
            "G3, Mac OS X 10.6.3 to 10.6.8",
            "G4, Mac OS X 10.7",
            "G5, OS X 10.8",
            "G6, OS X 10.9",
            "G7, OS X 10.10",
            "G8, OS X 10.11",
        ]
    );
}

#[test]
fn every_field_of_a_memory_record_is_a_fact() {
    for generation in generations_with(Kind::Memory) {
        let values = distinct(generation, Kind::Memory, &[]);
        let trace = Trace::new(generation).memory(&values);
        let report = read_one(&trace.task(&task(1)).thread(&thread(1, 1)).build());
        assert_eq!(report.facts.len(), values.len());
        for (name, value) in values {
            assert_eq!(number(&report.facts, name), value, "{generation:?} {name}");
        }
    }
}

#[test]
fn every_field_of_a_task_record_lands_in_the_process() {
    for generation in generations_with(Kind::Task) {
        let values = distinct(generation, Kind::Task, &["ss_flags"]);
        let given = Task {
            flags: 0x50,
            donating_pids: vec![11, 12],
            values: values.clone(),
            ..task(321)
        };
        let trace = Trace::new(generation).task(&given).thread(&thread(321, 1));
        let process = &read_one(&trace.build()).processes[0];
        assert_eq!(process.pid, Some(321));
        assert_eq!(process.name.as_deref(), Some("exampled321"));
        assert_eq!(process.space.basis, Basis::Slid);
        assert_eq!(fact(&process.facts, "ss_flags"), Some(&Value::Hex(0x51)));
        for (name, value) in values {
            assert_eq!(number(&process.facts, name), value, "{generation:?} {name}");
        }
        let has_donors = matches!(generation, Generation::G7 | Generation::G8);
        assert_eq!(
            fact(&process.facts, "donating_pids"),
            has_donors.then_some(&Value::List(vec![11, 12]))
        );
    }
}

#[test]
fn every_field_of_a_thread_record_lands_in_the_thread() {
    for generation in Generation::ALL {
        let values = distinct(generation, Kind::Thread, &["ss_flags", "user64_p"]);
        let given = Thread {
            state: 0x8001,
            wait_event: 0x0876_5432,
            continuation: 0x0023_4567,
            name: "worker".into(),
            queue_serial: Some(99),
            values: values.clone(),
            ..thread(321, 0x0101)
        };
        let mut trace = Trace::new(generation);
        if generation.has(Kind::Task) {
            trace = trace.task(&task(321));
        }
        let process = &read_one(&trace.thread(&given).build()).processes[0];
        assert_eq!(process.pid, Some(321));
        assert_eq!(process.name.as_deref(), Some("exampled321"));
        let thread = &process.threads[0];
        assert_eq!(thread.id, Some(0x0101));
        assert_eq!(thread.state.unwrap().0, 0x8001);
        assert_eq!(thread.wait_event, Some(Address(0x0876_5432)));
        assert_eq!(thread.continuation, Some(Address(0x0023_4567)));
        let is_named = matches!(generation, Generation::G7 | Generation::G8);
        assert_eq!(thread.name.as_deref(), is_named.then_some("worker"));
        for (name, value) in values {
            assert_eq!(number(&thread.facts, name), value, "{generation:?} {name}");
        }
        if generation == Generation::G1 {
            assert_eq!(number(&thread.facts, "user64_p"), 1);
        } else {
            assert_eq!(fact(&thread.facts, "ss_flags"), Some(&Value::Hex(0x7)));
            assert_eq!(number(&thread.facts, "dispatch_queue_serial"), 99);
        }
    }
}

#[test]
fn zero_means_no_wait_event_no_continuation_and_no_name() {
    let trace = Trace::new(Generation::G7).task(&task(1));
    let report = read_one(&trace.thread(&thread(1, 1)).build());
    let thread = &report.processes[0].threads[0];
    assert_eq!(thread.wait_event, None);
    assert_eq!(thread.continuation, None);
    assert_eq!(thread.name, None);
}

#[test]
fn kernel_and_user_frames_have_widths_of_their_own() {
    let widths = [(false, false), (false, true), (true, false), (true, true)];
    for (generation, (is_kernel_wide, is_user_wide)) in Generation::ALL
        .into_iter()
        .flat_map(|generation| widths.map(|width| (generation, width)))
        .filter(|(generation, (kernel, _))| *generation != Generation::G1 || !kernel)
    {
        let given = Thread {
            is_kernel_wide,
            is_user_wide,
            kernel: pairs(0x0020_0000, 3),
            user: pairs(0x4000, 2),
            ..thread(1, 1)
        };
        let mut trace = Trace::new(generation);
        if generation.has(Kind::Task) {
            trace = trace.task(&task(1));
        }
        let report = read_one(&trace.thread(&given).thread(&thread(1, 2)).build());
        let stacks = &report.processes[0].threads[0].stacks;
        assert_eq!(stacks[0].side, Side::Kernel);
        assert_eq!(
            addresses(&stacks[0]),
            [0x0020_0000, 0x0020_2bc0, 0x0020_1870]
        );
        assert_eq!(stacks[1].side, Side::User);
        assert_eq!(addresses(&stacks[1]), [0x4000, 0x6bc0]);
        let arch = if is_kernel_wide {
            Arch::X86_64
        } else {
            Arch::I386
        };
        assert_eq!(report.machine.arch, Some(arch));
    }
}

#[test]
fn the_first_frame_of_each_stack_is_an_instruction_pointer() {
    let report = read_one(&small(Generation::G5).build());
    for stack in &report.processes[1].threads[0].stacks {
        let (first, others) = stack.frames.split_first().unwrap();
        assert_eq!(first.kind, FrameKind::InstructionPointer);
        assert!(
            others
                .iter()
                .all(|frame| frame.kind == FrameKind::ReturnAddress)
        );
        assert_eq!(others[0].frame_pointer.unwrap().get(), 0x1020);
        assert_eq!(stack.end, StackEnd::Complete);
    }
}

#[test]
fn a_powerpc_trace_is_read_in_its_own_byte_order() {
    let trace = Trace::new(Generation::G1).big_endian();
    let bytes = trace
        .thread(&thread(8, 0x1234))
        .thread(&thread(9, 0x5678))
        .build();
    assert_eq!(bytes[..4], [0xfe, 0xed, 0xfa, 0xce]);
    let report = read_one(&bytes);
    assert_eq!(report.machine.arch, Some(Arch::Ppc));
    assert_eq!(report.machine.os_version.as_deref(), Some("Mac OS X 10.5"));
    let expected = [(Some(8), vec![0x1234]), (Some(9), vec![0x5678])];
    assert_eq!(shape(&report), expected);
    let user = &report.processes[1].threads[0].stacks[1];
    assert_eq!(addresses(user)[..2], [0x1_0000_0000, 0x1_0000_2bc0]);
}

fn uuid(byte: u8) -> Uuid {
    Uuid::from_bytes([byte; 16])
}

#[test]
fn the_kernel_task_lists_the_kernel_and_its_kexts() {
    let kernel = Task {
        load_infos: vec![
            (0xffff_ff80_0020_0000, uuid(1)),
            (0xffff_ff7f_8070_0000, uuid(2)),
            (0xffff_ff7f_8080_0000, uuid(0)),
        ],
        ..task(0)
    };
    let trace = Trace::new(Generation::G6).task(&kernel);
    let report = read_one(&trace.thread(&thread(0, 1)).build());
    let images: Vec<_> = report
        .kernel
        .images
        .iter()
        .map(|image| (image.kind, image.load_address().unwrap().0, image.uuid))
        .collect();
    assert_eq!(
        images,
        [
            (ImageKind::Kernel, 0xffff_ff80_0020_0000, Some(uuid(1))),
            (ImageKind::Kext, 0xffff_ff7f_8070_0000, Some(uuid(2))),
            (ImageKind::Kext, 0xffff_ff7f_8080_0000, None),
        ]
    );
    assert_eq!(report.processes[0].space.images, []);
    assert_eq!(report.machine.arch, Some(Arch::X86_64));
}

#[test]
fn images_of_narrow_and_wide_tasks_lie_in_their_process() {
    for generation in generations_with(Kind::Task) {
        for is_wide in [false, true] {
            let given = Task {
                is_wide,
                load_infos: vec![(0x1000, uuid(3)), (0x8fe0_0000, uuid(4))],
                ..task(5)
            };
            let trace = Trace::new(generation).task(&given).thread(&thread(5, 1));
            let report = read_one(&trace.build());
            let images = &report.processes[0].space.images;
            let loaded: Vec<_> = images
                .iter()
                .filter_map(|image| image.load_address())
                .collect();
            assert_eq!(loaded, [Address(0x1000), Address(0x8fe0_0000)]);
            assert!(images.iter().all(|image| image.kind == ImageKind::User));
            assert_eq!(report.kernel.images, []);
        }
    }
}

#[test]
fn the_shared_cache_is_a_text_in_10_9_and_a_uuid_later() {
    let shared_cache = *b"dyld_v1  x86_64h";
    let given = Task {
        shared_cache,
        ..task(5)
    };
    let values = [Generation::G6, Generation::G7].map(|generation| {
        let trace = Trace::new(generation).task(&given).thread(&thread(5, 1));
        let report = read_one(&trace.build());
        fact(&report.processes[0].facts, "shared_cache_identifier").cloned()
    });
    assert_eq!(values[0], Some(Value::Text("dyld_v1  x86_64h".into())));
    assert_eq!(values[1], Some(Value::Uuid(Uuid::from_bytes(shared_cache))));
}

#[test]
fn traces_that_follow_one_another_are_reports_of_their_own() {
    for generation in Generation::ALL {
        let one = small(generation).build();
        let file = small(generation).raw(&one).raw(&one).zero_tail(100);
        let reports = read(&file.build());
        assert_eq!(reports.len(), 3, "{generation:?}");
        reports.iter().for_each(assert_small);
    }
}

#[test]
fn tasks_without_a_process_do_not_begin_another_trace() {
    let gone = Task {
        flags: 0x8,
        ..task(-1)
    };
    let trace = small(Generation::G5)
        .task(&gone)
        .thread(&thread(0, 90))
        .task(&gone)
        .thread(&thread(0, 91));
    assert_eq!(read_one(&trace.build()).processes.len(), 4);
}

#[test]
fn a_tail_of_zeros_is_no_news() {
    for generation in Generation::ALL {
        for zeros in [1, 3, 4, 7, 8, 4096] {
            let report = read_one(&small(generation).zero_tail(zeros).build());
            assert_small(&report);
            assert_eq!(report.notes, [], "{generation:?}");
        }
    }
}

#[test]
fn a_task_whose_load_information_was_unreadable_ends_the_trace() {
    let last = Task {
        values: vec![("nloadinfos", 12)],
        ..task(400)
    };
    for zeros in [0, 1000] {
        let trace = small(Generation::G3).task(&last).zero_tail(zeros);
        let report = read_one(&trace.build());
        assert_eq!(report.processes.len(), 3);
        assert_eq!(report.processes[2].space.images, []);
        assert_eq!(
            report.notes[0].text,
            "task record cut: 0 of 12 images and 0 of 0 donating pids are there"
        );
    }
}

#[test]
fn stale_bytes_after_the_end_are_reported() {
    for generation in Generation::ALL {
        let report = read_one(&small(generation).raw(&[0x5a; 30]).build());
        assert_small(&report);
        assert_eq!(report.notes.len(), 1);
        assert_eq!(
            report.notes[0].text,
            "30 bytes left: they belong to no record of this trace"
        );
    }
}

#[test]
fn a_record_after_a_gap_is_found_again() {
    for generation in Generation::ALL {
        let mut trace = small(generation).raw(&[0x5a; 33]);
        if generation.has(Kind::Task) {
            trace = trace.task(&task(400));
        }
        let report = read_one(&trace.thread(&thread(400, 7)).build());
        assert_eq!(shape(&report)[2], (Some(400), vec![7]), "{generation:?}");
        assert_eq!(
            report.notes[0].text,
            "33 bytes skipped: no record starts here"
        );
    }
}

#[test]
fn threads_whose_task_record_is_lost_are_not_given_to_another() {
    let trace = small(Generation::G5).raw(&[0x5a; 33]);
    let report = read_one(&trace.thread(&thread(0, 7)).build());
    assert_eq!(shape(&report)[2], (None, vec![7]));
    assert_eq!(
        report.notes[1].text,
        "the task record of the threads from here on is missing"
    );
}

#[test]
fn a_damaged_frame_count_costs_one_thread() {
    for generation in Generation::ALL {
        let damaged = Thread {
            values: vec![("nuser_frames", 900)],
            ..thread(321, 3)
        };
        let trace = small(generation).thread(&damaged);
        let trace = trace.thread(&thread(321, 4)).thread(&thread(321, 5));
        let report = read_one(&trace.build());
        let threads = report.processes.iter().flat_map(|one| &one.threads);
        let ids: Vec<_> = threads.filter_map(|thread| thread.id).collect();
        assert_eq!(ids, [1, 2, 5137, 5138, 3, 4, 5], "{generation:?}");
        assert_eq!(
            report.notes[0].text,
            "thread record cut: 3 of 3 kernel frames and 4 of 900 user frames are there"
        );
    }
}

fn long(id: u64, kernel: u64, user: u64, dangling: (bool, bool)) -> Thread {
    Thread {
        kernel: pairs(0xffff_ff80_0020_0000, kernel),
        kernel_dangling: dangling.0.then_some(0xffff_ff80_0077_7777),
        user: pairs(0x1_0000_0000, user),
        user_dangling: dangling.1.then_some(0x1_0077_7777),
        ..thread(1, id)
    }
}

fn assert_long(report: &Report, index: usize, kernel: u64, user: u64) {
    let expected = |start, count| -> Vec<u64> {
        let pairs = pairs(start, count);
        pairs.iter().map(|(address, _)| *address).collect()
    };
    let stacks = &report.processes[0].threads[index].stacks;
    let is_kernel = addresses(&stacks[0]) == expected(0xffff_ff80_0020_0000, kernel);
    assert!(is_kernel, "kernel frames of thread {index}");
    let is_user = addresses(&stacks[1]) == expected(0x1_0000_0000, user);
    assert!(is_user, "user frames of thread {index}");
}

const EACH: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

#[test]
fn an_uncounted_word_after_a_full_stack_is_stepped_over() {
    for generation in generations_with(Kind::Task) {
        for dangling in EACH {
            for zeros in [0, 50] {
                let full = long(1, 1000, 1000, dangling);
                let trace = Trace::new(generation).task(&task(1)).thread(&full);
                let trace = trace.thread(&thread(1, 2));
                let trace = trace.thread(&Thread { id: 3, ..full });
                let report = read_one(&trace.zero_tail(zeros).build());
                assert_eq!(report.notes, [], "{generation:?} {dangling:?} {zeros}");
                assert_eq!(shape(&report), [(Some(1), vec![1, 2, 3])]);
                assert_long(&report, 0, 1000, 1000);
                assert_long(&report, 2, 1000, 1000);
                let stacks = &report.processes[0].threads[0].stacks;
                assert!(stacks.iter().all(|stack| stack.end == StackEnd::Truncated));
            }
        }
    }
}

#[test]
fn early_generations_have_a_frame_limit_of_their_own() {
    for dangling in EACH {
        for zeros in [0, 50] {
            let full = long(1, 20, 20, dangling);
            let short = long(2, 8, 20, (false, dangling.1));
            let trace = Trace::new(Generation::G2).thread(&full).thread(&short);
            let trace = trace.thread(&thread(1, 3));
            let trace = trace.thread(&Thread { id: 4, ..short });
            let report = read_one(&trace.zero_tail(zeros).build());
            assert_eq!(report.notes, [], "{dangling:?} {zeros}");
            assert_eq!(shape(&report), [(Some(1), vec![1, 2, 3, 4])]);
            assert_long(&report, 0, 20, 20);
            assert_long(&report, 1, 8, 20);
            assert_long(&report, 3, 8, 20);
            let stacks = &report.processes[0].threads[0].stacks;
            let is_cut = |side: usize| stacks[side].end == StackEnd::Truncated;
            assert_eq!((is_cut(0), is_cut(1)), dangling);
        }
    }
}

#[test]
fn a_full_stack_that_the_file_cuts_keeps_its_alignment() {
    let full = long(1, 1000, 1000, (true, true));
    let trace = Trace::new(Generation::G5).task(&task(1));
    let mut bytes = trace.thread(&thread(1, 9)).thread(&full).build();
    bytes.truncate(bytes.len() - 8 - 16);
    assert_long(&read_one(&bytes), 1, 1000, 999);
    bytes.truncate(bytes.len() - 15_000);
    assert_long(&read_one(&bytes), 1, 1000, 61);
}

#[test]
fn a_flag_of_10_11_says_that_a_stack_is_cut() {
    let expected = [
        (Generation::G7, StackEnd::Complete),
        (Generation::G8, StackEnd::Truncated),
    ];
    for (generation, end) in expected {
        let flagged = Thread {
            flags: 0x80,
            ..thread(1, 1)
        };
        let trace = Trace::new(generation).task(&task(1)).thread(&flagged);
        let report = read_one(&trace.thread(&thread(1, 2)).build());
        let threads = &report.processes[0].threads;
        assert_eq!(threads[0].stacks[0].end, end);
        assert_eq!(threads[1].stacks[0].end, StackEnd::Complete);
    }
}

#[test]
fn a_tie_between_generations_goes_to_the_older_and_is_told() {
    // The last frame pointer is zero and so is the tail: two record sizes fit.
    let alone = Thread {
        kernel: Vec::new(),
        user: vec![(0x4000, 0)],
        ..thread(1, 1)
    };
    let trace = Trace::new(Generation::G8).memory(&[]).task(&task(1));
    let report = read_one(&trace.thread(&alone).zero_tail(64).build());
    assert_eq!(report.variant.as_deref(), Some("G7, OS X 10.10"));
    assert_eq!(
        report.notes[0].text,
        "the records fit G7 and G8 alike; read as the older"
    );
}

#[test]
fn a_10_8_thread_of_priority_31_is_not_taken_for_one_of_10_7() {
    let usual = Thread {
        values: vec![("sched_pri", 31)],
        ..thread(5, 1)
    };
    let trace = Trace::new(Generation::G5).task(&task(5)).thread(&usual);
    let report = read_one(&trace.thread(&Thread { id: 2, ..usual }).build());
    assert_eq!(report.variant.as_deref(), Some("G5, OS X 10.8"));
    assert_eq!(report.notes, []);
}

#[test]
fn limits_end_the_reading_with_a_note() {
    let bytes = small(Generation::G5).build();
    let defaults = Limits::default();
    let few_items = Limits {
        items: 4,
        ..defaults
    };
    let few_frames = Limits {
        frames: 8,
        ..defaults
    };
    for (limits, what, threads) in [(few_items, "items", 2), (few_frames, "frames", 1)] {
        let report = &parse(&bytes, &limits).unwrap()[0];
        let counts = report.processes.iter().map(|one| one.threads.len());
        assert_eq!(counts.sum::<usize>(), threads);
        assert_eq!(
            report.notes[0].text,
            format!("reading stopped here: the limit of {what} is reached")
        );
    }
}

fn refusal(bytes: &[u8]) -> String {
    let error = parse(bytes, &Limits::default()).expect_err("not a stackshot");
    assert!(matches!(error.kind, ParseErrorKind::Unrecognised { .. }));
    error.to_string()
}

#[test]
fn microstackshots_are_not_taken_for_a_trace() {
    let mut bytes = vec![0x11, 0x40, 0xc5, 0x31];
    bytes.resize(500, 1);
    assert!(refusal(&bytes).contains("close to microstackshot"));
}

#[test]
fn a_32_bit_macho_is_not_a_trace() {
    let words: [u32; 9] = [0xfeed_face, 7, 3, 2, 1, 56, 0x85, 1, 56];
    let little: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let big: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    for mut bytes in [little, big] {
        bytes.resize(4096, 0);
        assert!(refusal(&bytes).contains("this is a 32-bit Mach-O"));
    }
}

#[test]
fn a_magic_alone_is_not_a_trace() {
    let magics = [0xfeed_face_u32, 0xcefa_edfe, 0xdeca_fbad, 0xbfca_bcde];
    for magic in magics {
        for filler in [0, 0x41, 0xff] {
            for length in [4, 5, 70, 1000] {
                let mut bytes = magic.to_le_bytes().to_vec();
                bytes.resize(length, filler);
                assert!(refusal(&bytes).contains("no whole thread record is"));
            }
        }
    }
}
