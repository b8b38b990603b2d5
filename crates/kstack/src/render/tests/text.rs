//! The text.

use insta::assert_snapshot;
use kstack_model::{Address, At, Frame, FrameKind, ImageOffset, Said, Side, Stack};

use super::sample::{self, Answer, KERNEL, SPL, ZFS, hang, named};
use super::*;
use crate::resolve::{Agreement, Entered, Evidence, SpaceId, TailCaller, Verdict, Why};

/// The lines of the only stack.
fn stack_of(trace: &Trace, options: &RenderOptions) -> String {
    let text = rendered("text", trace, options);
    let lines = text.lines().skip_while(|line| !line.ends_with("stack:"));
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}

fn plain(answers: Vec<Answer>) -> String {
    stack_of(&sample::one(answers), &RenderOptions::default())
}

#[test]
fn a_hang_reads_as_symstacks_wrote_it_with_what_was_missing_there() {
    assert_snapshot!(rendered("text", &hang(), &RenderOptions::default()), @r"
    Report: stackshot-legacy
    OS: OS X 10.8 (12A1)
    Architecture: x86_64
    Kernel addresses: unslid, without the kernel's slide

    PID: 0
        Process: kernel_task
        Thread ID: 0x4e3
        Thread state: 0x85 == TH_WAIT | TH_RUN | TH_IDLE (idle thread of a processor)
        Thread continuation: 0xffffff800022e000
        (no stack)

    PID: 156
        Process: zpool
        Thread ID: 0x4e2
        Thread name: txg_sync
        Thread state: 0x9 == TH_WAIT | TH_UNINT (blocked, cannot be interrupted)
        Thread wait_event: 0xffffff8006608a6c
        Kernel stack:
        machine_switch_context (in mach_kernel) + 366 (0xffffff80002b3d3e)
          sub_ffffff800022e210 (in mach_kernel) + 1281 (0xffffff800022e711) [no name: function start only]
            thread_block_reason (in mach_kernel) + 300 (0xffffff800022d9dc) [said: _stfattach + 0x558]
              cv_check_owner [inlined in spl_cv_wait] (in net.lundman.spl) spl-condvar.c:22:7
              spl_cv_wait (in net.lundman.spl) + 54 (0xffffff7f80e52a76) spl-condvar.c:41:3
                net.lundman.spl + 0x9000 (after spl_mutex_exit + 4711) (0xffffff7f80e53000)
                  net.lundman.zfs + 0x5a257 (0xffffff7f80eda257) [no symbol file]
                    arc_read (in net.lundman.zfs) + 12 (0xffffff7f80edb000) [said by the report, not verified]
                      net.lundman.zfs + 0x95b000 (0xffffff7f817db000) [uncertain: nearest image below]
                        0xffffff7ff0000000 [no known image lies there]
                          0xffffff8012340000 [no known image lies there]
        [cut short: the stack went on]

    Images used:
        mach_kernel at 0xffffff8000200000, UUID 11111111-1111-1111-1111-111111111111
            /k/mach_kernel
            matched by UUID, placed by the report; names, inlined functions and lines; 3 frames
        net.lundman.spl at 0xffffff7f80e4a000, UUID 22222222-2222-2222-2222-222222222222
            /k/spl
            matched by UUID, placed by the report; names, inlined functions and lines; 2 frames

    Images missing:
        net.lundman.zfs 1.0.0 at 0xffffff7f80e80000, UUID 33333333-3333-3333-3333-333333333333: 3 frames; pass --kext PATH, the build with this UUID
            refused: /k/zfs.kext: has no UUID; pass the build that was loaded
        1 frame where kexts are loaded (0xffffff7ff0000000); pass --kextstat FILE, or --kext PATH@ADDRESS
        1 frame in no known image (0xffffff8012340000)

    Files not used:
        /k/other.kext (com.example.other) (UUID 44444444-4444-4444-4444-444444444444): no image of the report has this UUID

    Notes:
        offset 0x40: 12 bytes skipped
        one kext is missing
    ");
}

#[test]
fn the_images_are_a_table_with_the_name_last() {
    assert_snapshot!(images_text(&hang(), &RenderOptions::default()), @r"
    Report: stackshot-legacy
    OS: OS X 10.8 (12A1)
    Architecture: x86_64
    Kernel addresses: unslid, without the kernel's slide

    Images of the kernel's space:
        0xffffff8000200000  -           11111111-1111-1111-1111-111111111111  kernel       mach_kernel
            /k/mach_kernel
            matched by UUID, placed by the report; names, inlined functions and lines; 3 frames
        0xffffff7f80e4a000  -           22222222-2222-2222-2222-222222222222  kext         net.lundman.spl
            /k/spl
            matched by UUID, placed by the report; names, inlined functions and lines; 2 frames
        0xffffff7f80e80000  -           33333333-3333-3333-3333-333333333333  kext         net.lundman.zfs 1.0.0
            refused: /k/zfs.kext: has no UUID; pass the build that was loaded

    Files that match no image:
        /k/other.kext (com.example.other) (UUID 44444444-4444-4444-4444-444444444444): no image of the report has this UUID

    Notes:
        offset 0x40: 12 bytes skipped
        one kext is missing
    ");
}

#[test]
fn colours_change_no_character_of_the_text() {
    let options = RenderOptions {
        color: true,
        ..RenderOptions::default()
    };
    let coloured = rendered("text", &hang(), &options);
    assert!(coloured.contains("\u{1b}[32mspl_cv_wait\u{1b}[0m"));
    let plain = rendered("text", &hang(), &RenderOptions::default());
    assert_eq!(without_styles(&coloured), plain);
}

/// A text without its ANSI styles. Any other escape sequence stays.
pub(super) fn without_styles(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((style, rest))
                if style
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b';') =>
            {
                plain.push_str(rest);
            }
            _ => {
                plain.push_str("\u{1b}[");
                plain.push_str(part);
            }
        }
    }
    plain
}

