//! Every hostile name through every output, each output a row of a table.

use std::io;

use kstack_model::{Address, PortLabel, PortLabelId, Slide, WaitInfo, WaitType};
use kstack_parse::zones::Zone;
use kstack_symbols::SymbolSet;
use kstack_synth::hostile;

use super::hostile::{HARMLESS, named_everywhere, skeleton};
use super::sample::ZFS;
use super::text::without_styles;
use super::*;
use crate::diagnose::compare::compare;
use crate::diagnose::diagnose;
use crate::leaks::Leaks;
use crate::render::diagnosis::{self, Shown};
use crate::render::escape::is_hidden;
use crate::render::{Digest, DigestRow, lookup, memory, place};
use crate::resolve::{Inference, Outcome, PlacedSegment};
use crate::zones::ZoneHistory;

/// How the names in an output can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Steer the terminal, or make lines.
    Terminal,
    /// Be markup.
    Markdown,
    /// Not be JSON, or hide in it.
    Json,
    /// The same, a document on each line.
    JsonLines,
    /// Be a command of a debugger. Paths are whole, or the debugger would not find them.
    Script,
}

type Write = fn(&Trace, &RenderOptions, &mut dyn io::Write) -> io::Result<()>;

const OUTPUTS: &[(&str, Kind, Write)] = &[
    ("text", Kind::Terminal, |trace, options, out| {
        renderer("text")(trace, options, out)
    }),
    ("markdown", Kind::Markdown, |trace, options, out| {
        renderer("markdown")(trace, options, out)
    }),
    ("json", Kind::Json, |trace, options, out| {
        renderer("json")(trace, options, out)
    }),
    ("firefox", Kind::Json, |trace, options, out| {
        renderer("firefox")(trace, options, out)
    }),
    ("folded", Kind::Terminal, |trace, options, out| {
        renderer("folded")(trace, options, out)
    }),
    ("images", Kind::Terminal, images::write_text),
    ("images as JSON", Kind::Json, images::write_json),
    ("lookup", Kind::Terminal, |trace, options, out| {
        let mut texts = lookup::Texts::default();
        lookup::write_text(trace, options, &mut texts)?;
        texts.iter().try_for_each(|text| out.write_all(text))
    }),
    ("lookup as JSON", Kind::JsonLines, |trace, options, out| {
        let mut texts = lookup::Texts::default();
        lookup::write_json(trace, options, &mut texts)?;
        texts.iter().try_for_each(|text| out.write_all(text))
    }),
    (
        "annotate as Markdown",
        Kind::Markdown,
        |trace, options, out| digest(trace, options, out),
    ),
    ("lldb", Kind::Script, |trace, _, out| {
        crate::debugger::write_lldb(trace, &SymbolSet::default(), out)
    }),
    ("gdb", Kind::Script, |trace, _, out| {
        crate::debugger::write_gdb(trace, &SymbolSet::default(), out)
    }),
    ("place", Kind::Terminal, place::write_text),
    ("place as JSON", Kind::Json, place::write_json),
    ("diagnose", Kind::Terminal, |trace, options, out| {
        diagnosis::write_text(&diagnose(trace), options, Shown::default(), out)
    }),
    (
        "diagnose as Markdown",
        Kind::Markdown,
        |trace, options, out| {
            diagnosis::write_markdown(&diagnose(trace), options, Shown::default(), out)
        },
    ),
    ("diagnose as JSON", Kind::Json, |trace, options, out| {
        diagnosis::write_json(&diagnose(trace), options, out)
    }),
    ("diff", Kind::Terminal, |trace, options, out| {
        let (before, after) = (diagnose(trace), diagnose(trace));
        let both = compare(&before, &after);
        diagnosis::write_comparison_text(&before, &after, &both, options, Shown::default(), out)
    }),
    ("diff as Markdown", Kind::Markdown, |trace, options, out| {
        let (before, after) = (diagnose(trace), diagnose(trace));
        let both = compare(&before, &after);
        diagnosis::write_comparison_markdown(&before, &after, &both, options, Shown::default(), out)
    }),
    ("diff as JSON", Kind::Json, |trace, options, out| {
        let (before, after) = (diagnose(trace), diagnose(trace));
        let both = compare(&before, &after);
        diagnosis::write_comparison_json(&before, &after, &both, options, out)
    }),
    ("leaks", Kind::Terminal, |trace, options, out| {
        memory::write_leaks(trace, &Leaks::of(trace), options, Shown::default(), out)
    }),
    ("leaks as JSON", Kind::Json, |trace, _, out| {
        memory::write_leaks_json(trace, &Leaks::of(trace), out)
    }),
    ("zones", Kind::Terminal, |trace, options, out| {
        memory::write_zones(&zones(trace), options, Shown::default(), out)
    }),
    ("zones as JSON", Kind::Json, |trace, _, out| {
        memory::write_zones_json(&zones(trace), out)
    }),
];

fn renderer(name: &str) -> Write {
    RENDERERS.iter().find(|row| row.name == name).unwrap().write
}

