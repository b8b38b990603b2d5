//! Names that try to be more than names, in every place and every output.

use std::borrow::Cow;

use kstack_model::{Address, Fact, Note, Said, Side, Stack, Value};
use kstack_symbols::{Excerpt, SourceFrame};
use kstack_synth::hostile;
use proptest::prelude::*;

use super::sample::{self, Answer, SPL, ZFS, named, source};
use super::text::without_styles;
use super::*;
use crate::render::escape::is_hidden;
use crate::resolve::{Entered, Refusal, SpaceId, TailCaller, UnusedFile, UnusedReason, Why};

/// A trace that shows the name in every place where a name can stand.
pub(super) fn named_everywhere(name: &str) -> Trace {
    let own = || Some(name.to_owned());
    let mut found = named(name);
    let excerpt = |first| Excerpt {
        first,
        lines: vec![name.to_owned()],
    };
    found.frames = [1, 2]
        .map(|line| SourceFrame {
            excerpt: Some(excerpt(line)),
            ..source(name, name, line, line)
        })
        .into();
    let mut nearest = named(name);
    nearest.certainty = kstack_symbols::Certainty::Nearest;
    let said = Said {
        image: own(),
        symbol: own(),
        file: own(),
        inlined: vec![Said {
            symbol: own(),
            file: own(),
            ..Said::default()
        }],
        ..Said::default()
    };
    let mut disputed = Answer::named(1, SPL, 0x30, 12, named("other"));
    disputed.said = Some(said.clone());
    let mut unverified = Answer::in_image(2, ZFS, 0x40, Why::NoSymbolFile);
    unverified.said = Some(said);
    let mut trace = sample::one(vec![
        Answer::named(1, SPL, 0x10, 12, found),
        Answer::named(1, SPL, 0x20, 12, nearest),
        disputed,
        unverified,
        Answer::in_image(2, ZFS, 0x50, Why::NoSymbolThere),
    ]);
    guess_and_enter(&mut trace, name);
    let fact = Fact {
        name: Cow::Owned(name.to_owned()),
        value: Value::Text(name.to_owned()),
    };
    for image in &mut trace.images {
        image.image.name = own();
        image.image.version = own();
        image.refused = vec![Refusal {
            path: name.to_owned(),
            uuid: None,
            why: name.to_owned(),
        }];
        if let Some(used) = &mut image.used {
            used.paths = vec![name.to_owned(), name.to_owned()];
            used.remarks = vec![name.to_owned()];
        }
    }
    trace.unused = vec![UnusedFile {
        path: name.to_owned(),
        name: own(),
        uuid: None,
        reason: UnusedReason::NotPlaced,
        why: name.to_owned(),
    }];
    trace.notes = vec![Note::new(name)];
    let report = &mut trace.report;
    report.variant = own();
    report.machine.os_version = own();
    report.machine.kernel_version = own();
    report.machine.model = own();
    report.machine.boot_args = own();
    report.notes = vec![Note::new(name)];
    report.facts = vec![fact.clone()];
    let folded = sample::thread(1, vec![Stack::new(Side::User, vec![])]);
    report.processes.push(sample::process(7, "", vec![folded]));
    for process in &mut report.processes {
        process.name = own();
        process.path = own();
        process.facts = vec![fact.clone()];
        for thread in &mut process.threads {
            thread.name = own();
            thread.queue = own();
            thread.facts = vec![fact.clone()];
            thread.wait_event = Some(Address(ZFS));
        }
    }
    trace.awaited = [(Address(ZFS), sample::awaited(2, name))].into();
    trace
}

/// The first frames of the only stack get all that is said beside their names.
fn guess_and_enter(trace: &mut Trace, name: &str) {
    let stack = &trace.report.processes[0].threads[0].stacks[0];
    let key = |index: usize| {
        let frame = &stack.frames[index];
        (SpaceId::Kernel, frame.at, frame.kind)
    };
    let own = || name.to_owned();
    let caller = || TailCaller {
        name: own(),
        raw: own(),
    };
    let entered = Entered {
        name: own(),
        raw: own(),
        tail_callers: vec![caller(), caller()],
    };
    trace.entered.insert((key(0), key(1)), entered);
    trace.guesses.insert(key(1), sample::guess(&[(name, 1)], 0));
    let both = sample::guess(&[(name, 1), (name, 2)], 3);
    trace.guesses.insert(key(4), both);
}

fn options(name: &str) -> RenderOptions {
    RenderOptions {
        command: Some(name.to_owned()),
        as_read: true,
        ..RenderOptions::default()
    }
}

pub(super) const HARMLESS: &str = "harmless";