#[test]
fn facts_are_shown_under_their_own_names_when_asked_for() {
    let options = RenderOptions {
        as_read: true,
        ..RenderOptions::default()
    };
    let text = rendered("text", &hang(), &options);
    assert!(text.contains("\n    pri: 81\n    flags: 0x80\n"));
    let silent = rendered("text", &hang(), &RenderOptions::default());
    assert!(!silent.contains("pri: 81"));
}

#[test]
fn a_name_the_report_and_the_symbol_file_agree_on_stands_once() {
    for said in ["_arc_read", "arc_read"] {
        let found = Answer::named(1, SPL, 0x10, 12, named("arc_read")).said(said, 12);
        assert_eq!(
            plain(vec![found]),
            "arc_read (in net.lundman.spl) + 12 (0xffffff7f80e4a010)"
        );
    }
}

#[test]
fn the_same_name_at_another_offset_is_a_disagreement() {
    let found = Answer::named(1, SPL, 0x10, 12, named("arc_read")).said("_arc_read", 13);
    assert!(plain(vec![found]).ends_with(" [said: _arc_read + 0xd]"));
}

#[test]
fn a_said_demangled_name_without_parameters_agrees() {
    let found =
        Answer::named(1, SPL, 0x10, 12, named("IOPool::wait(int)")).said("IOPool::wait", 12);
    assert!(!plain(vec![found]).contains("said"));
}

#[test]
fn another_image_than_the_one_said_is_shown() {
    let mut found = Answer::named(1, SPL, 0x10, 12, named("arc_read"));
    let said = |image: &str| {
        Some(Said {
            image: Some(image.to_owned()),
            ..Said::default()
        })
    };
    found.said = said("spl");
    assert!(!plain(vec![found]).contains("said"));
    let mut found = Answer::named(1, SPL, 0x10, 12, named("arc_read"));
    found.said = said("com.example.other");
    assert!(plain(vec![found]).ends_with("[said: in com.example.other]"));
}

