//! Which of the generations a trace is of, and what is none.

use kstack_model::{Arch, Basis};
use kstack_parse::{Limits, ParseErrorKind, parse};
use kstack_synth::legacy::{Generation, Thread, Trace};

use super::{addresses, assert_small, read_one, shape, small, task, thread};

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
