//! The accidents that befall a log on its way: quoting, wrapping, cutting, pasting together.

use kstack_model::{Address, At, FrameKind, StackEnd, Value};
use kstack_parse::{Limits, parse};
use kstack_synth::panic::{Layout, PanicLog};
use proptest::prelude::*;

use super::{ARM_CODE, CODE, STACK, addresses, arm64, fact, intel, one, read, stack};

/// The ways a log is carried about.
fn carried(log: &str) -> Vec<String> {
    let each_line =
        |change: &dyn Fn(&str) -> String| log.lines().map(change).collect::<Vec<_>>().join("\n");
    vec![
        log.replace('\n', "\r\n"),
        log.replace('\n', "\n\n"),
        log.replace('\t', "    "),
        log.replace("->", "-&gt;"),
        log.replace('_', "\\_"),
        each_line(&|line| format!("> {line}")),
        each_line(&|line| format!("> > {line}")),
        each_line(&|line| format!("\t// {line}")),
        each_line(&|line| format!("{line}<br>")),
        each_line(&|line| line.trim_start().to_owned()),
        format!("Hello,\nmy Mac crashed (cpu at 100 %):\n\n{log}\nAny idea?\n"),
        format!(
            "\"macOSPanicString\" : \"{}\"",
            log.replace('\n', "\\n").replace('\t', "\\t")
        ),
    ]
}

#[test]
fn a_log_reads_the_same_however_it_was_carried() {
    let log = intel().build();
    let whole = one(&log);
    for (way, pasted) in carried(&log).iter().enumerate() {
        let report = one(pasted);
        assert_eq!(report.kernel, whole.kernel, "way {way}: {pasted}");
        assert_eq!(report.machine, whole.machine, "way {way}");
        assert_eq!(stack(&report), stack(&whole), "way {way}");
    }
}

#[test]
fn the_first_letters_of_a_log_may_be_lost() {
    let log = intel().build();
    let whole = one(&log);
    for lost in [1, 5] {
        assert_eq!(stack(&one(&log[lost..])), stack(&whole));
        assert_eq!(one(&log[lost..]).facts, whole.facts);
    }
}

#[test]
fn a_backtrace_without_anything_before_it_is_read() {
    let log = PanicLog::headless(Layout::X86_64)
        .frame(STACK, CODE, "mach_kernel : _panic + 0x10")
        .frame(STACK + 8, CODE + 4, "org.example.zfs : _vdev_open + 0x20")
        .build();
    let bare = log.split_once('\n').unwrap().1;
    for text in [log.as_str(), bare] {
        let report = one(text);
        assert_eq!(addresses(&report), [CODE, CODE + 4]);
        // The fragment has no table, but its frames name a kext.
        assert_eq!(
            report.kernel.images[1].name.as_deref(),
            Some("org.example.zfs")
        );
        assert!(report.kernel.images[1].placements.is_empty());
    }
}

#[test]
fn addresses_of_the_message_are_no_frames() {
    let message = "bad element 0xffffff8012340000, found\n\
                   0xffffff8012341000 : 0xffffff8012342000\n\
                   0xffffff8012343000: 0SWYgeW91IGNhbiByZWFkIA\n\
                   at 0xffffff8012344000, was 0x1000 (3: 0xfe000000-0xff000000)";
    let log = PanicLog::new(Layout::X86_64, CODE, message)
        .frame(STACK, CODE, "")
        .build();
    let report = one(&log);
    assert_eq!(addresses(&report), [CODE]);
    assert!(
        matches!(fact(&report, "panic"), Value::Text(words) if words.starts_with("bad element"))
    );
}

#[test]
fn wrapped_symbols_and_ranges_are_put_together() {
    let log = "0xffffff8100000100 : 0xffffff8012300000 org.example.zfs :\n\
               \x20                     __ZN3zfs5mountEv + 0x6b\n\
               0xffffff8100000140 : 0xffffff8012300100\n\
               Kernel Extensions in backtrace:\n\
               \x20  org.example.zfs(2.1)[11111111-2222-3333-4444-555555555555]\n\
               \x20     @0xffffff8012300000->0xffffff8012300fff\n";
    let report = one(log);
    let said = stack(&report).frames[0].said.as_ref().unwrap();
    assert_eq!(said.symbol.as_deref(), Some("__ZN3zfs5mountEv"));
    assert_eq!(said.offset, Some(0x6b));
    assert_eq!(
        report.kernel.images[1].load_address(),
        Some(Address(0xffff_ff80_1230_0000))
    );
}

#[test]
fn several_panics_in_one_file_are_several_reports() {
    let first = intel().build();
    let second = PanicLog::new(Layout::X86_64, CODE + 0x77, "another")
        .frame(STACK, CODE, "")
        .build();
    let reports = read(&format!("{first}\nand a day later:\n\n{second}"));
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[1].machine.kernel_version, None);
}

#[test]
fn a_panic_within_a_panic_shares_machine_and_kernel() {
    let second = intel().build();
    let first = "panic(cpu 1 caller 0xffffff8012300999): first\n\
                 Backtrace (CPU 1), Frame : Return Address\n\
                 0xffffff8100000f00 : 0xffffff8012300888\n\
                 0xffffff8100000f20 : 0xffffff80";
    let reports = read(&format!("{first}{second}"));
    assert_eq!(reports.len(), 2);
    assert_eq!(addresses(&reports[0]), [0xffff_ff80_1230_0888]);
    assert_eq!(reports[0].kernel, reports[1].kernel);
    assert_eq!(addresses(&reports[1]).len(), 3);
    assert!(
        reports[0]
            .notes
            .iter()
            .any(|note| note.text.contains("cut short"))
    );
}

