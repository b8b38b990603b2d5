//! `.ips` reports: panics, stackshots, and both in one file.

use kstack_model::{
    Address, At, Basis, FrameKind, ImageKind, ImageOffset, Placement, Report, Side, Slide, SlideOf,
    StackEnd, Thread, ThreadRole, ThreadState,
};
use kstack_parse::{Limits, parse};
use kstack_synth::ips::Ips;
use proptest::prelude::*;

const KERNEL: &str = "33333333-2222-3333-4444-555555555555";
const ZFS: &str = "44444444-2222-3333-4444-555555555555";
const NOWHERE: &str = "55555555-2222-3333-4444-555555555555";
const NIL: &str = "00000000-0000-0000-0000-000000000000";
const KERNEL_BASE: u64 = 0xffff_fe00_0700_0000;
const VERSION: &str = "Darwin Kernel Version 21.9.0: Mon Jan  1 00:00:00 UTC 2022; root:xnu-8020.999.1~1/RELEASE_ARM64_T9999";

fn read(text: &str) -> Vec<Report> {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn formats(reports: &[Report]) -> Vec<&str> {
    reports.iter().map(|report| report.format).collect()
}

fn thread(report: &Report, id: u64) -> &Thread {
    let mut threads = report.processes.iter().flat_map(|process| &process.threads);
    threads.find(|thread| thread.id == Some(id)).unwrap()
}

fn panic_text() -> String {
    format!(
        "panic(cpu 0 caller 0xfffffe000f000010): \"zfs\" @zfs.c:1\n\
         Kernel version: {VERSION}\n\
         Kernel UUID: {KERNEL}\n\
         KernelCache slide: 0x0000000008000000\n\
         Kernel text exec base:  0xfffffe000f000000\n\
         Panicked task 0xfffffe1000000100: 29 pages, 3 threads: pid 501: zpool\n\
         Panicked thread: 0xfffffe1000000200, backtrace: 0xfffffe8000000300, tid: 42\n\
         \t\t  lr: 0xfffffe000f000010  fp: 0xfffffe8000000310\n\
         \t\t  lr: 0xfffffe000f100020  fp: 0xfffffe8000000330\n\
         \x20     Kernel Extensions in backtrace:\n\
         \x20        org.example.zfs(2.1)[{ZFS}]@0xfffffe000f100000->0xfffffe000f10ffff\n\nlas"
    )
}

/// Threads in the kernel, in a kext, in one without a base, and in user space.
fn stackshot(bug_type: &str) -> Ips {
    Ips::new(bug_type)
        .text("kernel", VERSION)
        .text("product", "Mac99,9")
        .text("date", "2021-03-04 05:06:07.89 +0000")
        .thread(42, &[(1, 0x10), (2, 0x20), (0, 0)], &[(4, 0x100), (0, 0x1_8000_0000), (0, 0)], "")
        .thread(43, &[(3, 0)], &[], ",\"waitEvent\":[1,4096],\"continuation\":[1,8192],\"name\":\"txg_sync\",\"userTime\":1.5e-06")
        .process(501, "zpool")
        .row(NIL, 0, "A")
        .row(KERNEL, KERNEL_BASE, "T")
        .row(ZFS, KERNEL_BASE + 0x10_0000, "T")
        .row(NOWHERE, 0, "T")
        .row("66666666-2222-3333-4444-555555555555", 0x1_0000_4000, "P")
}

fn full() -> Ips {
    stackshot("210").text("panicString", &panic_text())
}

#[test]
fn panic_and_stackshot_of_one_file_come_out_apart() {
    let reports = read(&full().build());
    assert_eq!(formats(&reports), ["panic-ips", "stackshot-ips"]);
    assert_eq!(reports[0].kernel.basis, Basis::Slid);
    assert_eq!(reports[1].kernel.basis, Basis::Unslid);
    assert_eq!(reports[0].machine.model.as_deref(), Some("Mac99,9"));
    assert_eq!(reports[0].machine.os_build.as_deref(), Some("21Z901"));
}

#[test]
fn the_slide_of_the_text_serves_the_stackshot() {
    let reports = read(&full().build());
    let slides = [(SlideOf::KernelCollection, Slide(0x800_0000))];
    assert_eq!(reports[1].kernel.slides, slides);
    let slid = |report: &Report, frame: usize| match thread(report, 42).stacks[0].frames[frame].at {
        At::Absolute(address) => address,
        At::InImage { .. } | At::Unknown => panic!("the base is known"),
    };
    for frame in [0, 1] {
        let difference = slid(&reports[0], frame).0 - slid(&reports[1], frame).0;
        assert_eq!(difference, 0x800_0000);
    }
}

#[test]
fn the_text_names_images_and_thread_of_the_stackshot() {
    let reports = read(&full().build());
    let images = &reports[1].kernel.images;
    assert_eq!(images[0].kind, ImageKind::Kernel);
    assert_eq!(images[1].name.as_deref(), Some("org.example.zfs"));
    assert_eq!(
        images[1].placements,
        [Placement::SegmentAt {
            segment: "__TEXT_EXEC".to_owned(),
            address: Address(KERNEL_BASE + 0x10_0000)
        }]
    );
    assert_eq!(thread(&reports[1], 42).role, ThreadRole::Panicked);
    assert_eq!(thread(&reports[1], 43).role, ThreadRole::Ordinary);
}

#[test]
fn a_panic_of_another_kernel_lends_no_slide() {
    let text = panic_text().replace("T9999", "T1111");
    let reports = read(&stackshot("210").text("macOSPanicString", &text).build());
    assert_eq!(reports.len(), 2);
    assert!(reports[1].kernel.slides.is_empty());
    assert_eq!(reports[1].kernel.images[1].name, None);
}

#[test]
fn the_panic_text_is_found_under_every_key() {
    for key in ["panicString", "string", "macOSPanicString"] {
        let reports = read(&Ips::new("151").text(key, &panic_text()).build());
        assert_eq!(formats(&reports), ["panic-ips"], "{key}");
        assert_eq!(reports[0].processes[0].pid, Some(501));
    }
}

#[test]
fn a_message_without_a_backtrace_is_still_the_panic() {
    let text = Ips::new("210")
        .text("panicString", "Unexpected watchdog reset occurred")
        .text("macOSPanicString", "not yet set");
    let reports = read(&text.build());
    assert_eq!(formats(&reports), ["panic-ips"]);
    assert!(reports[0].facts.iter().any(|fact| fact.name == "panic"));
    assert!(reports[0].processes[0].threads[0].stacks.is_empty());
}

#[test]
fn a_stackshot_alone_is_one_whatever_its_bug_type() {
    for bug_type in ["288", "151", "409", "999"] {
        let reports = read(&stackshot(bug_type).build());
        assert_eq!(formats(&reports), ["stackshot-ips"]);
        assert_eq!(
            reports[0].variant.as_deref(),
            Some(&*format!("bug type {bug_type}"))
        );
    }
}

#[test]
fn header_and_body_are_read_together_and_the_body_alone() {
    let whole = read(&stackshot("288").build());
    let body = read(&stackshot("288").body());
    assert_eq!(whole[0].processes, body[0].processes);
    assert_eq!(whole[0].machine.os_version.as_deref(), Some("macOS 12.9"));
    assert!(parse(stackshot("288").header().as_bytes(), &Limits::default()).is_err());
}

#[test]
fn offsets_become_addresses_and_the_zero_row_is_the_space_itself() {
    let reports = read(&stackshot("288").build());
    let stacks = &thread(&reports[0], 42).stacks;
    let at = |stack: usize, frame: usize| stacks[stack].frames[frame].at;
    assert_eq!(at(0, 0), At::Absolute(Address(KERNEL_BASE + 0x10)));
    assert_eq!(at(1, 1), At::Absolute(Address(0x1_8000_0000)));
    // The zero that ends a stack is no frame.
    assert_eq!(
        (stacks[0].frames.len(), stacks[0].end),
        (2, StackEnd::Complete)
    );
    assert_eq!((stacks[1].frames.len(), stacks[1].side), (2, Side::User));
    assert_eq!(stacks[0].frames[0].kind, FrameKind::ReturnAddress);
    assert_eq!(stacks[1].frames[0].kind, FrameKind::InstructionPointer);
    let own = &reports[0].processes[0].space.images;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].load_address(), Some(Address(0x1_0000_4000)));
}