#[test]
fn a_said_name_fills_in_where_only_the_start_of_the_function_is_known_and_fits() {
    let start_only = || {
        let mut found = named("sub_4");
        found.certainty = kstack_symbols::Certainty::Unnamed;
        found
    };
    let fits = Answer::named(1, SPL, 0x10, 12, start_only()).said("arc_read", 12);
    assert_eq!(
        plain(vec![fits]),
        "arc_read (in net.lundman.spl) + 12 (0xffffff7f80e4a010) [said by the report, not verified]"
    );
    let differs = Answer::named(1, SPL, 0x10, 12, start_only()).said("arc_read", 99);
    assert_eq!(
        plain(vec![differs]),
        "sub_4 (in net.lundman.spl) + 12 (0xffffff7f80e4a010) [no name: function start only] [said: arc_read + 0x63]"
    );
}

#[test]
fn a_cpp_name_that_only_the_report_has_reads_as_it_was_written() {
    let said = || {
        let start_only = kstack_symbols::Named {
            certainty: kstack_symbols::Certainty::Unnamed,
            ..named("sub_4")
        };
        let frame = Answer::named(1, SPL, 0x10, 12, start_only);
        sample::one(vec![frame.said("__ZN6IOPool4waitEi", 12)])
    };
    let shown = |options: RenderOptions| stack_of(&said(), &options);
    assert!(
        shown(RenderOptions::default()).starts_with("IOPool::wait(int) (in net.lundman.spl) + 12")
    );
    let raw_names = RenderOptions {
        raw_names: true,
        ..RenderOptions::default()
    };
    assert!(shown(raw_names).starts_with("__ZN6IOPool4waitEi (in net.lundman.spl) + 12"));
}

#[test]
fn a_name_from_another_build_is_marked_at_every_frame() {
    let found = || Answer::named(1, SPL, 0x10, 12, named("arc_read"));
    let mut trace = sample::one(vec![found(), found()]);
    trace.images[1].used.as_mut().unwrap().mismatched = true;
    let stack = stack_of(&trace, &RenderOptions::default());
    assert_eq!(
        stack
            .matches("[from another build: the UUIDs differ]")
            .count(),
        2
    );
}

#[test]
fn what_a_function_probably_is_stands_beside_the_frame_and_is_no_name() {
    let mut trace = sample::one(vec![Answer::in_image(1, SPL, 0x10, Why::NoSymbolThere)]);
    let frame = &trace.report.processes[0].threads[0].stacks[0].frames[0];
    let key = (SpaceId::Kernel, frame.at, frame.kind);
    let texts = [
        (
            sample::guess(&[("net_foo_Zvol", 23)], 0),
            "probably a virtual function of net_foo_Zvol: entry 23 of its vtable",
        ),
        (
            sample::guess(&[("A", 3), ("B", 3)], 0),
            "probably a virtual function: entry 3 in the vtables of A, B",
        ),
        (
            sample::guess(&[("A", 3), ("B", 4)], 0),
            "probably a virtual function: entry 3 in the vtable of A, entry 4 in the vtable of B",
        ),
        (
            sample::guess(&[("A", 3), ("B", 3), ("C", 3), ("D", 3)], 2),
            "probably a virtual function: entry 3 in the vtables of A, B, C, and in 3 more",
        ),
    ];
    for (guess, words) in texts {
        trace.guesses.insert(key, guess);
        assert_eq!(
            stack_of(&trace, &RenderOptions::default()),
            format!(
                "net.lundman.spl + 0x10 (0xffffff7f80e4a010) [the symbol file has nothing there] [{words}]"
            )
        );
    }
}

#[test]
fn a_tail_call_from_one_of_several_is_said_in_words() {
    let mut trace = sample::one(vec![
        Answer::named(1, SPL, 0x10, 12, named("inner")),
        Answer::named(1, SPL, 0x20, 12, named("outer")),
    ]);
    let frames = &trace.report.processes[0].threads[0].stacks[0].frames;
    let key = |index: usize| (SpaceId::Kernel, frames[index].at, frames[index].kind);
    let caller = |name: &str| TailCaller {
        name: name.to_owned(),
        raw: name.to_owned(),
    };
    let pair = (key(0), key(1));
    let entered = Entered {
        name: "middle".to_owned(),
        raw: "middle".to_owned(),
        tail_callers: vec![caller("left"), caller("right")],
    };
    trace.entered.insert(pair, entered);
    let stack = stack_of(&trace, &RenderOptions::default());
    let mark = "[entered through middle, which the stack does not show] \
                [called through a tail call from one of left, right]";
    assert!(stack.contains(mark), "{stack}");
}

