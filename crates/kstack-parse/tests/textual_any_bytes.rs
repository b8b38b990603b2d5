//! Spindump, sample, debugger and dtrace text: any bytes, every prefix, any limit.

use kstack_model::Report;
use kstack_parse::{FORMATS, Format, Limits, parse, parse_as};
use proptest::prelude::*;

const NAMES: [&str; 4] = [
    "spindump-text",
    "sample-text",
    "debugger-text",
    "dtrace-text",
];

fn formats() -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(|format| NAMES.contains(&format.name))
}

/// Lines in the grammar of every format, for mixtures that random bytes never hit.
const LINES: &[&str] = &[
    "",
    "> ",
    "Date/Time:        2020-01-01 00:00:00.000 +0000",
    "Steps:            3 (10ms sampling interval)",
    "Heavy format: stacks are sorted by count",
    "Process:          poold (poold) [517]",
    "  Thread 0xeac,0xead    DispatchQueue \"org.pool\"(1)    3 samples (1-3)    priority 31 (base 31)",
    "  <thread QoS default, IO tier 0>",
    "  3  start + 2 (dyld + 7) [0x7ff806675310] 1-3",
    "    2  <patched truncated backtrace> 1-2",
    "     *2  zio_wait + 0 (zfs + 16) [0xffffff7f81000010] (running) 1-2",
    "\t\t*9 ??? [0xffffff7f81000010]",
    "  Binary Images:",
    "   *0xffffff7f81000000 - ???  org.openzfsonosx.zfs 1 (2) <AABBCCDD-0000-3000-8000-001122334455>__HIB  /x/zfs",
    "        0x1000 - 0xffffffffffffffff  ???  <AABBCCDD-0000-3000-8000-001122334455>",
    "Powerstats for:  poold [517]",
    "Custom Output:",
    "Analysis of sampling poold (pid 517) every 1 millisecond",
    "Call graph:",
    "    825 Thread_157   DispatchQueue_1: org.pool  (serial)",
    "    + 825 scrub  (in poold) + 1,2  [0x100000001,0x100000002]  scrub.c:12",
    "    + ! 18446744073709551615 scrub  (in poold)  load address 0x1 + 0x2  [0x3]",
    "Total number in stack (recursive counted multiple, when >=5):",
    "(lldb) image lookup -a 0xffffff7f81000010",
    "        Summary: zfs`zio_wait + 16 at zio.c:3",
    "Load Address: 0xffffff8000200000",
    "Process 1 resuming",
    "* thread #2: tid = 0x38a8, 0xffffff7f81000010 zfs`zio_wait + 1, name = 'a', stop reason = x",
    "  * frame #0: 0xffffff7f81000010 zfs`zio_wait [inlined] list_head(l=0x1) + 4 at list.h:3:1 [opt]",
    "    frame #1: 0xffffff7f81000010",
    "#0  Debugger (message=0x1) at /src/debug.c:3",
    "#1  0xffffff7f81000010 in zio_wait (zio=0x1) at zio.c:3",
    "#2  spa_sync (spa=0x1) at spa.c:3",
    "task  vm_map  ipc_space #acts flags pid process command",
    "0x10 0x20 0x30 3 D 4 0x40 zpool",
    "\tthread thread_id processor base pri wait_event thread_name",
    "\t0x10 [WQ] 0x20 0x30 31 31 0x40 txg",
    "\tstacktop = 0x10",
    "\t0x10 0x20 <org.openzfsonosx.zfs + 0x30>",
    "\tcontinuation=0x20",
    "kmod_info address size id refs version name",
    "0xffffff8010 0xffffff7f81000000 0x1000 3 0 1.0 org.openzfsonosx.zfs",
    "CPU     ID                    FUNCTION:NAME",
    "  0  123  vn_open:entry ",
    "              zfs`zio_wait+0x12",
    "              zfs`0xffffffffffffffff+0x12",
    "              0xffffff7f81000010",
    "     17",
    "   value  ------------- Distribution ------------- count",
    "    512 |@@@@  18446744073709551615",
    "Adaptive mutex spin: 2 events in 1.0 seconds (2 events/sec)",
    "Count indv cuml rcnt     nsec Lock                   Caller",
    " 618   1%  84% 0.00       31 0xfffff8000cd83a88     zio_wait+0x37",
];

fn frames(reports: &[Report]) -> usize {
    let processes = reports.iter().flat_map(|report| &report.processes);
    let threads = processes.flat_map(|process| &process.threads);
    let stacks = threads.flat_map(|thread| &thread.stacks);
    stacks.map(|stack| stack.frames.len()).sum()
}

/// Reads a text as every format, and tells the frames.
fn read(bytes: &[u8], limits: &Limits) -> usize {
    let mut most = 0;
    for format in formats() {
        let _ = (format.sniff)(bytes);
        most = most.max(parse_as(format, bytes, limits).map_or(0, |reports| frames(&reports)));
    }
    most
}

fn mixture() -> impl Strategy<Value = String> {
    let line = (0..LINES.len(), 0..12_usize, any::<bool>()).prop_map(|(line, indent, quoted)| {
        let quote = if quoted { "> " } else { "" };
        format!("{quote}{}{}", " ".repeat(indent), LINES[line])
    });
    prop::collection::vec(line, 0..60).prop_map(|lines| lines.join("\r\n"))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes, &Limits::default());
    }

    #[test]
    fn any_mixture_of_lines_is_read_or_refused(text in mixture()) {
        read(text.as_bytes(), &Limits::default());
        let _ = parse(text.as_bytes(), &Limits::default());
    }

    #[test]
    fn every_prefix_of_a_mixture_is_read_or_refused(text in mixture(), cut in 0.0..1.0_f64) {
        let cut = (text.len() as f64 * cut) as usize;
        read(&text.as_bytes()[..cut], &Limits::default());
    }

    #[test]
    fn no_text_makes_more_frames_than_it_may(text in mixture(), frames in 0..20_usize) {
        let limits = Limits { frames, ..Limits::default() };
        prop_assert!(read(text.as_bytes(), &limits) <= frames);
    }
}

/// The deepest tree that fits a text: each frame of a stack has a column of its own in the line, so
/// a text never makes more frames than it has bytes.
#[test]
fn a_comb_costs_no_more_frames_than_bytes() {
    let mut text = String::from("  Thread 0x1    999 samples (1-999)\n");
    for depth in 0..300 {
        let indent = " ".repeat(depth + 2);
        text.push_str(&format!("{indent}{}  f (i + 1) [0x1]\n", 999 - depth));
    }
    let frames = read(text.as_bytes(), &Limits::default());
    assert!(frames > 10_000);
    assert!(frames <= text.len());
}

#[test]
fn a_passed_limit_is_noted() {
    let text = "  Thread 0x1    2 samples (1-2)\n  1  f (i + 1) [0x1]\n  1  g (i + 2) [0x2]\n";
    let limits = Limits {
        frames: 1,
        ..Limits::default()
    };
    let reports = parse(text.as_bytes(), &limits).unwrap();
    assert_eq!(frames(&reports), 1);
    assert_eq!(reports[0].notes.len(), 1);
}
