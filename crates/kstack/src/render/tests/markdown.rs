//! The Markdown.

use insta::assert_snapshot;

use super::sample::{self, Answer, KERNEL, hang, named};
use super::*;
use crate::diagnose::diagnose;
use crate::render::TraceIndex;
use crate::render::diagnosis::{Shown, write_markdown};
use crate::render::markdown::room::LONGEST;

#[test]
fn a_hang_shows_the_threads_of_the_given_kexts_and_folds_the_rest() {
    let options = RenderOptions {
        command: Some("kstack symbolicate hang.txt --kext /k/spl --format markdown".to_owned()),
        ..RenderOptions::default()
    };
    assert_snapshot!(rendered("markdown", &hang(), &options), @r"
    # Kernel trace

    - Report: `stackshot-legacy`
    - OS: `OS X 10.8 (12A1)`
    - Architecture: `x86_64`
    - Kernel addresses: `unslid, without the kernel's slide`
    - Kext: `net.lundman.spl`, version not stated
    - Kext: `net.lundman.zfs` `1.0.0`

    Made by, and repeated with:

    ```sh
    kstack symbolicate hang.txt --kext /k/spl --format markdown
    ```

    ## Threads in the given kexts

    ### `zpool` (PID 156)

    ```text
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
    ```

    ## Other threads

    <details>
    <summary><code>kernel_task</code> (PID 0): 1 thread</summary>

    ```text
    PID: 0
        Process: kernel_task
        Thread ID: 0x4e3
        Thread state: 0x85 == TH_WAIT | TH_RUN | TH_IDLE (idle thread of a processor)
        Thread continuation: 0xffffff800022e000
        (no stack)
    ```

    </details>

    ## Images

    | image | version | UUID | load address | frames | symbol file | evidence of the code |
    | --- | --- | --- | --- | ---: | --- | --- |
    | `mach_kernel` | | `11111111-1111-1111-1111-111111111111` | `0xffffff8000200000` | 3 | `/k/mach_kernel`, matched by UUID, placed by the report; names, inlined functions and lines | |
    | `net.lundman.spl` | | `22222222-2222-2222-2222-222222222222` | `0xffffff7f80e4a000` | 2 | `/k/spl`, matched by UUID, placed by the report; names, inlined functions and lines | |
    | `net.lundman.zfs` | `1.0.0` | `33333333-3333-3333-3333-333333333333` | `0xffffff7f80e80000` | 3 | missing | |

    ## Missing

    - `net.lundman.zfs` `1.0.0`, UUID `33333333-3333-3333-3333-333333333333`: 3 frames; pass `--kext PATH, the build with this UUID`
    - 1 frame where kexts are loaded (`0xffffff7ff0000000`); pass `--kextstat FILE, or --kext PATH@ADDRESS`
    - 1 frame in no known image (`0xffffff8012340000`)

    ## Files not used

    - `/k/zfs.kext` for `net.lundman.zfs`: `has no UUID; pass the build that was loaded`
    - `/k/other.kext`, `com.example.other`, UUID `44444444-4444-4444-4444-444444444444`: `no image of the report has this UUID`

    ## Notes

    - offset 0x40: `12 bytes skipped`
    - `one kext is missing`
    ");
}

#[test]
fn without_a_thread_in_a_given_kext_those_with_names_stand_open() {
    let trace = sample::one(vec![Answer::named(0, KERNEL, 8, 4, named("thread_block"))]);
    let markdown = rendered("markdown", &trace, &RenderOptions::default());
    assert!(markdown.contains("## Threads with names, idle ones apart\n\n### `zpool` (PID 156)\n"));
    assert!(!markdown.contains("<details>"));
}

#[test]
fn a_panicked_thread_is_never_folded() {
    let mut trace = sample::one(vec![Answer::nowhere(0x10)]);
    let folded = rendered("markdown", &trace, &RenderOptions::default());
    assert!(folded.contains("## Threads\n\n<details>"));
    trace.report.processes[0].threads[0].role = kstack_model::ThreadRole::Panicked;
    let open = rendered("markdown", &trace, &RenderOptions::default());
    assert!(!open.contains("<details>"));
}

#[test]
fn a_fence_is_longer_than_any_run_of_backticks_in_it() {
    let trace = sample::one(vec![Answer::named(0, KERNEL, 8, 4, named("a`````b"))]);
    let markdown = rendered("markdown", &trace, &RenderOptions::default());
    assert!(markdown.contains("\n``````text\n"));
    assert!(markdown.contains("a`````b (in"));
}

#[test]
fn a_huge_trace_stays_postable_and_says_what_was_dropped() {
    let mut trace = sample::hang();
    let busy = trace.report.processes[1].threads[0].clone();
    for pid in 0..40 {
        let threads = (0..60).map(|id| kstack_model::Thread {
            id: Some(id),
            ..busy.clone()
        });
        trace
            .report
            .processes
            .push(sample::process(pid, "busy", threads.collect()));
    }
    let markdown = rendered("markdown", &trace, &RenderOptions::default());
    assert!(markdown.len() <= LONGEST, "{}", markdown.len());
    let dropped = markdown
        .lines()
        .find(|line| line.starts_with("Dropped to stay under"))
        .unwrap();
    let shown = markdown.matches("Thread ID:").count();
    let all = 2 + 40 * 60;
    assert!(
        dropped.contains(&format!(" {} threads, ", all - shown)),
        "{dropped}, {shown} shown"
    );
}

/// So many threads of one process, of which `more` waits elsewhere.
fn crowd(ids: std::ops::Range<u64>, more: kstack_model::Thread) -> Trace {
    let mut trace = sample::hang();
    let busy = trace.report.processes[1].threads[0].clone();
    let threads = ids.map(|id| kstack_model::Thread {
        id: Some(id),
        ..busy.clone()
    });
    trace.report.processes = vec![
        sample::process(1, "crowd", threads.collect()),
        sample::process(2, "last", vec![more]),
    ];
    trace
}

#[test]
fn what_matters_most_is_kept_wherever_it_stands_in_the_report() {
    let mut panicked = sample::hang().report.processes[1].threads[0].clone();
    panicked.role = kstack_model::ThreadRole::Panicked;
    panicked.id = Some(0xabcd);
    let trace = crowd(1..500, panicked);
    let markdown = rendered("markdown", &trace, &RenderOptions::default());
    assert!(markdown.len() <= LONGEST, "{}", markdown.len());
    assert!(markdown.contains("Thread ID: 0xabcd"), "{markdown}");
    assert!(markdown.contains(" threads. `--format text` has everything."));
}

#[test]
fn a_folded_process_says_of_how_many_threads_some_are_shown() {
    let mut trace = crowd(1..500, sample::thread(0x9999, Vec::new()));
    // No kext is given and nothing named: all are folded.
    trace.resolutions.clear();
    let markdown = rendered("markdown", &trace, &RenderOptions::default());
    let shown = markdown.matches("Thread ID:").count();
    let of = markdown.matches("0x9999").count();
    let summary = format!("<code>crowd</code> (PID 1): {} of 499 threads", shown - of);
    assert!(markdown.contains(&summary), "{summary}: {markdown}");
}

#[test]
fn a_stack_too_long_for_a_document_is_shortened_and_says_so() {
    let mut trace = sample::hang();
    let thread = &mut trace.report.processes[1].threads[0];
    let frame = thread.stacks[0].frames[0].clone();
    thread.stacks[0].frames = vec![frame; 2000];
    let markdown = rendered("markdown", &trace, &RenderOptions::default());
    assert!(markdown.len() <= LONGEST, "{}", markdown.len());
    assert!(markdown.contains("Thread ID: 0x4e2"));
    let line = markdown
        .lines()
        .find(|line| line.contains("more lines of this thread"));
    let dropped: usize = line
        .unwrap()
        .split(' ')
        .find_map(|word| word.parse().ok())
        .unwrap();
    assert!((1000..2100).contains(&dropped), "{dropped}");
}

#[test]
fn a_diagnosis_of_many_long_stacks_stays_postable_and_keeps_its_last_sections() {
    let mut trace = sample::hang();
    let busy = trace.report.processes[1].threads[0].clone();
    let threads = (0..60_usize).map(|id| {
        let mut thread = busy.clone();
        thread.id = u64::try_from(id).ok();
        let mut frames = thread.stacks[0].frames.clone();
        let by = id % frames.len();
        frames.rotate_left(by);
        thread.stacks[0].frames = vec![frames; 8 + id].concat();
        thread
    });
    trace.report.processes = vec![sample::process(1, "deep", threads.collect())];
    let mut out = Vec::new();
    let options = RenderOptions::default();
    write_markdown(&diagnose(&trace), &options, Shown::all(), &mut out).unwrap();
    let markdown = String::from_utf8(out).unwrap();
    assert!(markdown.len() <= LONGEST, "{}", markdown.len());
    for heading in ["## What is missing", "## Notes"] {
        assert!(markdown.contains(heading), "{heading}");
    }
    assert!(markdown.contains("\nDropped to stay under 60000 characters: "));
}

#[test]
fn two_traces_in_one_document_were_too_long_together() {
    let mut trace = sample::hang();
    let busy = trace.report.processes[1].threads[0].clone();
    trace.report.processes = vec![sample::process(1, "busy", vec![busy; 300])];
    let row = RENDERERS.iter().find(|row| row.name == "markdown").unwrap();
    for of in [2, 3, 40] {
        let (mut answer, mut diagnosed) = (Vec::new(), Vec::new());
        for index in 1..=of {
            let options = |written| RenderOptions {
                trace_index: TraceIndex { index, of },
                written,
                ..RenderOptions::default()
            };
            (row.write)(&trace, &options(answer.len()), &mut answer).unwrap();
            let options = options(diagnosed.len());
            write_markdown(&diagnose(&trace), &options, Shown::all(), &mut diagnosed).unwrap();
        }
        for document in [answer, diagnosed] {
            let document = String::from_utf8(document).unwrap();
            assert!(document.len() <= LONGEST, "{of}: {}", document.len());
            let last = format!("- Trace: `{of} of {of}`");
            let dropped = format!("characters: the traces 20 to {of}.");
            let expected = if of == 40 { dropped } else { last };
            assert_eq!(document.matches(&expected).count(), 1, "{of}: {document}");
        }
    }
}
