//! The page for the browser.

use std::collections::BTreeSet;

use kstack_model::{PortLabelId, Process, Thread, ThreadState, WaitInfo, WaitType};
use kstack_symbols::{Excerpt, SourceFrame};
use kstack_synth::hostile;

use super::hostile::named_everywhere;
use super::sample::{self, Answer, KERNEL, SPL, named, source};
use super::*;
use crate::diagnose::diagnose;
use crate::render::TraceIndex;
use crate::render::diagnosis::{Shown, write_html};
use crate::render::escape::{Visible, is_hidden};
use crate::select::Selection;

fn page(trace: &Trace) -> String {
    rendered("html", trace, &RenderOptions::default())
}

/// What is between the head and the script.
fn body(page: &str) -> &str {
    let (_, body) = page.split_once("<main>").unwrap();
    body.split_once("</main>").unwrap().0
}

/// Elements with the names of their attributes, as a browser reads them.
fn elements(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let mut element = String::new();
        let mut in_value = false;
        let mut end = after.len();
        for (at, c) in after.char_indices() {
            match c {
                '"' => in_value = !in_value,
                '>' if !in_value => {
                    end = at;
                    break;
                }
                _ if !in_value => element.push(c),
                _ => {}
            }
        }
        found.push(element);
        rest = &after[end..];
    }
    found
}

fn wait(waiter: u64, owner: u64) -> WaitInfo {
    WaitInfo {
        waiter,
        wait_type: WaitType(1),
        owner,
        context: 0xabc,
        flags: 0,
        port_label: PortLabelId::None,
    }
}

/// Threads 1 to `count`, each waiting for the one that `owner` gives it.
fn waiting(count: u64, owner: impl Fn(u64) -> Option<u64>) -> Trace {
    let mut trace = sample::empty();
    let threads = (1..=count).map(|id| Thread {
        state: Some(ThreadState(0x9)),
        ..sample::thread(id, Vec::new())
    });
    trace.report.processes = vec![Process {
        waits: (1..=count)
            .filter_map(|id| Some(wait(id, owner(id)?)))
            .collect(),
        ..sample::process(7, "stuckd", threads.collect())
    }];
    trace
}

fn graph(page: &str) -> &str {
    let (_, graph) = page.split_once("<figure>").expect("there is a graph");
    graph.split_once("</figure>").unwrap().0
}

fn boxes(page: &str) -> usize {
    graph(page).matches("<svg class=\"box").count()
}

#[test]
fn no_name_is_markup_in_a_page() {
    let options = |name: &str| RenderOptions {
        command: Some(name.to_owned()),
        as_read: true,
        ..RenderOptions::default()
    };
    let render = |name: &str| rendered("html", &named_everywhere(name), &options(name));
    let harmless = elements(body(&render("harmless")));
    for payload in hostile::all() {
        let page = render(&payload);
        let active = page.chars().find(|c| *c != '\n' && is_hidden(*c));
        assert_eq!(active, None, "{:.40}", payload.escape_default());
        let found = elements(body(&page));
        assert_eq!(found, harmless, "{:.40}", payload.escape_default());
    }
}

#[test]
fn the_source_around_a_frame_is_folded_below_it_and_is_text() {
    let mut found = named("spl_cv_wait");
    found.frames = vec![SourceFrame {
        excerpt: Some(Excerpt {
            first: 9,
            lines: vec!["\tif (a < b)".to_owned(), "\t\twait(&c);  ".to_owned()],
        }),
        ..source("spl_cv_wait", "spl-condvar.c", 10, 1)
    }];
    let page = page(&sample::one(vec![Answer::named(1, SPL, 0x10, 12, found)]));
    let shown = "<details class=\"source\"><summary>source, lines 9 to 10</summary><pre>      9 |         if (a &lt; b)\n\
                 <mark>&gt;    10 |                 wait(&amp;c);\n</mark></pre></details></li>";
    assert!(page.contains(shown), "{}", body(&page));
}

#[test]
fn what_a_page_leaves_out_is_said_with_the_command_that_shows_it() {
    let page = page(&waiting(90, |id| (id % 3 == 1).then_some(id + 1)));
    assert!(
        body(&page).contains("… and 10 more; kstack diagnose --all shows them"),
        "{}",
        body(&page)
    );
}

