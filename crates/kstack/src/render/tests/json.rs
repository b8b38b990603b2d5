//! The JSON, against its schema and its page.

use std::sync::Arc;

use kstack_model::{Fact, Position, Said, Slide, SlideOf, Turnstile, Value, WaitInfo, WaitType};
use serde_json::{Value as Json, json};

use super::sample::{self, Answer, KERNEL, SPL, ZFS, hang, named, source};
use super::*;
use crate::resolve::{PlacedSegment, Why};

fn docs(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Fails with the schema's own words when a document does not follow it.
pub(super) fn follows_the_schema(documents: &[String]) {
    let schema: Json = serde_json::from_str(&docs("schema/kstack-1.schema.json")).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("kstack.json", schema).unwrap();
    let index = compiler.compile("kstack.json", &mut schemas).unwrap();
    for document in documents {
        let document: Json = serde_json::from_str(document).unwrap();
        if let Err(error) = schemas.validate(&document, index) {
            panic!("{error:#}");
        }
    }
}

fn parsed(trace: &Trace) -> Json {
    serde_json::from_str(&rendered("json", trace, &RenderOptions::default())).unwrap()
}

fn frame(answer: Answer) -> Json {
    parsed(&sample::one(vec![answer]))["processes"][0]["threads"][0]["stacks"][0]["frames"][0]
        .clone()
}

/// A hang with all that the sample leaves out.
fn everything() -> Trace {
    let mut trace = hang();
    let machine = &mut trace.report.machine;
    machine.kernel_version = Some("Darwin Kernel Version 12.0.0".to_owned());
    machine.model = Some("Mac1,1".to_owned());
    machine.boot_args = Some("debug=0x144".to_owned());
    machine.captured_at = Some("noon".to_owned());
    trace.report.variant = Some("a variant".to_owned());
    trace.report.kernel.slides = vec![(SlideOf::Kernel, Slide(0x400_0000))];
    trace.report.facts = vec![
        Fact::new("twice", 1u64),
        Fact::new("twice", "2".to_owned()),
        Fact::new("twice", -3i32),
        Fact::new("list", vec![1, 2]),
        Fact::new("address", Value::Hex(u64::MAX)),
    ];
    trace.report.notes[0].at = Some(Position::Line(3));
    let used = trace.images[1].used.as_mut().unwrap();
    used.paths.push("/k/spl.dSYM".to_owned());
    used.mismatched = true;
    used.remarks = vec!["a remark".to_owned()];
    used.slides.segments = vec![PlacedSegment {
        name: "__TEXT".to_owned(),
        range: kstack_model::Address(SPL)..kstack_model::Address(SPL + 0x1000),
        slide: Slide(SPL),
    }];
    let stated = &mut trace.images[2].image;
    stated.executable = Some("zfs".to_owned());
    stated.size = Some(0x1000);
    stated.path = Some("/System/zfs".to_owned());
    stated.placements.push(kstack_model::Placement::SegmentAt {
        segment: "__TEXT_EXEC".to_owned(),
        address: kstack_model::Address(ZFS),
    });
    let thread = &mut trace.report.processes[1].threads[0];
    thread.queue = Some("queue".to_owned());
    thread.role = kstack_model::ThreadRole::Panicked;
    let said = Said {
        raw: Some(kstack_model::Address(1)),
        image: Some("zfs".to_owned()),
        file: Some("arc.c".to_owned()),
        line: Some(7),
        inlined: vec![Said::default()],
        ..Said::default()
    };
    thread.stacks[0].frames[0].said = Some(Arc::new(said));
    let thread = &mut trace.report.processes[1].threads[0];
    thread.wait_event = Some(kstack_model::Address(ZFS));
    trace.awaited = [(kstack_model::Address(ZFS), sample::awaited(2, "arc_lock"))].into();
    trace.report.processes[1].path = Some("/sbin/zpool".to_owned());
    trace
}

#[test]
fn several_traces_are_one_array() {
    let part = |index| {
        let options = RenderOptions {
            trace_index: crate::render::TraceIndex { index, of: 2 },
            ..RenderOptions::default()
        };
        rendered("json", &hang(), &options)
    };
    let both = part(1) + &part(2);
    let value: Json = serde_json::from_str(&both).unwrap();
    assert_eq!(value[1]["report"]["trace"], json!({ "index": 2, "of": 2 }));
    follows_the_schema(&[both]);
}

#[test]
fn every_document_follows_the_schema() {
    let options = RenderOptions {
        as_read: true,
        ..RenderOptions::default()
    };
    let only_kexts = RenderOptions {
        selection: crate::select::Selection {
            only_kexts: true,
            ..crate::select::Selection::default()
        },
        ..RenderOptions::default()
    };
    follows_the_schema(&[
        rendered("json", &hang(), &RenderOptions::default()),
        rendered("json", &everything(), &options),
        rendered("json", &everything(), &only_kexts),
        rendered("json", &sample::empty(), &options),
        images_json(&everything(), &options),
    ]);
}

#[test]
fn the_schemas_describe_every_property() {
    fn walk(schema: &Json, path: &str) {
        let Some(schema) = schema.as_object() else {
            return;
        };
        for key in ["properties", "$defs"] {
            let properties = schema.get(key).and_then(Json::as_object);
            for (name, property) in properties.into_iter().flatten() {
                let path = format!("{path}/{name}");
                assert!(property["description"].is_string(), "{path}");
                walk(property, &path);
            }
        }
    }
    let folder = format!("{}/../../docs/schema", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        let schema = std::fs::read_to_string(file.unwrap().path()).unwrap();
        walk(&serde_json::from_str(&schema).unwrap(), "");
    }
}

#[test]
fn the_example_in_the_documentation_is_what_is_written() {
    let cv_wait = kstack_symbols::Named {
        frames: vec![
            source("cv_check_owner", "spl-condvar.c", 22, 7),
            source("spl_cv_wait", "spl-condvar.c", 41, 3),
        ],
        ..named("spl_cv_wait")
    };
    let mut trace = sample::one(vec![
        Answer::named(0, SPL, 0x8a76, 54, cv_wait),
        Answer::in_image(1, ZFS, 0x5b000, Why::NoSymbolFile).said("arc_read", 12),
    ]);
    let kernel = trace.images.remove(0);
    trace.images[1].frames = kernel.frames;
    let thread = &mut trace.report.processes[0].threads[0];
    thread.state = Some(kstack_model::ThreadState(0x9));
    thread.wait_event = Some(kstack_model::Address(0xffff_ff80_0660_8a6c));
    let written = rendered("json", &trace, &RenderOptions::default());
    let page = docs("json.md");
    let example = page
        .split("```json\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert_eq!(written, example);
}

#[test]
fn a_named_frame_has_both_names_and_says_where_it_was_looked_up() {
    let mut found = named("Pool::wait()");
    found.raw = "_ZN4Pool4waitEv".into();
    let expected = json!({
        "address": "0xffffff7f80e4a010", "lookup": "0xffffff7f80e4a00f",
        "image": "net.lundman.spl", "offset_in_image": 16,
        "symbol": "Pool::wait()", "symbol_raw": "_ZN4Pool4waitEv", "offset": 12,
    });
    assert_eq!(frame(Answer::named(1, SPL, 0x10, 12, found)), expected);
}

#[test]
fn file_and_line_are_those_of_the_function_itself_and_inlined_ones_have_their_own() {
    let mut found = named("outer");
    found.frames = vec![source("inner", "a.c", 1, 2), source("outer", "b.c", 3, 4)];
    let frame = frame(Answer::named(1, SPL, 0x10, 12, found));
    assert_eq!((&frame["file"], &frame["line"]), (&json!("b.c"), &json!(3)));
    let inner = json!({
        "symbol": "inner", "symbol_raw": "inner", "file": "a.c", "line": 1, "column": 2,
    });
    assert_eq!(frame["inlined"], json!([inner]));
}

#[test]
fn an_unnamed_frame_says_why() {
    let frame = frame(Answer::nowhere(KERNEL));
    let expected = json!({
        "address": "0xffffff8000200000", "lookup": "0xffffff80001fffff", "why": "no-image-there",
    });
    assert_eq!(frame, expected);
}

#[test]
fn a_fact_that_comes_more_than_once_is_a_list() {
    let options = RenderOptions {
        as_read: true,
        ..RenderOptions::default()
    };
    let document: Json = serde_json::from_str(&rendered("json", &everything(), &options)).unwrap();
    let expected = json!({
        "twice": [1, "2", -3], "list": [1, 2], "address": "0xffffffffffffffff",
    });
    assert_eq!(document["report"]["facts"], expected);
    assert_eq!(parsed(&everything())["report"].get("facts"), None);
}

#[test]
fn a_document_ends_with_a_newline() {
    let json = rendered("json", &hang(), &RenderOptions::default());
    assert!(json.starts_with("{\n  \"schema\": 1,\n  \"report\": {\n    \"format\""));
    assert!(json.ends_with("}\n"));
}

#[test]
fn waits_name_their_object_its_owner_and_the_service_behind_it() {
    let process = &parsed(&sample::waiting())["processes"][0];
    assert_eq!(
        process["threads"][0]["waits"],
        json!([{
            "type": "PortSend",
            "context": "0xa11ce",
            "owner": {"kind": "process", "pid": 77},
            "service": "com.example.service",
        }])
    );
    assert_eq!(
        process["threads"][0]["turnstiles"],
        json!([{
            "end": {"kind": "thread", "thread": 9},
            "priority": 81,
            "hops": 2,
        }])
    );
}

#[test]
fn waits_of_every_owner_follow_the_schema() {
    let mut trace = sample::waiting();
    let process = &mut trace.report.processes[0];
    let wait = process.waits[0];
    for wait_type in (0..=0x20).map(WaitType) {
        for owner in [
            0,
            5,
            1 << 40,
            u64::MAX,
            u64::MAX - 1,
            u64::MAX - 2,
            u64::MAX - 4,
        ] {
            process.waits.push(WaitInfo {
                wait_type,
                owner,
                ..wait
            });
        }
        for more in 5..9 {
            process.waits.push(WaitInfo {
                wait_type,
                owner: u64::MAX - more,
                ..wait
            });
        }
    }
    let turnstile = process.turnstiles[0];
    for flags in 0..0x40 {
        process.turnstiles.push(Turnstile { flags, ..turnstile });
    }
    follows_the_schema(&[rendered("json", &trace, &RenderOptions::default())]);
}
