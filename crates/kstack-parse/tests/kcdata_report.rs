//! What reports say of kcdata stackshots built for the purpose.

use kstack_model::{
    Address, Arch, At, Basis, FrameKind, ImageKind, Placement, PortLabelId, Process, Report, Side,
    Slide, SlideOf, StackEnd, Thread, Value, WaitsFor,
};
use kstack_parse::{Limits, parse};
use kstack_synth::kcdata::{self, Buffer};

const KERNEL: u64 = 0xffff_ff80_0020_0000;
const KEXT: u64 = 0xffff_ff7f_80e4_a000;
const INTEL: &str = "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_X86_64";
const ARM: &str = "Darwin Kernel Version 99.1.0: root:xnu-9999~1/RELEASE_ARM64_T9999";

fn reports(bytes: &[u8]) -> Vec<Report> {
    parse(bytes, &Limits::default()).unwrap()
}

fn report(bytes: &[u8]) -> Report {
    let mut reports = reports(bytes);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn undamaged(buffer: Buffer) -> Report {
    let report = report(&buffer.end());
    assert_eq!(report.notes, []);
    report
}

fn only_thread(report: &Report) -> &Thread {
    let [Process { threads, .. }] = report.processes.as_slice() else {
        panic!("{} processes", report.processes.len());
    };
    let [thread] = threads.as_slice() else {
        panic!("{} threads", threads.len());
    };
    thread
}

/// One user process with one thread.
fn one_thread(version: &str, content: impl FnOnce(Buffer) -> Buffer) -> Buffer {
    Buffer::stackshot().text(0x90f, version).task(501, |task| {
        task.item(0x905, &kcdata::task_snapshot(501, 77, "zpool"))
            .thread(9, content)
    })
}

fn fact<'a>(facts: &'a [kstack_model::Fact], name: &str) -> Option<&'a Value> {
    facts
        .iter()
        .find(|fact| fact.name == name)
        .map(|fact| &fact.value)
}

fn frames(thread: &Thread, side: Side) -> Vec<(u64, FrameKind)> {
    let stacks = thread.stacks.iter().filter(|stack| stack.side == side);
    let frames = stacks.flat_map(|stack| &stack.frames);
    frames
        .map(|frame| match frame.at {
            At::Absolute(Address(address)) => (address, frame.kind),
            At::InImage { .. } => panic!("kcdata frames are absolute"),
        })
        .collect()
}

fn addresses(thread: &Thread, side: Side) -> Vec<u64> {
    frames(thread, side)
        .into_iter()
        .map(|(address, _)| address)
        .collect()
}

#[test]
fn kernel_and_kexts_are_unslid_images_of_the_kernel_space() {
    let list = [
        kcdata::load_info(KERNEL, [1; 16]),
        kcdata::load_info(KEXT, [2; 16]),
    ];
    let report = undamaged(Buffer::stackshot().task(0, |task| {
        task.item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
            .array(0x31, &list)
    }));
    assert_eq!(report.kernel.basis, Basis::Unslid);
    let kinds: Vec<_> = report
        .kernel
        .images
        .iter()
        .map(|image| image.kind)
        .collect();
    assert_eq!(kinds, [ImageKind::Kernel, ImageKind::Kext]);
    assert_eq!(report.kernel.images[1].load_address(), Some(Address(KEXT)));
    assert_eq!(report.kernel.images[1].uuid.unwrap().as_bytes(), &[2; 16]);
    assert_eq!(report.processes[0].space.images, []);
}

#[test]
fn a_text_exec_list_places_segments_and_joins_the_list_of_headers() {
    let headers = [kcdata::load_info(0xffff_fe00_0700_4000, [1; 16])];
    let texts = [
        kcdata::load_info(0xffff_fe00_0810_0000, [1; 16]),
        kcdata::load_info(0xffff_fe00_0950_0000, [2; 16]),
    ];
    let report = undamaged(
        Buffer::stackshot().task(0, |task| task.array(0x31, &headers).array(0x92e, &texts)),
    );
    let text_exec = |address| Placement::SegmentAt {
        segment: "__TEXT_EXEC".to_owned(),
        address: Address(address),
    };
    let [kernel, kext] = report.kernel.images.as_slice() else {
        panic!()
    };
    let header = Placement::LoadedAt(Address(0xffff_fe00_0700_4000));
    assert_eq!(
        kernel.placements,
        [header, text_exec(0xffff_fe00_0810_0000)]
    );
    assert_eq!(kext.placements, [text_exec(0xffff_fe00_0950_0000)]);
    assert_eq!(kext.kind, ImageKind::Kext);
}

