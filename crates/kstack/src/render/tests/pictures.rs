//! Folded stacks, flame graphs, profiles and diagnoses.

use kstack_model::{Address, Frame, FrameKind, Side, Stack};
use kstack_synth::hostile;

use super::hostile::named_everywhere;
use super::sample::{self, Answer, KERNEL, SPL, ZFS, named, source};
use super::text::without_styles;
use super::*;
use crate::diagnose::diagnose;
use crate::render::diagnosis::{Shown, write_json, write_markdown, write_text};
use crate::render::escape::is_hidden;
use crate::render::flamegraph::draw_difference;

fn lines(trace: &Trace) -> Vec<String> {
    let folded = rendered("folded", trace, &RenderOptions::default());
    folded.lines().map(str::to_owned).collect()
}

fn waiting() -> Vec<Answer> {
    let mut wait = named("spl_cv_wait");
    wait.frames = vec![
        source("cv_block", "a.c", 1, 1),
        source("spl_cv_wait", "a.c", 2, 1),
    ];
    vec![
        Answer::named(0, KERNEL, 0x100, 4, named("msleep")),
        Answer::named(1, SPL, 0x100, 4, wait),
        Answer::in_image(2, ZFS, 0x40, crate::resolve::Why::NoSymbolFile),
    ]
}

#[test]
fn a_folded_line_goes_from_the_process_to_the_innermost_inlined_function() {
    assert_eq!(
        lines(&sample::one(waiting())),
        ["zpool (PID 156);zfs + 0x40;spl`spl_cv_wait;spl`cv_block (inlined);kernel`msleep 1"]
    );
}

#[test]
fn equal_stacks_are_one_line_and_samples_are_weights() {
    let mut trace = sample::one(waiting());
    let mut twin = trace.report.processes[0].threads[0].clone();
    twin.stacks[0].samples = 6;
    trace.report.processes[0].threads.push(twin);
    let lines = lines(&trace);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("kernel`msleep 7"), "{}", lines[0]);
}

#[test]
fn a_user_stack_is_the_outer_part_of_the_kernel_stack_before_it() {
    let mut trace = sample::one(waiting());
    let user = Frame::new(Address(0x10), FrameKind::ReturnAddress);
    trace.report.processes[0].threads[0]
        .stacks
        .push(Stack::new(Side::User, vec![user]));
    assert!(lines(&trace)[0].starts_with("zpool (PID 156);0x10;zfs + 0x40;"));
}