#[test]
fn a_nested_panic_of_newer_kernels_is_a_report_of_its_own() {
    let first = "panic(cpu 1 caller 0xfffffe0010100020): first @zfs.c:1\n";
    let nested = "Nested panic detected - entry count: 2 panic_caller: 0xfffffe0010100999\n\
                  Kernel text exec slide: 0x0000000008ffc000\n\
                  Kernel text exec base: 0xfffffe0010000000\n\
                  \t\t  lr: 0xfffffe0010100100  fp: 0xfffffe8000000330\n\
                  \t\t  lr: 0xfffffe0010100200  fp: 0xfffffe8000000350\n";
    let reports = read(&format!("{first}{nested}"));
    assert_eq!(reports.len(), 2);
    assert_eq!(addresses(&reports[1]), [ARM_CODE + 0x100, ARM_CODE + 0x200]);
    assert_eq!(reports[0].kernel, reports[1].kernel);
}

#[test]
fn how_a_backtrace_ends_is_taken_from_its_last_line() {
    for (line, end) in [
        ("\tBacktrace continues...", StackEnd::Truncated),
        (
            "Backtrace terminated-invalid frame pointer 0",
            StackEnd::Complete,
        ),
        (
            "Backtrace terminated-invalid frame pointer 0x2f",
            StackEnd::Unknown,
        ),
    ] {
        let log = format!(
            "0xffffff8100000100 : 0xffffff8012300000\n0xffffff8100000140 : 0xffffff8012300100 {line}\n"
        );
        let report = one(&log);
        assert_eq!(stack(&report).end, end, "{line}");
        assert_eq!(addresses(&report).len(), 2);
    }
}

#[test]
fn a_line_alone_gives_the_addresses_it_has() {
    let report = one(
        "panic(cpu 1 caller 0xfffffff012340010): Kernel data abort. at pc 0xfffffff012345678, lr 0x9ab13d7012345690 (saved state: 0xffffffe812340000)",
    );
    let frames: Vec<_> = stack(&report)
        .frames
        .iter()
        .map(|frame| (frame.at, frame.kind))
        .collect();
    let at = |address| At::Absolute(Address(address));
    assert_eq!(
        frames,
        [
            (at(0xffff_fff0_1234_0010), FrameKind::ReturnAddress),
            (at(0xffff_fff0_1234_5678), FrameKind::InstructionPointer),
            (at(0xffff_fff0_1234_5690), FrameKind::ReturnAddress),
        ]
    );
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn names_without_addresses_are_kept_and_explained() {
    let report = one("mach_kernel     : _return_from_trap\norg.example.zfs : _spa_open\n");
    assert!(report.processes[0].threads[0].stacks.is_empty());
    assert_eq!(
        report.kernel.images[1].name.as_deref(),
        Some("org.example.zfs")
    );
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn registers_below_a_backtrace_are_of_something_else() {
    let log = intel().build()
        + "\nThread 0 crashed:\n    x0: 0x0000000000000001   x1: 0x0000000000000002\n";
    assert_eq!(one(&log), one(&intel().build()));
}

#[test]
fn a_kext_table_alone_is_a_list_of_images() {
    let report = one(
        "      Kernel Extensions in backtrace:\n         org.example.zfs(2.1)@0xffffff7f80001000->0xffffff7f80001fff\n",
    );
    assert!(report.processes.is_empty());
    assert_eq!(report.kernel.images.len(), 1);
}

#[test]
fn a_limit_ends_the_reading_with_a_note() {
    let limits = Limits {
        frames: 2,
        ..Limits::default()
    };
    let reports = parse(intel().build().as_bytes(), &limits).unwrap();
    assert_eq!(addresses(&reports[0]).len(), 2);
    assert!(
        reports[0]
            .notes
            .iter()
            .any(|note| note.text.contains("limit"))
    );
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn any_mixture_of_words_is_survived(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..80)) {
        let _ = parse(words.concat().as_bytes(), &Limits::default());
    }

    #[test]
    fn every_prefix_is_survived_and_loses_only_what_is_cut(cut in 0usize..4000) {
        for log in [intel().build(), arm64().build()] {
            let cut = cut.min(log.len());
            if let Ok(reports) = parse(&log.as_bytes()[..cut], &Limits::default()) {
                prop_assert!(reports.len() <= 1);
            }
        }
    }
}

const WORDS: [&str; 24] = [
    "panic(cpu 0 caller 0x10): ",
    "Backtrace (CPU 0), Frame : Return Address\n",
    "Backtrace terminated-invalid frame pointer ",
    "Backtrace:",
    "0xffffff8012300000",
    " : ",
    "\n",
    "\n\n",
    "lr: 0xfffffe0010100000",
    " fp: 0x1",
    "org.example.zfs(1)",
    "[11111111-2222-3333-4444-555555555555]",
    "@0xffffff8012300000",
    "->0xffffff8012300fff",
    "->0x1",
    "loaded kexts:",
    ">usb.!UHub\t1.2",
    "Kernel text base: ",
    "Mac OS version:",
    "CORE 0: PC=0x1, LR=0x2, FP=0x3",
    "RIP: 0x10, ",
    "PC=0x10; ",
    "Panicked task 0x1: pid ",
    "é",
];
