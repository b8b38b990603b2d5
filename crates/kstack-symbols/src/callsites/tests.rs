use proptest::prelude::*;

use super::*;

fn x86(bytes: &[u8]) -> Code<'_> {
    Code::new(Arch::X86_64, vec![(0x1000, bytes)], VmAddr(0)).unwrap()
}

fn arm<'a>(bytes: &'a [u8]) -> Code<'a> {
    Code::new(Arch::Arm64e, vec![(0x4000, bytes)], VmAddr(0)).unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn every_form_of_a_call_through_a_pointer_is_one() {
    for call in [
        &[0xff, 0xd0][..],                                 // call rax
        &[0x41, 0xff, 0xd3],                               // call r11
        &[0xff, 0x50, 0x18],                               // call [rax + 0x18]
        &[0xff, 0x14, 0xc8],                               // call [rax + rcx * 8]
        &[0xff, 0x54, 0x24, 0x08],                         // call [rsp + 8]
        &[0xff, 0x15, 0x44, 0x33, 0x22, 0x11],             // call [rip + n]
        &[0xff, 0x90, 0xa0, 0x01, 0x00, 0x00],             // call [rax + n]
        &[0xff, 0x94, 0x24, 0x00, 0x02, 0x00, 0x00],       // call [rsp + n]
        &[0xff, 0x14, 0x25, 0x00, 0x10, 0x00, 0x00],       // call [n]
        &[0x42, 0xff, 0x94, 0xe0, 0x00, 0x02, 0x00, 0x00], // call [rax + r12 * 8 + n]
    ] {
        let mut bytes = vec![0x90];
        bytes.extend(call);
        let after = VmAddr(0x1000 + bytes.len() as u64);
        bytes.push(0xc3);
        let code = x86(&bytes);
        assert_eq!(
            code.call_before(after),
            After::Call(Target::Pointer),
            "{call:x?}"
        );
        assert!(code.call_sites().contains(after), "{call:x?}");
    }
}

#[test]
fn a_direct_call_tells_its_target() {
    let code = x86(&[0xe8, 3, 0, 0, 0, 0xcc, 0xcc, 0xcc, 0xc3]);
    assert_eq!(
        code.call_before(VmAddr(0x1005)),
        After::Call(Target::Inside(VmAddr(0x1008)))
    );
    assert_eq!(code.call_before(VmAddr(0x1006)), After::NoCall);
}

#[test]
fn a_call_that_the_loader_fills_in_leaves_the_image() {
    let code = x86(&[0xe8, 0, 0, 0, 0, 0xc3]);
    assert_eq!(
        code.call_before(VmAddr(0x1005)),
        After::Call(Target::Outside)
    );
}

#[test]
fn bytes_of_a_call_without_code_at_its_target_are_none() {
    let code = x86(&[0xe8, 0, 0, 0, 0x40, 0xc3]);
    assert_eq!(code.call_before(VmAddr(0x1005)), After::NoCall);
    assert!(code.call_sites().all().is_empty());
}

#[test]
fn a_call_may_be_the_last_instruction() {
    let code = x86(&[0x90, 0xff, 0xd0]);
    assert_eq!(
        code.call_before(VmAddr(0x1003)),
        After::Call(Target::Pointer)
    );
    assert_eq!(code.call_before(VmAddr(0x1004)), After::Unknown);
    assert!(code.call_sites().contains(VmAddr(0x1003)));
}

#[test]
fn all_arm64_calls_are_calls_and_jumps_are_none() {
    let calls = [
        0x9400_0002,
        0xd63f_0100,
        0xd63f_091f,
        0xd63f_0d1f,
        0xd73f_0911,
        0xd73f_0d11,
    ];
    let others = [
        0x1400_0002,
        0xd61f_0100,
        0xd71f_0911,
        0xd65f_03c0,
        0xd65f_0bff,
        0xd503_201f,
    ];
    let bytes = words(&[calls, others].concat());
    let code = arm(&bytes);
    let expected: Vec<_> = (1..=6).map(|index| VmAddr(0x4000 + 4 * index)).collect();
    assert_eq!(code.call_sites().all(), expected);
    assert_eq!(
        code.call_before(VmAddr(0x4004)),
        After::Call(Target::Inside(VmAddr(0x4008)))
    );
    assert_eq!(
        code.call_before(VmAddr(0x4008)),
        After::Call(Target::Pointer)
    );
    assert_eq!(code.call_before(VmAddr(0x4006)), After::NoCall);
}

#[test]
fn a_tail_call_takes_the_place_of_the_called_function() {
    // 1000: call 1008   1008: jmp 100b   100b: push rbp; mov rbp, rsp; call rax; ret
    let code = x86(&[
        0xe8, 3, 0, 0, 0, 0xc3, 0xcc, 0xcc, 0xeb, 1, 0xcc, 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd0, 0xc3,
    ]);
    let reach = code.reach(VmAddr(0x1008));
    assert!(reach.returns_to(VmAddr(0x1011)));
    assert!(reach.runs(VmAddr(0x100f)));
    assert!(!reach.returns_to(VmAddr(0x1005)));
    assert!(reach.is_closed());
}

#[test]
fn a_stub_leads_where_the_walk_cannot_follow() {
    let code = x86(&[0xff, 0x25, 0, 0, 0, 0]);
    assert!(!code.reach(VmAddr(0x1000)).is_closed());
    // adrp x16, 0; ldr x16, [x16]; br x16
    let stub = words(&[0x9000_0010, 0xf940_0210, 0xd61f_0200]);
    assert!(!arm(&stub).reach(VmAddr(0x4000)).is_closed());
}

