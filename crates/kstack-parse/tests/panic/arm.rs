//! Logs of ARM kernels, of 64 and of 32 bits.

use kstack_model::{Address, Arch, At, FrameKind, ImageKind, Placement, Side, StackEnd, Value};
use kstack_synth::panic::{Layout, PanicLog};

use super::{ARM_CODE, CODE, STACK, addresses, arm64, fact, one, stack, text};

#[test]
fn an_arm64_range_is_the_code_and_the_started_address_the_header() {
    let report = one(&arm64().build());
    let zfs = report.kernel.images.last().unwrap();
    assert_eq!(
        zfs.placements,
        [
            Placement::SegmentAt {
                segment: "__TEXT_EXEC".to_owned(),
                address: Address(ARM_CODE + 0x40)
            },
            Placement::LoadedAt(Address(0xffff_fe00_0f20_4000)),
        ]
    );
    assert_eq!(zfs.size, Some(0x1fc0));
    assert_eq!(report.kernel.images[1].kind, ImageKind::KernelCollection);
    assert_eq!(report.kernel.slides.len(), 3);
}

#[test]
fn an_arm64_fault_gives_its_pc_its_words_and_the_caller_of_a_leaf() {
    let report = one(&arm64().build());
    assert_eq!(stack(&report).frames[1].kind, FrameKind::InstructionPointer);
    assert_eq!(
        *fact(&report, "fault"),
        text("read from an unmapped page at 0x28: a null pointer plus 40")
    );
    // The saved lr is signed and in no frame.
    assert_eq!(
        *fact(&report, "caller, if the faulting function is a leaf"),
        Value::Hex(ARM_CODE + 0x610)
    );
    assert_eq!(*fact(&report, "lr"), Value::Hex(0x2bbd_fe00_1010_0610));
}

#[test]
fn the_panicked_thread_and_the_other_processors_are_told_apart() {
    let report = one(&arm64().build());
    let panicked = &report.processes[0];
    assert_eq!(
        (panicked.pid, panicked.name.as_deref()),
        (Some(501), Some("zpool"))
    );
    assert_eq!(panicked.threads[0].id, Some(4242));
    let other = &report.processes[1].threads[0];
    assert_eq!(other.name.as_deref(), Some("CORE 0"));
    assert_eq!(other.stacks[0].frames.len(), 2);
}

#[test]
fn the_caller_in_user_space_is_no_kernel_frame() {
    let log = arm64().frame(0, 0x1_2345_6780, "").build();
    let report = one(&log);
    let stacks = &report.processes[0].threads[0].stacks;
    assert_eq!(stacks[0].frames.len(), 3);
    assert_eq!(stacks[0].end, StackEnd::Complete);
    assert_eq!((stacks[1].side, stacks[1].frames.len()), (Side::User, 1));
}

#[test]
fn signed_frames_are_bared_and_keep_what_was_printed() {
    let log = arm64()
        .frame(0xffff_fe80_0000_0370, 0x8d93_7e00_1010_0800, "")
        .build();
    let report = one(&log);
    let frame = stack(&report).frames.last().unwrap();
    assert_eq!(frame.at, At::Absolute(Address(ARM_CODE + 0x800)));
    assert_eq!(
        frame.said.as_ref().unwrap().raw,
        Some(Address(0x8d93_7e00_1010_0800))
    );
}

#[test]
fn fifty_arm64_frames_are_as_many_as_the_kernel_prints() {
    let log = (0..47).fold(arm64(), |log, frame| log.frame(0, ARM_CODE + frame * 4, ""));
    assert_eq!(stack(&one(&log.build())).end, StackEnd::Truncated);
}

#[test]
fn a_kext_table_that_the_kernel_skips_is_explained() {
    let log = PanicLog::new(Layout::Arm64, ARM_CODE, "x")
        .machine("Paniclog version: 16")
        .frame(0, ARM_CODE, "")
        .tail("loaded kexts: (skipped, see boot kernelcache)");
    let report = one(&log.build());
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text.contains("boot kernel collection"))
    );
}

#[test]
fn thumb_addresses_of_32_bit_arm_lose_their_lowest_bit() {
    let log = "panic(cpu 0 caller 0x80204a0f): x\nPanicked thread: 0x81b3f600, backtrace: 0x81a2b300, tid: 7\n\
               \t\tlr: 0x80204a0f  fp: 0x81a2b3c8\n\t\tlr: 0x80204b10  fp: 0x81a2b3d8\n";
    let report = one(log);
    assert_eq!(report.machine.arch, Some(Arch::Arm));
    assert_eq!(addresses(&report), [0x8020_4a0e, 0x8020_4b10]);
}

#[test]
fn the_thread_that_is_backtraced_may_be_another_one() {
    let log = PanicLog::new(
        Layout::X86_64,
        CODE,
        "Sleep transition timed out\nBacktracing specified thread",
    )
    .frame(STACK, CODE, "");
    let report = one(&log.build());
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.text.contains("not of the one that called panic"))
    );
}