#[test]
fn the_address_of_a_kernel_collection_places_nothing() {
    let collection = kcdata::load_info(0xffff_fe00_0000_0000, [3; 16]);
    let report = undamaged(Buffer::stackshot().task(0, |task| task.item(0x91c, &collection)));
    let [image] = report.kernel.images.as_slice() else {
        panic!()
    };
    assert_eq!(
        (image.kind, image.placements.len()),
        (ImageKind::KernelCollection, 0)
    );
    let stated = fact(
        &report.processes[0].facts,
        "kernelcache_load_info.imageLoadAddress",
    );
    assert_eq!(stated, Some(&Value::Hex(0xffff_fe00_0000_0000)));
}

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
fn each_process_has_the_shared_cache_that_its_flags_name() {
    let cache = |id: u32, slide: u64, flags: u32| {
        let header = 0x1_8000_0000 + slide;
        let words = [
            slide.to_le_bytes(),
            [id as u8; 8],
            [id as u8; 8],
            [0; 8],
            header.to_le_bytes(),
        ]
        .concat();
        [
            words,
            id.to_le_bytes().to_vec(),
            flags.to_le_bytes().to_vec(),
        ]
        .concat()
    };
    let task = |buffer: Buffer, pid: i32, flags: u64, id: Option<u32>| {
        buffer.task(pid as u64, |task| {
            let mut record = kcdata::task_snapshot(pid as u64, pid, "a");
            record[8..16].copy_from_slice(&flags.to_le_bytes());
            let task = task.item(0x905, &record);
            match id {
                Some(id) => task.item(0x945, &id.to_le_bytes()),
                None => task,
            }
        })
    };
    let buffer = Buffer::stackshot()
        .container(0x942, 1, |c| {
            c.item(0x943, &cache(1, 0x4000, 1))
                .array(0x927, &[kcdata::load_info(0x1_8000_1000, [9; 16])])
        })
        .container(0x942, 2, |c| c.item(0x943, &cache(2, 0x8000, 0)));
    let buffer = task(buffer, 10, 0x4000_0000, None);
    let buffer = task(buffer, 11, 0x8000_0000, Some(2));
    let report = undamaged(task(buffer, 12, 0x2000_0000, None));
    let slides: Vec<_> = report
        .processes
        .iter()
        .map(|process| process.space.slides.clone())
        .collect();
    assert_eq!(
        slides,
        [
            vec![(SlideOf::SharedCache, Slide(0x4000))],
            vec![(SlideOf::SharedCache, Slide(0x8000))],
            vec![]
        ]
    );
    let image = &report.processes[0].space.images[0];
    assert_eq!(
        (image.kind, image.load_address()),
        (ImageKind::SharedCache, Some(Address(0x1_8000_4000)))
    );
    assert_eq!(report.shared_caches.len(), 2);
    assert_eq!(report.shared_caches[0].images.len(), 1);
}

#[test]
fn an_old_kernel_states_the_slide_of_the_shared_cache_as_a_load_address() {
    let system = [0x7000_u64.to_le_bytes().to_vec(), vec![8; 16]].concat();
    let report = undamaged(Buffer::stackshot().item(0x908, &system).task(5, |task| {
        task.item(0x905, &kcdata::task_snapshot(5, 5, "a"))
    }));
    let space = &report.processes[0].space;
    assert_eq!(space.slides, [(SlideOf::SharedCache, Slide(0x7000))]);
    assert_eq!(space.images[0].placements, []);
}