#[test]
fn base_and_offset_wrap() {
    let text = Ips::new("288")
        .thread(1, &[(0, 0x20)], &[], "")
        .process(0, "kernel_task")
        .row(KERNEL, u64::MAX - 0xf, "K");
    let reports = read(&text.build());
    assert_eq!(
        thread(&reports[0], 1).stacks[0].frames[0].at,
        At::Absolute(Address(0x10))
    );
}

#[test]
fn a_kext_without_base_and_offset_is_only_known_to_be_there() {
    let reports = read(&stackshot("288").build());
    let offset = ImageOffset(0);
    assert_eq!(
        thread(&reports[0], 43).stacks[0].frames[0].at,
        At::InImage { image: 2, offset }
    );
    assert!(reports[0].kernel.images[2].placements.is_empty());
    let about: Vec<_> = reports[0].notes.iter().map(|note| &note.text).collect();
    assert_eq!(about.len(), 1);
    assert!(about[0].contains(NOWHERE) && about[0].contains("only known that a thread was in it"));
}

#[test]
fn what_a_thread_waits_for_is_kept() {
    let reports = read(&stackshot("288").build());
    let waiting = thread(&reports[0], 43);
    assert_eq!(waiting.state, Some(ThreadState(0x9)));
    assert_eq!(waiting.wait_event, Some(Address(KERNEL_BASE + 0x1000)));
    assert_eq!(waiting.continuation, Some(Address(KERNEL_BASE + 0x2000)));
    assert_eq!(waiting.name.as_deref(), Some("txg_sync"));
    assert!(waiting.facts.iter().any(|fact| fact.name == "userTime"));
}