#[test]
fn no_name_reaches_the_terminal_or_makes_a_line() {
    for color in [false, true] {
        let render = |name: &str| {
            let options = RenderOptions {
                color,
                ..options(name)
            };
            let trace = named_everywhere(name);
            let text = rendered("text", &trace, &options) + &images_text(&trace, &options);
            without_styles(&text)
        };
        let lines = render(HARMLESS).lines().count();
        for payload in hostile::all() {
            let text = render(&payload);
            let active = text.chars().find(|c| *c != '\n' && is_hidden(*c));
            assert_eq!(active, None, "{:.40}", payload.escape_default());
            assert_eq!(
                text.lines().count(),
                lines,
                "{:.40}",
                payload.escape_default()
            );
        }
    }
}

#[test]
fn no_name_is_markup_in_markdown() {
    let render = |name: &str| rendered("markdown", &named_everywhere(name), &options(name));
    let harmless = skeleton(&render(HARMLESS));
    assert!(!harmless.contains(HARMLESS), "{harmless}");
    for payload in hostile::all() {
        let markdown = render(&payload);
        let active = markdown.chars().find(|c| *c != '\n' && is_hidden(*c));
        assert_eq!(active, None, "{:.40}", payload.escape_default());
        let skeleton = skeleton(&markdown);
        // What does not fit is dropped; what is left still holds every name in code.
        if markdown.contains("\nDropped to stay under") {
            assert!(
                !skeleton.contains("AAAA"),
                "{:.40}",
                payload.escape_default()
            );
            continue;
        }
        assert_eq!(skeleton, harmless, "{:.40}", payload.escape_default());
    }
}

/// What of a Markdown text a tracker reads as markup: all but fenced blocks,
/// code spans and code elements, after the rules of `CommonMark` for their ends.
pub(super) fn skeleton(markdown: &str) -> String {
    let mut skeleton = String::new();
    let mut fence: Option<usize> = None;
    for line in markdown.lines() {
        let body = line.trim_start_matches(' ');
        let ticks = body.bytes().take_while(|byte| *byte == b'`').count();
        let can_fence = line.len() - body.len() < 4 && ticks >= 3;
        match fence {
            Some(open) => {
                if can_fence && ticks >= open && body[ticks..].trim().is_empty() {
                    fence = None;
                    skeleton.push_str("fence\n");
                }
            }
            None if can_fence && !body[ticks..].contains('`') => fence = Some(ticks),
            None => {
                skeleton.push_str(&without_code(line));
                skeleton.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a fence is open at the end");
    skeleton
}

fn without_code(line: &str) -> String {
    if let Some((before, rest)) = line.split_once("<code>") {
        let (code, after) = rest.split_once("</code>").unwrap();
        assert!(!code.contains(['<', '>', '"']), "{code:.40}");
        return format!("{before}<code/>{after}");
    }
    // Cells are split before spans are read: a pipe in a span would still end its cell.
    let spans: Vec<&str> = line.split('`').collect();
    assert!(spans.len() % 2 == 1, "a code span is open: {line:.80}");
    assert!(
        spans
            .iter()
            .skip(1)
            .step_by(2)
            .all(|code| !code.contains('|'))
    );
    spans.into_iter().step_by(2).collect::<Vec<_>>().join("`")
}

#[test]
fn every_name_comes_out_of_json_as_it_went_in() {
    let mut documents = Vec::new();
    for payload in hostile::NAMES {
        let json = rendered("json", &named_everywhere(payload), &options(payload));
        assert!(json.chars().all(|c| c == '\n' || !is_hidden(c)));
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["images"][0]["name"], *payload);
        let process = &document["processes"][0];
        assert_eq!(process["name"], *payload);
        assert_eq!(process["facts"][*payload], *payload);
        let frame = &process["threads"][0]["stacks"][0]["frames"][0];
        assert_eq!(frame["symbol"], *payload);
        assert_eq!(frame["inlined"][0]["file"], *payload);
        documents.push(json);
        documents.push(images_json(&named_everywhere(payload), &options(payload)));
    }
    super::json::follows_the_schema(&documents);
}

#[test]
fn a_huge_name_does_not_make_a_huge_text() {
    let huge = "A".repeat(1_000_000);
    for format in ["text", "markdown"] {
        let command = RenderOptions {
            command: None,
            ..options(&huge)
        };
        let text = rendered(format, &named_everywhere(&huge), &command);
        assert!(text.len() < 500_000, "{}", text.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_stays_a_name(name in r"x(?s:.|[`|<&\\n\\\\@#]){0,40}") {
        let trace = named_everywhere(&name);
        let text = rendered("text", &trace, &options(&name));
        prop_assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)));
        let harmless = rendered("markdown", &named_everywhere(HARMLESS), &options(HARMLESS));
        let markdown = rendered("markdown", &trace, &options(&name));
        prop_assert_eq!(skeleton(&markdown), skeleton(&harmless));
    }
}