#[test]
fn the_page_of_a_diagnosis_is_that_of_its_trace_and_can_leave_out_nothing() {
    let trace = waiting(90, |id| (id % 3 == 1).then_some(id + 1));
    let diagnosed = |shown| {
        let mut out = Vec::new();
        write_html(
            &diagnose(&trace),
            &RenderOptions::default(),
            shown,
            &mut out,
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(diagnosed(Shown::default()) == page(&trace));
    assert!(!diagnosed(Shown::all()).contains("more; kstack diagnose"));
}

#[test]
fn every_name_is_on_the_page_as_text() {
    for payload in hostile::NAMES {
        let shown = Visible(payload).to_string();
        let shown = shown
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        let page = page(&named_everywhere(payload));
        assert!(
            page.contains(&format!("<b>{shown}</b>")),
            "{}",
            payload.escape_default()
        );
    }
}

#[test]
fn only_the_style_and_the_script_of_the_page_may_act() {
    let page = page(&sample::hang());
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("<style>").count(), 1);
    for forbidden in [" style=", " onclick=", "javascript:", "unsafe-inline"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for forbidden in ["src=", "http:", "https:", "@import"] {
        assert!(
            !page.contains(forbidden),
            "{forbidden} would need a network"
        );
    }
}

#[test]
fn equal_stacks_are_on_the_page_once_with_all_who_have_them() {
    let stack = || vec![Answer::named(0, KERNEL, 0x100, 4, named("msleep"))];
    let mut trace = sample::one(stack());
    let mut twin = trace.report.processes[0].threads[0].clone();
    twin.id = Some(0x777);
    trace
        .report
        .processes
        .push(sample::process(9, "other", vec![twin]));
    let page = page(&trace);
    assert_eq!(page.matches("<b>msleep</b>").count(), 1);
    assert!(page.contains("2 threads"), "{page}");
    for thread in ["thread 0x4e2", "thread 0x777"] {
        assert!(body(&page).contains(thread), "{thread}");
    }
}

#[test]
fn inlined_functions_stand_before_the_frame_that_holds_them() {
    let mut wait = named("spl_cv_wait");
    wait.frames = vec![
        source("cv_block", "a.c", 1, 1),
        source("spl_cv_wait", "a.c", 2, 1),
    ];
    let page = page(&sample::one(vec![Answer::named(1, SPL, 0x100, 4, wait)]));
    let inlined = page
        .find("<b>cv_block</b> [inlined in spl_cv_wait]")
        .unwrap();
    let holder = page.find("<b>spl_cv_wait</b> (in ").unwrap();
    assert!(inlined < holder);
    assert!(page.contains("<cite>a.c:1:1</cite>"));
}

#[test]
fn several_traces_are_one_page_in_which_no_two_elements_share_an_id() {
    let mut page = String::new();
    for index in 1..=3 {
        let options = RenderOptions {
            trace_index: TraceIndex { index, of: 3 },
            ..RenderOptions::default()
        };
        page += &rendered("html", &sample::hang(), &options);
    }
    for once in [
        "<!DOCTYPE html>",
        "</html>",
        "<main>",
        "</main>",
        "<script>",
    ] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    assert_eq!(page.matches("<article ").count(), 3);
    let mut ids = BTreeSet::new();
    for rest in page.split(" id=\"").skip(1) {
        let id = rest.split('"').next().unwrap();
        assert!(ids.insert(id), "{id} is there twice");
    }
    for rest in page.split(" href=\"#").skip(1) {
        let id = rest.split('"').next().unwrap();
        assert!(ids.contains(id), "{id} is linked to and not there");
    }
    // The second trace of a panic can begin far below the first.
    for trace in 1..=3 {
        let link = format!(" href=\"#t{trace}\"");
        assert_eq!(page.matches(&link).count(), 2, "{link}");
    }
}

#[test]
fn a_thread_that_the_selection_leaves_out_is_named_and_not_linked() {
    let trace = waiting(2, |id| (id == 1).then_some(2));
    let options = RenderOptions {
        selection: Selection {
            threads: vec![1],
            ..Selection::default()
        },
        ..RenderOptions::default()
    };
    let page = rendered("html", &trace, &options);
    assert_eq!(boxes(&page), 2);
    assert_eq!(graph(&page).matches("<a href=").count(), 1);
    assert!(page.contains("Left out by the selection: 0 processes, 1 thread."));
}

#[test]
fn frames_without_a_file_were_counted_over_the_whole_report_on_a_page_of_one_thread() {
    let mut trace = sample::one(vec![sample::Answer::nowhere(0xffff_ff80_1234_0000)]);
    let other = sample::thread(0x4e3, Vec::new());
    trace.report.processes[0].threads.push(other);
    let page = |threads| {
        let options = RenderOptions {
            selection: Selection {
                threads,
                ..Selection::default()
            },
            ..RenderOptions::default()
        };
        rendered("html", &trace, &options)
    };
    let counted = "1 kernel frame in no known image</a>";
    assert!(page(vec![0x4e3]).contains(&format!("{counted}, in the whole report.")));
    assert!(page(Vec::new()).contains(&format!("{counted}.")));
}

#[test]
fn a_circle_of_ten_thousand_threads_is_drawn_with_its_ends() {
    let page = page(&waiting(10_000, |id| Some(id % 10_000 + 1)));
    assert_eq!(boxes(&page), 9);
    assert!(graph(&page).contains("9992 threads more"));
    assert!(page.contains("1 deadlock"));
}

#[test]
fn a_chain_of_ten_thousand_waits_is_drawn_at_its_end() {
    let page = page(&waiting(10_000, |id| (id > 1).then_some(id - 1)));
    assert!(boxes(&page) < 10, "{}", boxes(&page));
    assert!(
        graph(&page).contains("9993 threads more"),
        "{}",
        graph(&page)
    );
}

#[test]
fn ten_thousand_waiters_of_one_are_a_handful_of_boxes() {
    let page = page(&waiting(10_000, |id| (id > 1).then_some(1)));
    assert_eq!(boxes(&page), 6);
    assert!(graph(&page).contains("9995 threads more"));
}

#[test]
fn ten_thousand_pairs_fill_the_picture_and_the_rest_is_counted() {
    let page = page(&waiting(20_000, |id| (id % 2 == 0).then_some(id - 1)));
    assert_eq!(boxes(&page), 24);
    assert!(graph(&page).contains("9988 chains"), "{}", graph(&page));
}

#[test]
fn a_thread_that_waits_for_itself_is_a_circle_of_one() {
    let page = page(&waiting(1, Some));
    assert_eq!(boxes(&page), 1);
    assert_eq!(graph(&page).matches("<path class=\"arrow\"").count(), 1);
}

#[test]
fn an_owner_that_was_not_captured_has_a_box_that_says_so() {
    let page = page(&waiting(1, |_| Some(0x99)));
    assert!(graph(&page).contains("thread 0x99, not captured"));
    assert!(graph(&page).contains("box vague"));
}

#[test]
fn a_report_without_processes_is_a_page_that_says_so() {
    let page = page(&sample::empty());
    assert!(page.contains("No thread is shown.") && page.contains("no stack to draw"));
    assert!(page.ends_with("</body></html>\n"));
}

#[test]
fn the_flame_graph_of_a_whole_system_was_a_row_of_stripes() {
    let mut trace = sample::hang();
    let busy = trace.report.processes[1].clone();
    let named = |pid: i32| {
        let mut process = busy.clone();
        process.pid = Some(pid);
        process
    };
    trace.report.processes = (1..=40).map(named).collect();
    let flame = |trace: &Trace| {
        let page = rendered("html", trace, &RenderOptions::default());
        let (_, flame) = page.split_once("<h2>Flame graph</h2>").unwrap();
        flame.split_once("</section>").unwrap().0.to_owned()
    };
    let few = flame(&trace);
    assert!(
        few.contains("Processes at the top") && few.contains("(PID 40): "),
        "{few}"
    );
    trace.report.processes.push(named(41));
    let many = flame(&trace);
    assert!(
        many.contains("all processes together") && !many.contains("(PID"),
        "{many}"
    );
    assert!(many.contains(" of 41, 100.000%"), "{many}");
}

#[test]
fn a_panic_of_one_thread_was_asked_who_waits_and_said_twice_what_went_wrong() {
    let mut trace = sample::hang();
    let thread = trace.report.processes[1].threads[0].clone();
    trace.report.processes = vec![sample::process(1, "zpool", vec![thread])];
    let said = "Kernel trap at 0x18, type 14=page fault".to_owned();
    let fact = kstack_model::Fact::new("panic", said.clone());
    trace.report.facts.push(fact);
    let page = rendered("html", &trace, &RenderOptions::default());
    let (_, body) = page.split_once("<h1>").unwrap();
    assert_eq!(body.matches(&said).count(), 1, "{body:.2000}");
    assert!(!body.contains("Who waits for whom") && !body.contains("-waits\""));
}