#[test]
fn a_cut_report_gives_what_came_before_the_cut() {
    let text = full().build();
    let cut = text.find("\"43\"").unwrap() + 30;
    let reports = read(&format!(
        "{}{}",
        Ips::new("210").text("panicString", &panic_text()).header(),
        &text[text.find('\n').unwrap() + 1..cut]
    ));
    let stackshot = reports.last().unwrap();
    assert_eq!(stackshot.format, "stackshot-ips");
    assert_eq!(thread(stackshot, 42).stacks[0].frames.len(), 3);
    assert!(
        stackshot
            .notes
            .iter()
            .any(|note| note.text.contains("ends or is damaged"))
    );
    assert!(
        stackshot
            .notes
            .iter()
            .any(|note| note.text.contains("missing"))
    );
}

#[test]
fn a_panic_text_cut_in_the_middle_is_read_as_far_as_it_goes() {
    let text = Ips::new("210").text("panicString", &panic_text()).build();
    let cut = text.find("fffffe8000000330").unwrap();
    let reports = read(&text[..cut]);
    assert_eq!(reports[0].processes[0].threads[0].stacks[0].frames.len(), 2);
    // The second address is cut in half here, and half an address is none.
    let cut = text.find("f100020").unwrap();
    let reports = read(&text[..cut]);
    assert_eq!(reports[0].processes[0].threads[0].stacks[0].frames.len(), 1);
}

#[test]
fn a_report_quoted_in_a_mail_is_read() {
    let quoted: Vec<String> = stackshot("288")
        .build()
        .lines()
        .map(|line| format!("> {line}"))
        .collect();
    let reports = read(&format!("Look at this:\n\n{}\n", quoted.join("\n")));
    assert_eq!(
        reports[0].processes,
        read(&stackshot("288").build())[0].processes
    );
}

#[test]
fn a_limit_ends_the_reading_with_a_note() {
    let limits = Limits {
        frames: 3,
        ..Limits::default()
    };
    let reports = parse(stackshot("288").build().as_bytes(), &limits).unwrap();
    assert!(
        reports[0]
            .notes
            .iter()
            .any(|note| note.text.contains("limit"))
    );
}

#[test]
fn damage_before_anything_of_a_report_is_an_error_that_says_where() {
    let damaged = stackshot("288").build().replacen("\" : ", "\" > ", 1);
    let why = parse(damaged.as_bytes(), &Limits::default()).unwrap_err();
    assert!(why.position.is_some(), "{why}");
    assert!(why.to_string().contains("damaged before"), "{why}");
}

#[test]
fn a_report_whose_panic_text_is_empty_is_an_error_and_not_an_empty_answer() {
    let empty = Ips::new("210").text("panicString", "").build();
    assert!(parse(empty.as_bytes(), &Limits::default()).is_err());
}

proptest! {
    #[test]
    fn every_prefix_is_survived(cut in 0usize..3000) {
        let text = full().build();
        let _ = parse(&text.as_bytes()[..cut.min(text.len())], &Limits::default());
    }

    #[test]
    fn any_change_of_one_byte_is_survived(at in 0usize..3000, byte in any::<u8>()) {
        let mut bytes = full().build().into_bytes();
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        let _ = parse(&bytes, &Limits::default());
    }
}