/// With `--allow-mismatch`. Only the frames that contradict were marked, not the names of the others.
#[test]
fn a_name_from_a_contradicted_file_is_marked_at_every_frame() {
    let found = || Answer::named(1, SPL, 0x10, 12, named("arc_read"));
    let mut trace = sample::one(vec![found(), found()]);
    trace.images[1].evidence = Some(Evidence {
        verdict: Verdict::Contradicted,
        returns: Agreement { agree: 0, of: 2 },
        calls: Agreement::default(),
        interrupted: Agreement::default(),
    });
    let stack = stack_of(&trace, &RenderOptions::default());
    let mark = "[the code of the symbol file contradicts the stacks]";
    assert_eq!(stack.matches(mark).count(), 2);
    let json = rendered("json", &trace, &RenderOptions::default());
    assert_eq!(json.matches("\"contradicted\": true").count(), 2);
}

#[test]
fn raw_names_are_shown_when_asked_for() {
    let mut found = named("Pool::wait()");
    found.raw = "_ZN4Pool4waitEv".into();
    let trace = sample::one(vec![Answer::named(1, SPL, 0x10, 12, found)]);
    let options = RenderOptions {
        raw_names: true,
        ..RenderOptions::default()
    };
    assert!(stack_of(&trace, &options).starts_with("_ZN4Pool4waitEv (in"));
    assert!(stack_of(&trace, &RenderOptions::default()).starts_with("Pool::wait() (in"));
}

#[test]
fn the_address_as_printed_is_kept_beside_the_one_without_its_signature() {
    let mut found = Answer::in_image(2, ZFS, 0x10, Why::NoSymbolFile);
    found.said = Some(Said {
        raw: Some(Address(0xcbaf_7e00_1192_7fc8)),
        ..Said::default()
    });
    assert!(plain(vec![found]).ends_with("[no symbol file] [printed as 0xcbaf7e0011927fc8]"));
}

#[test]
fn code_below_the_header_of_its_image_has_a_negative_offset() {
    let below = 0u64.wrapping_sub(0x1000);
    let key = (
        crate::resolve::SpaceId::Kernel,
        At::Absolute(Address(ZFS - 0x1000)),
        FrameKind::ReturnAddress,
    );
    let mut trace = sample::one(vec![Answer::nowhere(ZFS - 0x1000)]);
    trace.resolutions.insert(
        key,
        crate::resolve::Resolution::ImageOnly {
            image: 2,
            offset_in_image: ImageOffset(below),
            why: Why::SegmentNotPlaced,
        },
    );
    let stack = stack_of(&trace, &RenderOptions::default());
    assert!(stack.starts_with("net.lundman.zfs - 0x1000 (0xffffff7f80e7f000)"));
}

#[test]
fn an_offset_in_an_image_that_lies_nowhere_has_no_address() {
    let mut trace = sample::one(vec![]);
    let at = At::InImage {
        image: 7,
        offset: ImageOffset(0x12cc),
    };
    let mut frame = Frame::new(Address(0), FrameKind::ReturnAddress);
    frame.at = at;
    let key = (
        crate::resolve::SpaceId::Kernel,
        at,
        FrameKind::ReturnAddress,
    );
    trace.resolutions.insert(
        key,
        crate::resolve::Resolution::ImageOnly {
            image: 2,
            offset_in_image: ImageOffset(0x12cc),
            why: Why::NoSymbolFile,
        },
    );
    trace.report.processes[0].threads[0].stacks = vec![Stack::new(Side::Kernel, vec![frame])];
    let stack = stack_of(&trace, &RenderOptions::default());
    assert_eq!(
        stack,
        "net.lundman.zfs + 0x12cc (address not stated) [no symbol file]"
    );
}