#[test]
fn a_list_of_images_that_the_kernel_could_not_read_is_told() {
    let list = [kcdata::load_info(0x1000, [1; 16]), vec![0; 24], vec![0; 24]];
    let bytes = Buffer::stackshot()
        .task(5, |task| {
            task.item(0x905, &kcdata::task_snapshot(5, 5, "zed"))
                .array(0x31, &list)
        })
        .end();
    let report = report(&bytes);
    assert_eq!(report.processes[0].space.images.len(), 1);
    assert_eq!(
        report.notes[0].text,
        "2 images of zed (5) are not known: the kernel could not read the list"
    );
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
fn unknown_tags_are_noted_once_and_cost_nothing_else() {
    let bytes = one_thread(INTEL, |thread| {
        thread
            .item(0x9ee, b"?")
            .item(0x9ee, b"!")
            .array(0x916, &kcdata::words(&[1]))
    });
    let report = report(&bytes.end());
    assert_eq!(addresses(only_thread(&report), Side::User), [1]);
    assert!(
        report.notes[0].text.ends_with("0x9ee (2)"),
        "{}",
        report.notes[0]
    );
}

#[test]
fn several_buffers_in_one_file_are_several_reports() {
    let one = one_thread(INTEL, |thread| thread.array(0x916, &kcdata::words(&[1]))).end();
    let file = [
        one.clone(),
        vec![0; 40],
        Buffer::delta().end(),
        one.clone(),
        Buffer::stackshot().compressed(),
    ]
    .concat();
    let variants: Vec<_> = reports(&file)
        .into_iter()
        .map(|report| report.variant.unwrap())
        .collect();
    assert_eq!(variants, ["full", "delta", "full", "full, compressed"]);
}

#[test]
fn a_compressed_buffer_says_the_same_as_a_plain_one() {
    let buffer = || {
        one_thread(INTEL, |thread| {
            thread.array(0x914, &kcdata::words(&[KERNEL; 9000]))
        })
    };
    let plain = undamaged_but_without_kernel(&buffer().end());
    let mut packed = undamaged_but_without_kernel(&buffer().compressed());
    assert_eq!(packed.variant.as_deref(), Some("full, compressed"));
    packed.variant.clone_from(&plain.variant);
    assert_eq!(packed, plain);
}

fn undamaged_but_without_kernel(bytes: &[u8]) -> Report {
    let report = report(bytes);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(
        report.notes[0]
            .text
            .starts_with("no kernel or kext is listed")
    );
    report
}

#[test]
fn a_compressed_buffer_stops_at_the_limit_that_the_note_names() {
    let limits = Limits {
        decompressed_bytes: 5000,
        ..Limits::default()
    };
    let bytes = one_thread(INTEL, |thread| {
        thread.array(0x914, &kcdata::words(&[KERNEL; 9000]))
    })
    .compressed();
    let report = parse(&bytes, &limits).unwrap().remove(0);
    let note = report
        .notes
        .iter()
        .find(|note| note.text.contains("limit of 5000 decompressed bytes"));
    assert!(note.is_some(), "{:?}", report.notes);
    assert_eq!(report.processes[0].pid, Some(77));
}

#[test]
fn a_buffer_without_an_end_keeps_what_came() {
    let record = kcdata::task_snapshot(5, 5, "zed");
    let bytes = Buffer::stackshot()
        .open(0x903, 5)
        .item(0x905, &record)
        .open(0x904, 9)
        .cut();
    let report = report(&bytes);
    assert_eq!(report.processes[0].threads[0].id, Some(9));
    let notes: Vec<_> = report.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(
        notes,
        [
            "no end item: the buffer is incomplete",
            "2 containers have no end; what was read of them is kept"
        ]
    );
}

#[test]
fn an_item_longer_than_the_file_costs_only_what_follows() {
    let bytes = one_thread(INTEL, |thread| {
        thread
            .array(0x916, &kcdata::words(&[1]))
            .raw(0x914, 4096, 0, &[0; 8])
    })
    .cut();
    let report = report(&bytes);
    assert_eq!(addresses(only_thread(&report), Side::User), [1]);
    assert!(
        report.notes[0]
            .text
            .starts_with("item 0x914 should have 4096 bytes"),
        "{}",
        report.notes[0]
    );
}

#[test]
fn corpses_and_exit_reasons_are_told_and_not_taken_for_stackshots() {
    let said = |tag| {
        parse(&Buffer::begin(tag).end(), &Limits::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        said(0xdead_f157),
        "this kcdata is the crash information of a corpse, not a stackshot; `kstack dump` shows what is in it"
    );
    assert!(said(0x53a2_0900).contains("an exit reason"));
}

#[test]
fn a_stackshot_inside_another_buffer_is_read() {
    let inner = one_thread(INTEL, |thread| thread.array(0x916, &kcdata::words(&[1]))).end();
    let report = report(&Buffer::begin(0xdead_f157).nested(&inner).end());
    assert_eq!(addresses(only_thread(&report), Side::User), [1]);
}

#[test]
fn a_trace_header_in_front_of_a_stackshot_is_stepped_over() {
    let bytes = [vec![0x55; 16], Buffer::stackshot().end()].concat();
    assert_eq!(report(&bytes).notes, []);
}

#[test]
fn frames_beyond_the_limit_are_left_out_and_told() {
    let limits = Limits {
        frames: 3,
        ..Limits::default()
    };
    let bytes = one_thread(INTEL, |thread| {
        thread
            .array(0x916, &kcdata::words(&[1, 2]))
            .array(0x914, &kcdata::words(&[3, 4]))
    });
    let report = parse(&bytes.end(), &limits).unwrap().remove(0);
    let thread = only_thread(&report);
    assert_eq!(
        (
            addresses(thread, Side::Kernel),
            addresses(thread, Side::User)
        ),
        (vec![3], vec![1, 2])
    );
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text == "frames are left out beyond the limit of 3")
    );
}
