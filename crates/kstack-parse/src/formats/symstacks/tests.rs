use kstack_model::{Address, Arch, At, Basis, FrameKind, Report, Side, ThreadState, Value};
use kstack_synth::text::{Frame, Kextstat, Symstacks};
use proptest::prelude::*;

use super::*;

const INNER: u64 = 0xffff_ff80_0021_0000;
const OUTER: u64 = 0xffff_ff80_0022_0000;
const KEXT: u64 = 0xffff_ff7f_8123_4567;

fn reports(text: &str) -> Vec<Report> {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn report(text: &str) -> Report {
    let mut reports = reports(text);
    assert_eq!(reports.len(), 1, "in {text}\n{reports:#?}");
    reports.remove(0)
}

fn notes(report: &Report) -> Vec<String> {
    report.notes.iter().map(ToString::to_string).collect()
}

/// Every frame of a report as its address and the name beside it.
fn frames(report: &Report) -> Vec<(u64, Option<String>)> {
    let threads = report.processes.iter().flat_map(|it| &it.threads);
    let frames = threads.flat_map(|it| &it.stacks).flat_map(|it| &it.frames);
    frames
        .map(|frame| {
            let address = match frame.at {
                At::Absolute(Address(address)) => address,
                At::InImage { .. } | At::Unknown => 0,
            };
            (address, frame.said.as_deref().map(frame::in_words))
        })
        .collect()
}

fn addresses(report: &Report) -> Vec<u64> {
    frames(report).into_iter().map(|(at, _)| at).collect()
}

fn ids(report: &Report) -> Vec<Option<u64>> {
    let threads = report.processes.iter().flat_map(|it| &it.threads);
    threads.map(|thread| thread.id).collect()
}

/// How the first frame of [`run`] ends.
const INNER_LINE: &[u8] = b"+ 12 (0xffffff8000210000)";

/// One thread with three frames, named as told.
fn run(names: [Option<&str>; 3]) -> Symstacks {
    let frames: Vec<Frame<'_>> = [INNER, OUTER, KEXT]
        .into_iter()
        .zip(names)
        .map(|(address, name)| match name {
            Some(name) => Frame::named(address, name, "mach_kernel", 12),
            None => Frame::bare(address),
        })
        .collect();
    Symstacks::new()
        .process(321, "exampled")
        .thread(0x1f3)
        .kernel_stack(&frames)
}

/// The printed frame `text` as the second of a stack.
fn second(text: &str) -> Report {
    report(&format!("Kernel stack:\n0x1000\n{text}\n"))
}

fn said(text: &str) -> kstack_model::Said {
    let report = second(text);
    let frame = &report.processes[0].threads[0].stacks[0].frames[1];
    frame.said.as_deref().cloned().unwrap_or_default()
}

#[test]
fn a_thread_is_read_with_all_its_attributes() {
    let text = run([Some("inner"), Some("outer"), None]).build();
    let report = report(&format!("Build Version: 12A345\n{text}"));
    assert_eq!(report.machine.os_build.as_deref(), Some("12A345"));
    assert_eq!(report.machine.arch, Some(Arch::X86_64));
    assert_eq!(report.kernel.basis, Basis::Unslid);
    let process = &report.processes[0];
    assert_eq!(process.pid, Some(321));
    assert_eq!(process.name.as_deref(), Some("exampled"));
    assert_eq!(process.space.basis, Basis::Slid);
    let thread = &process.threads[0];
    assert_eq!(thread.id, Some(0x1f3));
    assert_eq!(thread.state, Some(ThreadState(9)));
    assert_eq!(thread.wait_event, Some(Address(0xffff_ff80_1234_5678)));
    assert_eq!(thread.stacks[0].side, Side::Kernel);
    assert_eq!(
        frames(&report),
        [
            (INNER, Some("inner (in mach_kernel) + 12".to_owned())),
            (OUTER, Some("outer (in mach_kernel) + 12".to_owned())),
            (KEXT, None),
        ]
    );
    assert!(report.notes.is_empty());
}

#[test]
fn the_first_frame_of_each_stack_is_an_instruction_pointer() {
    let text = Symstacks::new()
        .process(1, "a")
        .thread(1)
        .kernel_stack(&[Frame::bare(INNER), Frame::bare(OUTER)])
        .user_stack(&[Frame::bare(0x1000), Frame::bare(0x2000)])
        .build();
    let report = report(&text);
    let stacks = &report.processes[0].threads[0].stacks;
    assert_eq!(stacks[1].side, Side::User);
    for stack in stacks {
        let kinds: Vec<FrameKind> = stack.frames.iter().map(|frame| frame.kind).collect();
        let expected = [FrameKind::InstructionPointer, FrameKind::ReturnAddress];
        assert_eq!(kinds, expected);
    }
}

#[test]
fn a_32_bit_kernel_tells_no_architecture() {
    let report = report("Kernel stack:\n0x2dd000\nUser stack:\n0xffffffffffff0000\n");
    assert_eq!(report.machine.arch, None);
}

#[test]
fn the_forms_of_a_frame_are_told_apart() {
    for (text, expected) in [
        (
            "inner (in mach_kernel) + 12 (0x2000)",
            "inner (in mach_kernel) + 12",
        ),
        (
            "inner (in mach_kernel) + 0xc (0x2000)",
            "inner (in mach_kernel) + 12",
        ),
        ("inner (in mach_kernel) (0x2000)", "inner (in mach_kernel)"),
        ("(in zfs) + 12 (0x2000)", "no name (in zfs) + 12"),
        ("0x2000 (in zfs) + 12 (0x2000)", "no name (in zfs) + 12"),
        (
            "a name (in Some App) + 3 (0x2000)",
            "a name (in Some App) + 3",
        ),
        (
            "ns::f(int (in, out), char const*) const (in zfs) + 7 (0x2000)",
            "ns::f(int (in, out), char const*) const (in zfs) + 7",
        ),
        ("f (in x) (in zfs) + 7 (0x2000)", "f (in x) (in zfs) + 7"),
        (
            "-[Pool scrub:at:] (in zfs) + 7 (0x2000)",
            "-[Pool scrub:at:] (in zfs) + 7",
        ),
        ("+[Pool new] + 7 (0x2000)", "+[Pool new] + 7"),
        ("inner + 7 (0x2000)", "inner + 7"),
        ("operator()(int) (0x2000)", "operator()(int)"),
    ] {
        let printed = frame::Printed::of(text).unwrap();
        assert_eq!(printed.address, Some(Address(0x2000)), "{text}");
        assert_eq!(frame::in_words(&said(text)), expected, "{text}");
    }
}

#[test]
fn a_frame_with_file_and_line_keeps_both() {
    let said = said("inner (in zfs) (vdev disk.c:12) (0x2000)");
    assert_eq!(said.symbol.as_deref(), Some("inner"));
    assert_eq!(
        (said.file.as_deref(), said.line),
        (Some("vdev disk.c"), Some(12))
    );
}

#[test]
fn an_address_in_place_of_a_name_is_no_name() {
    for text in ["0x2000", "0x2000 (0x2000)", "  \t0x2000"] {
        let report = second(text);
        assert_eq!(frames(&report), [(0x1000, None), (0x2000, None)], "{text}");
    }
}

#[test]
fn a_frame_without_an_address_is_known_by_what_was_said() {
    let report = second("inner (in zfs) (vdev.c:12)\n0x3000");
    let said = Some("inner (in zfs)".to_owned());
    assert_eq!(frames(&report)[1], (0, said));
    assert_eq!(addresses(&report), [0x1000, 0, 0x3000]);
}

#[test]
fn quotes_line_ends_tabs_and_lost_indentation_change_nothing() {
    let text = run([Some("inner"), None, None]).build();
    let plain = report(&text);
    let lines = || text.lines();
    for changed in [
        lines()
            .map(|line| format!("> {line}\n"))
            .collect::<String>(),
        lines().map(|line| format!("> > {line}\r\n")).collect(),
        lines().map(|line| format!("{}\n", line.trim())).collect(),
        lines()
            .map(|line| format!("{}\n", line.replace("  ", "\t")))
            .collect(),
        lines().map(|line| format!("\t{line}\n")).collect(),
        lines().map(|line| format!("{line}\n\n")).collect(),
        lines().map(|line| format!("> {line}\r\n>\r\n")).collect(),
    ] {
        assert_eq!(report(&changed), plain, "{changed}");
        assert_eq!(sniff(changed.as_bytes()), Sniff::Yes, "{changed}");
    }
}

#[test]
fn what_one_run_named_another_need_not() {
    let text = run([Some("inner"), None, None])
        .line("")
        .line("with the symbols of the kext:")
        .build()
        + &run([None, None, Some("txg_sync")]).build();
    let report = report(&text);
    let names: Vec<bool> = frames(&report)
        .iter()
        .map(|(_, name)| name.is_some())
        .collect();
    assert_eq!(names, [true, false, true]);
    assert_eq!(
        notes(&report),
        [
            "2 runs over the same trace, beginning at lines 1, 12, are read as one; each frame has the name that any of them gave it"
        ]
    );
}

#[test]
fn of_two_names_for_one_address_the_first_is_kept_with_a_note() {
    let text =
        run([Some("first"), None, None]).build() + &run([Some("second"), None, None]).build();
    let report = report(&text);
    assert_eq!(
        frames(&report)[0].1.as_deref(),
        Some("first (in mach_kernel) + 12")
    );
    assert_eq!(
        notes(&report)[0],
        "line 16: 0xffffff8000210000 is second (in mach_kernel) + 12 here and first (in mach_kernel) + 12 in line 7; the first is kept"
    );
}

#[test]
fn a_run_that_lacks_an_address_gets_it_from_another() {
    let run = |frame: &str| format!("Thread ID: 0x5\nKernel stack:\n0x1000\n{frame}\n");
    let text = run("0x2000") + &run("inner (in zfs) (vdev.c:12)");
    let report = report(&text);
    assert_eq!(
        frames(&report)[1],
        (0x2000, Some("inner (in zfs)".to_owned()))
    );
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn runs_over_different_traces_are_separate_reports_in_order() {
    let other = Symstacks::new()
        .process(321, "exampled")
        .thread(0x1f3)
        .kernel_stack(&[Frame::bare(OUTER)]);
    let text = run([None; 3]).build() + &other.build() + &run([Some("a"), None, None]).build();
    let reports = reports(&text);
    assert_eq!(reports.len(), 2);
    assert_eq!(addresses(&reports[0]), [INNER, OUTER, KEXT]);
    assert_eq!(addresses(&reports[1]), [OUTER]);
    assert_eq!(
        frames(&reports[0])[0].1.as_deref(),
        Some("a (in mach_kernel) + 12")
    );
}

#[test]
fn the_same_stack_in_another_state_is_another_trace() {
    let run =
        |state: &str| format!("Thread ID: 0x5\nThread state: {state}\nKernel stack:\n0x1000\n");
    assert_eq!(reports(&(run("0x9") + &run("0x4"))).len(), 2);
}

#[test]
fn fragments_with_chat_between_are_one_trace() {
    let fragment = |id| {
        Symstacks::new()
            .process(7, "mkfile")
            .thread(id)
            .kernel_stack(&[Frame::bare(INNER)])
            .build()
    };
    let text = format!(
        "hello,\nsee here\n\n{}\nand also\nthis one\n\n{}\nthanks\n",
        fragment(1),
        fragment(2)
    );
    let report = report(&text);
    assert_eq!(report.processes.len(), 1);
    assert_eq!(ids(&report), [Some(1), Some(2)]);
    assert!(report.notes.is_empty());
}

#[test]
fn threads_of_one_process_can_follow_each_other_without_its_head() {
    let text = run([None; 3]).build() + "\n    Thread ID: 0x9\n    Kernel stack: \n    0x1\n";
    let report = report(&text);
    assert_eq!(report.processes.len(), 1);
    assert_eq!(ids(&report), [Some(0x1f3), Some(9)]);
}

#[test]
fn the_build_counts_for_what_follows_the_talk_behind_it() {
    let text = "Build Version: 12A345\n\nthis one hangs\n\n".to_owned() + &run([None; 3]).build();
    assert_eq!(report(&text).machine.os_build.as_deref(), Some("12A345"));
}

#[test]
fn the_name_can_stand_before_the_pid() {
    let report = report("Process: a\nPID: 3\nThread ID: 0x1\nKernel stack:\n0x1\n");
    let process = &report.processes[0];
    assert_eq!((process.pid, process.name.as_deref()), (Some(3), Some("a")));
}

#[test]
fn a_process_without_threads_is_kept_among_others() {
    let text = Symstacks::new().process(5, "zombie").build() + &run([None; 3]).build();
    let report = report(&text);
    assert_eq!(report.processes[0].name.as_deref(), Some("zombie"));
    assert_eq!(report.processes.len(), 2);
}

#[test]
fn a_fragment_without_thread_or_process_is_read_with_what_it_has() {
    for text in [
        "Kernel stack: \n  inner (in zfs) + 1 (0xffffff7f81234567)\n",
        "Thread ID: 0x1f3\nKernel stack:\n0xffffff7f81234567\n",
        "Thread state: 0x9 == TH_WAIT |TH_UNINT\nKernel stack:\n0xffffff7f81234567\n",
        "Process: exampled\nThread ID: 0x1f3\nKernel stack:\n0xffffff7f81234567\n",
        "PID: 3\nKernel stack:\n0xffffff7f81234567\n",
    ] {
        assert_eq!(sniff(text.as_bytes()), Sniff::Yes, "{text}");
        assert_eq!(addresses(&report(text)), [KEXT], "{text}");
    }
}

#[test]
fn stacks_without_any_head_are_threads_of_their_own() {
    let report = report("Kernel stack:\n0x1\nUser stack:\n0x2\nKernel stack:\n0x3\n");
    assert_eq!(report.processes[0].threads.len(), 2);
    assert_eq!(report.processes[0].threads[0].stacks.len(), 2);
}

#[test]
fn a_lost_heading_is_told_by_the_address() {
    let report = report(
        "Thread ID: 0x1\nThread state: 0x1\ninner (in zfs) + 1 (0xffffff7f81234567)\n0x5\n\
         Thread ID: 0x2\nThread state: 0x1\nmain (in mkfile) + 1 (0x100000f00)\n",
    );
    let threads = &report.processes[0].threads;
    assert_eq!(threads[0].stacks[0].side, Side::Kernel);
    assert_eq!(threads[0].stacks[0].frames.len(), 2);
    assert_eq!(threads[1].stacks[0].side, Side::User);
}

#[test]
fn names_beside_the_state_that_are_not_its_own_are_noted() {
    let text = |state: &str| format!("Thread ID: 0x1\nThread state: {state}\n");
    for state in [
        "0x9 == TH_WAIT |TH_UNINT ",
        "0x9",
        "0x9 ==",
        "0x8001 == TH_WAIT",
    ] {
        assert!(
            report_of_attributes(&text(state)).notes.is_empty(),
            "{state}"
        );
    }
    let report = report_of_attributes(&text("0x9 == TH_RUN"));
    assert_eq!(report.processes[0].threads[0].state, Some(ThreadState(9)));
    assert!(notes(&report)[0].starts_with("line 2: the names beside the thread state"));
}

fn report_of_attributes(text: &str) -> Report {
    assert_eq!(sniff(text.as_bytes()), Sniff::Yes);
    report(text)
}

#[test]
fn zero_is_no_wait_event_and_no_continuation() {
    let report = report(
        "Thread ID: 0x1\nThread wait_event: 0x0\nThread continuation: 0x0\nKernel stack:\n0x1\n",
    );
    let thread = &report.processes[0].threads[0];
    assert_eq!((thread.wait_event, thread.continuation), (None, None));
    assert!(report.notes.is_empty() && thread.facts.is_empty());
}

#[test]
fn a_continuation_with_its_symbol_keeps_both() {
    let value = "idle_thread (in mach_kernel) + 0 (0xffffff8000210000)";
    let report = report(&format!("Thread ID: 0x1\nThread continuation: {value}\n"));
    let thread = &report.processes[0].threads[0];
    assert_eq!(thread.continuation, Some(Address(INNER)));
    assert_eq!(thread.facts[0].value, Value::Text(value.to_owned()));
}

#[test]
fn an_unknown_attribute_becomes_a_fact_where_it_stands() {
    let report = report(
        "PID: 3\nProcess: a\nParent process: launchd\nThread ID: 0x1\nDispatch queue: main\nKernel stack:\n0x1\n",
    );
    let process = &report.processes[0];
    assert_eq!(process.facts[0].name, "Parent process");
    assert_eq!(process.threads[0].facts[0].name, "Dispatch queue");
    let expected = Value::Text("main".to_owned());
    assert_eq!(process.threads[0].facts[0].value, expected);
}

#[test]
fn an_attribute_that_is_no_number_is_kept_as_text() {
    let report = report("PID: 3\nThread ID: f9 or so\nThread state: 0x1\nKernel stack:\n0x1\n");
    let thread = &report.processes[0].threads[0];
    assert_eq!(thread.id, None);
    assert_eq!(thread.facts[0].value, Value::Text("f9 or so".to_owned()));
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn one_strange_line_in_a_stack_costs_only_itself() {
    let report = report("Kernel stack:\n0x1000\n~~ cut ~~\n0x2000\n");
    assert_eq!(addresses(&report), [0x1000, 0x2000]);
    assert_eq!(
        notes(&report),
        ["line 3: this line is not understood and passed over"]
    );
}

#[test]
fn talk_ends_a_stack() {
    for talk in [
        "\nand then\n",
        "so I think\nit waits\n",
        "\n",
        "it waits for the lock (0xffffff8012345678)\nas always\n",
    ] {
        let report = report(&format!("Kernel stack:\n0x1000\n{talk}0x2000\n"));
        assert_eq!(addresses(&report), [0x1000], "{talk}");
    }
}

#[test]
fn frames_without_a_heading_are_noted() {
    let text =
        "Kernel stack:\n0x1000\n\nthen\n\nf (in zfs) + 1 (0x2000)\ng (in zfs) + 1 (0x3000)\n";
    assert_eq!(
        notes(&report(text)),
        ["line 6: 2 frames from here on stand without the heading of a stack and are not read"]
    );
}

#[test]
fn lines_of_other_texts_are_not_taken() {
    for text in [
        "Process:         exampled [321]\nPath:            /usr/bin/exampled\nPID: 3\n",
        "  Thread 0x1f3    10 samples\n  10  main + 12 (exampled + 3) [0x1000]\n",
        "Backtrace (CPU 0), Frame : Return Address\n0xffffff8012 : 0xffffff8000210000\n",
        "the kernel stack: it is 0x1000\n0x1000\n",
        "PID: 3\nUser: root\n",
        "Thread ID: 0x5\nand nothing\n",
    ] {
        assert!(reports(text).is_empty(), "{text}");
        assert_ne!(sniff(text.as_bytes()), Sniff::Yes, "{text}");
    }
    let list = Kextstat::new()
        .kext("net.example.zfs", None, KEXT, 0x5000)
        .build();
    assert_eq!(sniff(list.as_bytes()), Sniff::No);
}

#[test]
fn frames_or_headings_alone_come_close() {
    let why = |text: &str| match sniff(text.as_bytes()) {
        Sniff::Unsure(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(why("f (in zfs) + 1 (0x2000)\n").contains("without the line"));
    assert!(why("Kernel stack:\nnothing\n").contains("no frame follows"));
}

#[test]
fn a_limit_ends_the_reading_with_a_note() {
    let limits = Limits {
        frames: 2,
        ..Limits::default()
    };
    let reports = parse(run([None; 3]).build().as_bytes(), &limits).unwrap();
    assert_eq!(addresses(&reports[0]), [INNER, OUTER]);
    assert_eq!(
        notes(&reports[0]),
        ["line 8: a limit is reached; the rest of the file is not read"]
    );
}

#[test]
fn every_prefix_is_read_and_keeps_whole_frames() {
    let text = run([Some("inner"), None, Some("x::y(in int)")])
        .line("")
        .line("é")
        .build()
        + &run([None; 3]).build();
    for end in 0..=text.len() {
        let bytes = &text.as_bytes()[..end];
        let reports = parse(bytes, &Limits::default()).unwrap();
        if bytes
            .windows(INNER_LINE.len())
            .any(|part| part == INNER_LINE)
        {
            let inner = Some("inner (in mach_kernel) + 12".to_owned());
            assert_eq!(frames(&reports[0])[0], (INNER, inner), "at {end}");
        }
    }
}

#[test]
fn a_name_before_a_pid_is_of_the_process_before_it() {
    let text = "Process: lost\nPID: 3\nProcess: a\nThread ID: 0x1\n";
    assert_eq!(sniff(text.as_bytes()), Sniff::Yes);
    let process = &report(text).processes[0];
    assert_eq!((process.pid, process.name.as_deref()), (Some(3), Some("a")));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = sniff(&bytes);
        let _ = parse(&bytes, &Limits::default()).unwrap();
    }

    #[test]
    fn a_trace_with_any_damage_is_read(at in 0_usize..600, byte: u8) {
        let run = run([Some("inner"), None, Some("x::y(in int)")]).build();
        let mut bytes = (run.clone() + "\nhm\n\n" + &run).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = sniff(&bytes);
        prop_assert!(!parse(&bytes, &Limits::default()).unwrap().is_empty());
    }

    #[test]
    fn any_order_of_its_lines_is_read(order in proptest::collection::vec(0_usize..12, 0..40)) {
        let lines = [
            "PID: 3", "Process: a", "Thread ID: 0x1", "Thread ID: 0x2", "Thread state: 0x1",
            "Kernel stack:", "User stack:", "0x1000", "f (in g) + 1 (0x1000)", "", "talk",
            "Build Version: 12A1",
        ];
        let text: String = order.iter().map(|line| format!("{}\n", lines[*line])).collect();
        let found = reports(&text);
        if sniff(text.as_bytes()) == Sniff::Yes {
            prop_assert!(!found.is_empty(), "{}", text);
        }
    }
}
