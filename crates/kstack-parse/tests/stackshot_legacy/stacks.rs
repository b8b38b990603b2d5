//! Frames: their widths, their kinds, and where a stack is cut.

use kstack_model::{Arch, FrameKind, Report, Side, StackEnd};
use kstack_synth::legacy::{Generation, Kind, Thread, Trace};

use super::{addresses, generations_with, pairs, read_one, shape, small, task, thread};

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