#[test]
fn a_switch_stays_in_its_function_and_a_tail_call_through_a_pointer_may_leave() {
    // add rax, rcx; jmp rax
    let switch = x86(&[0x48, 0x01, 0xc8, 0xff, 0xe0]).reach(VmAddr(0x1000));
    assert!(!switch.is_closed() && !switch.may_leave());
    // pop rbp; jmp rax
    let tail = x86(&[0x5d, 0xff, 0xe0]).reach(VmAddr(0x1000));
    assert!(!tail.is_closed() && tail.may_leave());
    // add x8, x9, x8; br x8
    let switch = words(&[0x8b08_0128, 0xd61f_0100]);
    assert!(!arm(&switch).reach(VmAddr(0x4000)).may_leave());
}

#[test]
fn a_function_without_a_frame_stands_in_for_its_caller() {
    let mut bytes = vec![0x55, 0x48, 0x89, 0xe5, 0xe8, 1, 0, 0, 0, 0xc3]; // frame; call 100a
    bytes.extend([0xff, 0xd7, 0xc3]); // 100a: call rdi; ret
    let code = x86(&bytes);
    assert!(code.reach(VmAddr(0x1000)).returns_to(VmAddr(0x100c)));
    let framed = [0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0xc3];
    let bytes = [&bytes[..10], &framed].concat();
    assert!(!x86(&bytes).reach(VmAddr(0x1000)).returns_to(VmAddr(0x1010)));
}

#[test]
fn decoding_from_the_start_of_a_function_tells_where_instructions_start() {
    let code = x86(&[0x55, 0x48, 0x89, 0xe5, 0xc3]);
    assert_eq!(
        code.starts_instruction(VmAddr(0x1000), VmAddr(0x1004)),
        Some(true)
    );
    assert_eq!(
        code.starts_instruction(VmAddr(0x1000), VmAddr(0x1002)),
        Some(false)
    );
}

#[test]
fn instructions_with_an_operand_in_memory_can_fault_and_others_cannot() {
    for (insn, touches) in [
        (&[0x48, 0x8b, 0x45, 0xf8][..], true),    // mov rax, [rbp - 8]
        (&[0xff, 0x50, 0x18], true),              // call [rax + 0x18]
        (&[0xf3, 0xa4], true),                    // rep movsb
        (&[0x48, 0x8d, 0x45, 0xf8], false),       // lea rax, [rbp - 8]
        (&[0x0f, 0x1f, 0x44, 0x00, 0x00], false), // nop [rax + rax]
        (&[0x55], false),                         // push rbp
        (&[0x48, 0x01, 0xc8], false),             // add rax, rcx
        (&[0xe8, 0, 0, 0, 0], false),             // call
    ] {
        assert_eq!(
            x86(insn).touches_memory(VmAddr(0x1000)),
            Some(touches),
            "{insn:x?}"
        );
    }
    // ldr x0, [x1]; stp x29, x30, [sp, #-16]!; add x0, x1, x2; bl; nop
    let bytes = words(&[
        0xf940_0020,
        0xa9bf_7bfd,
        0x8b02_0020,
        0x9400_0000,
        0xd503_201f,
    ]);
    let code = arm(&bytes);
    let touches: Vec<_> = (0..5)
        .map(|n| code.touches_memory(VmAddr(0x4000 + 4 * n)))
        .collect();
    assert_eq!(touches, [true, true, false, false, false].map(Some));
}

#[test]
fn code_whose_address_other_code_takes_is_found() {
    // lea rdi, [rip + 3]; lea r15, [rip + 0x100]; ret: the second leads out of the code.
    let code = x86(&[
        0x48, 0x8d, 0x3d, 7, 0, 0, 0, 0x4c, 0x8d, 0x3d, 0, 1, 0, 0, 0xc3,
    ]);
    assert_eq!(code.referred(), [0x100e]);
    // adrp x0, #0; add x0, x0, #8; ret
    let bytes = words(&[0x9000_0000, 0x9100_2000, 0xd65f_03c0]);
    assert_eq!(arm(&bytes).referred(), [0x4008]);
}

#[test]
fn what_any_of_several_functions_reaches_is_counted_once() {
    // Two functions that jump to a third, which calls through a pointer.
    let code = x86(&[0xeb, 2, 0xeb, 0, 0xff, 0xd0, 0xc3]);
    let reach = code.reach_of_any(&[VmAddr(0x1000), VmAddr(0x1002)]);
    assert_eq!(reach.returns(), 1);
    assert!(reach.returns_to(VmAddr(0x1006)));
}

#[test]
fn other_architectures_have_no_decoder() {
    assert!(Code::new(Arch::Ppc, vec![(0, &[0][..])], VmAddr(0)).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_and_walked(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0_u64..700) {
        for arch in [Arch::X86_64, Arch::I386, Arch::Arm64] {
            let code = Code::new(arch, vec![(0x1000, &bytes)], VmAddr(0)).unwrap();
            let sites = code.call_sites();
            let after = VmAddr(0x1000 + at);
            let reach = code.reach(after);
            prop_assert!(reach.returns() <= MOST_RETURNS);
            // The scan and the look at one address agree.
            let is_call = matches!(code.call_before(after), After::Call(_));
            prop_assert!(!is_call || sites.contains(after));
            prop_assert!(is_call || !sites.contains(after));
        }
    }

    #[test]
    fn code_that_ends_the_address_space_is_no_danger(bytes in prop::collection::vec(any::<u8>(), 1..64)) {
        let start = u64::MAX - 20;
        for arch in [Arch::X86_64, Arch::I386, Arch::Arm64] {
            let code = Code::new(arch, vec![(start, &bytes)], VmAddr(0)).unwrap();
            let _ = (code.call_sites(), code.reach(VmAddr(start)), code.call_before(VmAddr(u64::MAX)));
        }
    }
}

const MOST_RETURNS: usize = 20_000;