#[test]
fn a_deep_stack_stops_moving_to_the_right() {
    let answers = (0..60).map(|at| Answer::named(0, KERNEL, at, 4, named("recurse")));
    let text = rendered(
        "text",
        &sample::one(answers.collect()),
        &RenderOptions::default(),
    );
    let indents = text.lines().filter(|line| line.contains("recurse"));
    let indents = indents.map(|line| line.len() - line.trim_start().len());
    assert_eq!(indents.max(), Some(44));
}

#[test]
fn several_stacks_say_their_side_and_their_samples() {
    let mut trace = sample::one(vec![]);
    let user = Stack {
        samples: 12,
        ..Stack::new(Side::User, vec![])
    };
    trace.report.processes[0].threads[0].stacks.push(user);
    let text = rendered("text", &trace, &RenderOptions::default());
    assert!(text.contains(
        "    Kernel stack:\n    (no frames)\n    User stack (12 samples):\n    (no frames)\n"
    ));
}

#[test]
fn a_continuation_has_the_name_that_was_found_for_it() {
    let mut trace = sample::one(vec![Answer::named(0, KERNEL, 0x10, 0, named("spl_thread"))]);
    let at = Address(KERNEL + 0x10);
    let answer = trace.resolutions.values().next().unwrap().clone();
    let key = (
        crate::resolve::SpaceId::Kernel,
        At::Absolute(at),
        FrameKind::InstructionPointer,
    );
    trace.resolutions.insert(key, answer);
    trace.report.processes[0].threads[0].continuation = Some(at);
    let text = rendered("text", &trace, &RenderOptions::default());
    assert!(text.contains("Thread continuation: 0xffffff8000200010 (spl_thread)\n"));
}

#[test]
fn which_trace_of_a_file_it_is_is_said_when_there_are_several() {
    let options = RenderOptions {
        trace_index: crate::render::TraceIndex { index: 2, of: 3 },
        ..RenderOptions::default()
    };
    let text = rendered("text", &hang(), &options);
    assert!(text.contains("\nTrace: 2 of 3\n"));
}

#[test]
fn unknown_kernel_frames_say_by_where_they_lie_what_to_pass() {
    let mut trace = sample::one(vec![
        Answer::nowhere(0xffff_ff7f_8100_0000),
        Answer::nowhere(0xffff_ff7f_8200_0000),
        Answer::nowhere(0xffff_ff80_0030_0000),
        Answer::nowhere(0x10),
    ]);
    trace.images.clear();
    let text = rendered("text", &trace, &RenderOptions::default());
    let missing = text.split("Images missing:\n").nth(1).unwrap();
    assert_snapshot!(missing, @r"
    2 frames where kexts are loaded (0xffffff7f81000000 to 0xffffff7f82000000); pass --kextstat FILE, or --kext PATH@ADDRESS
    1 frame where the kernel lies (0xffffff8000300000); pass --kernel PATH
    1 frame in no known image (0x10)
    ");
}

#[test]
fn nothing_is_guessed_from_addresses_of_another_cpu() {
    let mut trace = sample::one(vec![Answer::nowhere(0xffff_ff80_0030_0000)]);
    trace.images.clear();
    trace.report.machine.arch = Some(kstack_model::Arch::Arm64);
    let text = rendered("text", &trace, &RenderOptions::default());
    assert!(text.contains("1 frame in no known image (0xffffff8000300000)\n"));
}

#[test]
fn a_recorded_wait_is_told_with_its_owner() {
    let text = rendered("text", &sample::waiting(), &RenderOptions::default());
    assert!(
        text.contains(
            "    Thread waits for: PortSend 0xa11ce of the service com.example.service, served by PID 77\n    \
             Thread turnstile ends at: thread 0x9 at priority 81, 2 turnstiles on\n"
        ),
        "{text}"
    );
}