#[test]
fn kernel_kexts_and_user_space_have_colours_of_their_own() {
    let picture = rendered(
        "flamegraph",
        &sample::one(waiting()),
        &RenderOptions::default(),
    );
    let fill = |name: &str| {
        let (_, rest) = picture.split_once(&format!("<title>{name} (")).unwrap();
        let (_, rest) = rest.split_once("fill=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let fills = [
        fill("kernel`msleep"),
        fill("spl`spl_cv_wait"),
        fill("zfs + 0x40"),
    ];
    assert_ne!(fills[0], fills[1]);
    assert_ne!(fills[1], fills[2]);
    assert_ne!(fills[0], fills[2]);
}

#[test]
fn a_difference_is_drawn_even_when_nothing_was_there_before() {
    let (before, after) = (sample::empty(), sample::one(waiting()));
    let mut out = Vec::new();
    draw_difference(&before, &after, &RenderOptions::default(), &mut out).unwrap();
    let picture = String::from_utf8(out).unwrap();
    assert!(
        picture.contains("msleep (1 threads, 100.00%; +100.00%)"),
        "{picture}"
    );
    let mut out = Vec::new();
    draw_difference(&after, &before, &RenderOptions::default(), &mut out).unwrap_err();
}

#[test]
fn a_difference_tells_how_much_both_have_and_how_much_of_it_has_no_box() {
    let other = vec![Answer::named(1, SPL, 0x10, 12, named("gone"))];
    let mut before = sample::one(other);
    before.report.processes[0].threads[0].stacks[0].samples = 7;
    let after = sample::one(waiting());
    let mut out = Vec::new();
    draw_difference(&before, &after, &RenderOptions::default(), &mut out).unwrap();
    let picture = String::from_utf8(out).unwrap();
    let told = "7 samples before, 1 after; 7 of those before have no such stack now and no box";
    assert!(picture.contains(told), "{picture}");
}

#[test]
fn a_trace_without_stacks_is_no_picture() {
    let row = RENDERERS
        .iter()
        .find(|row| row.name == "flamegraph")
        .unwrap();
    let error =
        (row.write)(&sample::empty(), &RenderOptions::default(), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no stack to draw"));
}

#[test]
fn stacks_of_which_no_sample_was_taken_are_no_picture_and_no_other_error() {
    let mut trace = sample::one(waiting());
    trace.report.processes[0].threads[0].stacks[0].samples = 0;
    let draw = RENDERERS.iter().find(|row| row.name == "flamegraph");
    let options = RenderOptions::default();
    let error = (draw.unwrap().write)(&trace, &options, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_profile_has_the_threads_with_their_samples_and_categories() {
    let mut trace = sample::one(waiting());
    trace.report.processes[0].threads[0].stacks[0].samples = 9;
    let profile = rendered("firefox", &trace, &RenderOptions::default());
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    let thread = &profile["threads"][0];
    assert_eq!(thread["processName"], "zpool (PID 156)");
    assert_eq!(thread["name"], "thread 0x4e2");
    assert_eq!(thread["samples"]["weight"][0], 9);
    // Three frames and an inlined function.
    assert_eq!(thread["stackTable"]["length"], 4);
    let categories = profile["meta"]["categories"].as_array().unwrap();
    let names: Vec<&str> = categories
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Other", "zfs", "spl", "Kernel"]);
}

#[test]
fn no_name_breaks_a_folded_line() {
    let harmless = lines(&named_everywhere("harmless"));
    for payload in hostile::all() {
        let lines = lines(&named_everywhere(&payload));
        assert_eq!(
            lines.len(),
            harmless.len(),
            "{:.40}",
            payload.escape_default()
        );
        for (line, harmless) in lines.iter().zip(&harmless) {
            let depth = |line: &str| line.split(';').count();
            assert_eq!(depth(line), depth(harmless), "{:.80}", line);
            assert!(!line.chars().any(is_hidden), "{line:.80}");
            let (path, weight) = line.rsplit_once(' ').unwrap();
            assert!(weight.parse::<u64>().is_ok(), "{line:.80}");
            let before = path.rsplit(' ').next().unwrap();
            assert!(
                path == before || before.parse::<f64>().is_err() || before.contains(';'),
                "{line:.80}"
            );
        }
    }
}

#[test]
fn no_name_is_markup_in_a_picture() {
    let elements = |name: &str| {
        let picture = rendered(
            "flamegraph",
            &named_everywhere(name),
            &RenderOptions::default(),
        );
        // The script of the picture is the same in all.
        let (_, body) = picture.split_once("</script>").unwrap();
        assert!(
            !body.contains("<script") && !body.contains("onerror=alert(1)>"),
            "{name:.40}"
        );
        let tags = body
            .split('<')
            .skip(1)
            .map(|tag| tag.split([' ', '>']).next().unwrap().to_owned());
        tags.collect::<Vec<String>>()
    };
    let harmless = elements("harmless");
    for payload in hostile::all() {
        let found = elements(&payload);
        assert_eq!(found, harmless, "{:.40}", payload.escape_default());
    }
}

#[test]
fn every_profile_is_json() {
    for payload in hostile::all() {
        let profile = rendered(
            "firefox",
            &named_everywhere(&payload),
            &RenderOptions::default(),
        );
        serde_json::from_str::<serde_json::Value>(&profile).unwrap();
    }
}

#[test]
fn no_name_acts_in_a_diagnosis() {
    let options = RenderOptions {
        color: true,
        ..RenderOptions::default()
    };
    let count = |name: &str| {
        let trace = named_everywhere(name);
        let diagnosis = diagnose(&trace);
        let (mut text, mut markdown, mut json) = (Vec::new(), Vec::new(), Vec::new());
        write_text(&diagnosis, &options, Shown::default(), &mut text).unwrap();
        write_markdown(&diagnosis, &options, Shown::default(), &mut markdown).unwrap();
        write_json(&diagnosis, &options, &mut json).unwrap();
        serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        let text = without_styles(&String::from_utf8(text).unwrap());
        let active = text.chars().find(|c| *c != '\n' && is_hidden(*c));
        assert_eq!(active, None, "{:.40}", name.escape_default());
        let markdown = String::from_utf8(markdown).unwrap();
        (text.lines().count(), markdown.lines().count())
    };
    let harmless = count("harmless");
    for payload in hostile::all().filter(|payload| payload.len() < 1000) {
        assert_eq!(
            count(&payload),
            harmless,
            "{:.40}",
            payload.escape_default()
        );
    }
}
