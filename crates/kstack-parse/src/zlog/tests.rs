//! Records of zone logs as several debuggers print them.

use super::*;
use proptest::prelude::*;

const GDB: &str = "oldest record is at log index 12:\n\n\
    ---- ALLOC  0xffffff8031110000 : index 12  :  ztime 777 ----\n\n\
    0xffffff8000244000 <zalloc_canblock+78>:   mov    %eax,-0xcc(%rbp)\n\
    0xffffff7f80e84700:   mov    %rax,%r15\n\n\
    ---- ALLOC  0xffffff8031110080 : index 13  :  ztime 778 ----\n\n\
    0xffffff8000244000 <zalloc_canblock+78>:   mov    %eax,-0xcc(%rbp)\n\
    0xffffff7f80e84700:   mov    %rax,%r15\n\n\
    ---- FREE  0xffffff8031110080 : index 14  :  ztime 779 ----\n\
    0xffffff8000244999 <zfree+8>:   nop\n";

/// Image, function and distance that are said of each frame.
type SaidOf<'a> = (Option<&'a str>, Option<&'a str>, Option<u64>);

fn said(report: &Report) -> Vec<Vec<SaidOf<'_>>> {
    let stacks = report.processes[0]
        .threads
        .iter()
        .flat_map(|thread| &thread.stacks);
    stacks
        .map(|stack| stack.frames.iter().map(said_of).collect())
        .collect()
}

fn said_of(frame: &Frame) -> SaidOf<'_> {
    let said = frame.said.as_ref();
    let image = said.and_then(|said| said.image.as_deref());
    let symbol = said.and_then(|said| said.symbol.as_deref());
    (image, symbol, said.and_then(|said| said.offset))
}

fn shape(report: &Report) -> Vec<(&str, u64, usize)> {
    let threads = report.processes[0].threads.iter();
    let stacks = threads.flat_map(|thread| {
        let name = thread.name.as_deref().unwrap();
        thread
            .stacks
            .iter()
            .map(move |stack| (name, stack.samples, stack.frames.len()))
    });
    stacks.collect()
}

#[test]
fn equal_backtraces_are_one_stack_with_its_count() {
    let report = read(GDB.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(shape(&report), [("ALLOC", 2, 2), ("FREE", 1, 1)]);
    let said = report.processes[0].threads[0].stacks[0].frames[0]
        .said
        .clone()
        .unwrap();
    assert_eq!(
        (said.symbol.as_deref(), said.offset),
        (Some("zalloc_canblock"), Some(78))
    );
}

#[test]
fn what_lldb_prints_behind_the_address_is_read_too() {
    let text = "ALLOC 0xffffff8031110000 : index 3 : ztime 5\n  0xffffff8000244000 kernel`zalloc + 78\n  [1] 0xffffff7f80e84700 zfs`0xffffff7f80e84700\n";
    let report = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(shape(&report), [("ALLOC", 1, 2)]);
    assert_eq!(
        said(&report),
        [[
            (Some("kernel"), Some("zalloc"), Some(78)),
            (Some("zfs"), None, None)
        ]]
    );
}

#[test]
fn a_backtrace_that_is_printed_once_counts_as_often_as_its_line_says() {
    let text = "op       btref           count\n\
        alloc    0x0012ab40         57\n    0xfffffe0007e41a2c <zalloc_ext + 0x5c>\n    0xfffffe0009a13f08 <???>\n\
        free     0x0012ab80          3\n    0xfffffe0007e41b00 <zfree_ext + 0x8>\n\
        alloc    0x0012abc0\n    0xfffffe0007e41a2c <zalloc_ext + 0x5c>\n";
    let report = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        shape(&report),
        [("ALLOC", 1, 1), ("ALLOC", 57, 2), ("FREE", 3, 1)]
    );
    assert_eq!(
        said(&report)[1],
        [(None, Some("zalloc_ext"), Some(0x5c)), (None, None, None)]
    );
}

#[test]
fn the_first_frame_may_stand_on_the_line_of_the_record() {
    let text = "-------- 0xffffff8031110000 OP 1 --------0xffffff8000244000 <mach_kernel`zalloc_internal + 78 at zalloc.c:2345>\n\
        0xffffff7f80e84700 <>\n\n\
        Count: 12 -------- 0xffffff8031110080 OP 0 --------0xffffff8000244999 <mach_kernel`zfree + 8 at zalloc.c:3000>\n";
    let report = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(shape(&report), [("ALLOC", 1, 2), ("FREE", 12, 1)]);
    assert_eq!(
        said(&report)[0],
        [
            (Some("mach_kernel"), Some("zalloc_internal"), Some(78)),
            (None, None, None)
        ]
    );
}

#[test]
fn records_by_index_and_address_are_read_with_their_operation() {
    let text = "idx         element               OP  backtrace\n\
        0           0xfffffe1b00440080     1  0x0012ab40\n    0xfffffe0009a13f08 <unknown: use `addkextaddr 0xfffffe0009a13f08` to resolve>\n\
        1           0xfffffe1b00440100     0  0x0012ab80\n    0xfffffe0009a13f10 <spl`spl_free + 4>\n";
    let report = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(shape(&report), [("ALLOC", 1, 1), ("FREE", 1, 1)]);
    assert_eq!(said(&report)[0], [(None, None, None)]);
}

#[test]
fn a_text_without_a_record_is_an_error() {
    assert!(read(b"0xffffff8000244000 <zalloc+1>", &Limits::default()).is_err());
}

#[test]
fn a_record_without_frames_costs_only_itself() {
    let text =
        format!("ALLOC 0xffffff8031110000 : index 1\nFREE 0xffffff8031110000 : index 2\n{GDB}");
    let report = read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(report.notes.len(), 1);
    assert_eq!(shape(&report).len(), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &Limits::default());
    }

    #[test]
    fn every_prefix_is_read_or_refused(end in 0..GDB.len()) {
        let _ = read(&GDB.as_bytes()[..end], &Limits::default());
    }
}