/// The digest of a text that is the name of the trace's process, which lies at an address in it too.
fn digest(trace: &Trace, options: &RenderOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let name = trace.report.processes[0].name.clone().unwrap();
    // A text keeps its tabs, and all of its length: neither is what is tried here.
    let text = name.replace('\t', " ");
    let row = DigestRow {
        at: Address(ZFS),
        count: 2,
        what: name.clone(),
    };
    let digest = Digest {
        rows: &[row],
        beyond: 1,
        are_return_addresses: false,
        text: text.as_bytes().get(..1000).unwrap_or(text.as_bytes()),
        text_left_out: 1,
    };
    digest.write(trace, options, out)
}

/// A table of zones with the name of the trace's process in it.
fn zones(trace: &Trace) -> Vec<ZoneHistory> {
    let name = trace.report.processes[0].name.clone().unwrap();
    let zone = Zone {
        name: name.clone(),
        element: 16,
        in_use: 4,
        size: 64,
        most: None,
        flags: name.clone(),
    };
    vec![ZoneHistory {
        name: name.clone(),
        tables: vec![Some(zone)],
        suspected: vec![name],
    }]
}

/// The name in every place where a trace has one, waits and services among them.
fn trace(name: &str) -> Trace {
    let mut trace = named_everywhere(name);
    for used in trace
        .images
        .iter_mut()
        .filter_map(|image| image.used.as_mut())
    {
        used.slides.segments = vec![PlacedSegment {
            name: name.to_owned(),
            range: Address(ZFS)..Address(ZFS + 0x1000),
            slide: Slide(0),
        }];
    }
    trace.inferences = vec![Inference {
        path: name.to_owned(),
        name: name.to_owned(),
        candidates: Vec::new(),
        more: 0,
        outcome: Outcome::Nowhere,
    }];
    let process = &mut trace.report.processes[0];
    process.port_labels = vec![PortLabel {
        id: 1,
        name: Some(name.to_owned()),
        ..PortLabel::default()
    }];
    process.waits = vec![WaitInfo {
        waiter: 0x4e2,
        wait_type: WaitType(2),
        owner: 0x99,
        context: 7,
        flags: 1,
        port_label: PortLabelId::Id(1),
    }];
    trace
}

fn written(write: Write, name: &str, color: bool) -> String {
    let options = RenderOptions {
        command: Some(name.to_owned()),
        color,
        ..RenderOptions::default()
    };
    let mut out = Vec::new();
    write(&trace(name), &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_hostile_name_is_a_name_in_every_output() {
    for (output, kind, write) in OUTPUTS {
        let color = *kind == Kind::Terminal;
        let shape = |text: &str| match kind {
            Kind::Terminal | Kind::Script => without_styles(text).lines().count().to_string(),
            Kind::Markdown => skeleton(text),
            Kind::Json | Kind::JsonLines => String::new(),
        };
        let harmless = shape(&written(*write, HARMLESS, color));
        for name in hostile::NAMES {
            let text = written(*write, name, color);
            let about = format!("{output}: {}", name.escape_default());
            let bare = without_styles(&text);
            let acts = |c: &char| match kind {
                Kind::Script => c.is_control(),
                _ => is_hidden(*c),
            };
            let active = bare.chars().find(|c| *c != '\n' && acts(c));
            assert_eq!(active, None, "{about}");
            assert_eq!(shape(&text), harmless, "{about}");
            let documents: Vec<&str> = match kind {
                Kind::Json => vec![&text],
                Kind::JsonLines => text.lines().collect(),
                Kind::Terminal | Kind::Markdown | Kind::Script => Vec::new(),
            };
            for document in documents {
                serde_json::from_str::<serde_json::Value>(document).expect(&about);
            }
        }
    }
}

#[test]
fn a_name_of_a_megabyte_is_cut_in_every_output_for_people() {
    let for_people = |kind| matches!(kind, Kind::Terminal | Kind::Markdown);
    let outputs = OUTPUTS.iter().filter(|(_, kind, _)| for_people(*kind));
    for (output, _, write) in outputs {
        for name in hostile::all().filter(|name| name.len() >= 1_000_000) {
            let options = RenderOptions::default();
            let mut out = Vec::new();
            write(&trace(&name), &options, &mut out).unwrap();
            assert!(out.len() < 1_000_000, "{output}: {}", out.len());
        }
    }
}

#[test]
fn every_output_format_is_tried_with_hostile_names() {
    // The page and the picture are markup of their own, and have tests of their own.
    let elsewhere = ["html", "flamegraph"];
    for row in RENDERERS {
        let here = OUTPUTS.iter().any(|(name, ..)| *name == row.name);
        assert!(here || elsewhere.contains(&row.name), "{}", row.name);
    }
}

#[test]
fn a_control_of_the_second_kind_passed_through_the_json_of_a_dump() {
    let mut buffer = kstack_parse::Dictionary::default();
    let text = kstack_parse::Datum::Text("\u{9b}31m\u{202e}".to_owned());
    buffer.entries.push(("name".into(), text));
    let dump = kstack_parse::Dump {
        buffers: vec![buffer],
        notes: Vec::new(),
    };
    let mut out = Vec::new();
    crate::render::dump::write_json(&dump, &mut out).unwrap();
    let json = String::from_utf8(out).unwrap();
    assert!(json.chars().all(|c| c == '\n' || !is_hidden(c)), "{json}");
}
