//! Small functions, byte by byte.

use proptest::prelude::*;

use super::*;

const START: u64 = 0x1000;
const PROLOGUE: &[u8] = &[0x55, 0x48, 0x89, 0xe5];
const EPILOGUE: &[u8] = &[0x5d, 0xc3];
/// A call of a function in another image, before it is linked.
const CALL: &[u8] = &[0xe8, 0, 0, 0, 0];
const NOP: &[u8] = &[0x90];

/// How far the function at the start of this code surely reaches.
fn extent(code: &[&[u8]], hints: Hints) -> u64 {
    let code = code.concat();
    let mut hints = hints;
    hints.starts.push(START);
    let bounds = Bounds::recover(Arch::X86_64, vec![(START, &code)], hints);
    let end = START + code.len() as u64;
    let mut claimed = (START..end).filter(|&at| bounds.confirm(START, at));
    claimed.next_back().map_or(0, |last| last + 1 - START)
}

fn plain(code: &[&[u8]]) -> u64 {
    extent(code, Hints::default())
}

#[test]
fn a_function_reaches_to_its_return() {
    assert_eq!(
        plain(&[PROLOGUE, EPILOGUE, NOP, NOP, PROLOGUE, EPILOGUE]),
        6
    );
}

#[test]
fn what_a_branch_reaches_belongs_to_the_function_with_all_before_it() {
    // test edi, edi; je past the first return
    let code: &[&[u8]] = &[
        PROLOGUE,
        &[0x85, 0xff, 0x74, 0x02],
        EPILOGUE,
        &[0x31, 0xc0],
        EPILOGUE,
    ];
    assert_eq!(plain(code), 14);
}

#[test]
fn the_call_before_the_next_function_may_be_the_last_thing_a_function_does() {
    assert_eq!(plain(&[PROLOGUE, CALL, PROLOGUE, EPILOGUE]), 9);
    assert_eq!(plain(&[PROLOGUE, CALL, NOP, NOP, &[0x31, 0xc0, 0xc3]]), 9);
    // Without a sign of a next function it returns.
    assert_eq!(plain(&[PROLOGUE, CALL, &[0x31, 0xc0], EPILOGUE]), 13);
}

#[test]
fn after_a_call_known_never_to_return_nothing_is_claimed() {
    let hints = Hints {
        never_return: [START + 4].into(),
        ..Hints::default()
    };
    assert_eq!(extent(&[PROLOGUE, CALL, &[0x31, 0xc0], EPILOGUE], hints), 9);
}

#[test]
fn a_callee_that_returns_lets_its_caller_go_on() {
    // call the function behind this one, which sets up no frame
    let call = &[0xe8, 0x03, 0, 0, 0];
    assert_eq!(
        plain(&[PROLOGUE, call, NOP, EPILOGUE, &[0x31, 0xc0, 0xc3]]),
        12
    );
    // It traps instead: what follows the call may be anything.
    assert_eq!(plain(&[PROLOGUE, call, NOP, EPILOGUE, &[0x0f, 0x0b]]), 9);
}

#[test]
fn a_jump_forward_may_be_a_tail_call_unless_the_code_there_uses_the_frame() {
    let jump = &[0xeb, 0x01];
    let alone = &[0x31, 0xc0, 0xc3];
    assert_eq!(plain(&[PROLOGUE, jump, NOP, alone]), 6);
    assert_eq!(plain(&[PROLOGUE, jump, NOP, EPILOGUE]), 9);
}

#[test]
fn code_that_data_points_to_starts_a_function() {
    let hints = Hints {
        starts: vec![START + 8],
        ..Hints::default()
    };
    let code: &[&[u8]] = &[
        PROLOGUE,
        &[0x85, 0xff, 0x74, 0x02],
        EPILOGUE,
        &[0x31, 0xc0],
        EPILOGUE,
    ];
    assert_eq!(extent(code, hints), 8);
}

#[test]
fn functions_that_call_one_another_come_to_an_end() {
    // Each waits for the other to return.
    let code: &[&[u8]] = &[
        PROLOGUE,
        &[0xe8, 0x03, 0, 0, 0],
        NOP,
        EPILOGUE,
        PROLOGUE,
        &[0xe8, 0xeb, 0xff, 0xff, 0xff],
        EPILOGUE,
    ];
    assert_eq!(plain(code), 9);
}

proptest! {
    #[test]
    fn any_code_is_bounded_by_its_section(
        code in prop::collection::vec(any::<u8>(), 0..600),
        starts in prop::collection::vec(START - 4..START + 700, 0..20),
        arm in any::<bool>(),
    ) {
        let arch = if arm { Arch::Arm64e } else { Arch::X86_64 };
        let hints = Hints { starts: starts.clone(), ..Hints::default() };
        let bounds = Bounds::recover(arch, vec![(START, &code)], hints);
        for start in starts {
            prop_assert!(!bounds.confirm(start, START + code.len() as u64));
            prop_assert!(!bounds.confirm(start, start.wrapping_sub(1)));
        }
    }
}
