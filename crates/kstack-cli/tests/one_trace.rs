//! Formats whose documents hold one trace, of a report that holds two: the panic and the stackshot.

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(args)
        .current_dir(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../samples/ips-panic-full"
        ))
        .output()
        .unwrap()
}

fn drawn(format: &str, trace: &[&str]) -> (String, String) {
    let run = run(&[&["symbolicate", "report.ips", "--format", format], trace].concat());
    assert!(run.status.success(), "{run:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(run.stdout), text(run.stderr))
}

#[test]
fn two_traces_are_not_two_pictures_in_one_file() {
    let (first, said) = drawn("flamegraph", &[]);
    assert_eq!(first.matches("<?xml").count(), 1);
    assert!(
        said.contains("2 traces; this is number 1, --trace chooses"),
        "{said}"
    );
    let (second, said) = drawn("flamegraph", &["--trace", "2"]);
    assert_eq!(second.matches("<?xml").count(), 1);
    assert!(!said.contains("--trace"), "{said}");
    assert!(second.contains("mds_stores") && !first.contains("mds_stores"));
}

#[test]
fn two_traces_are_not_two_profiles_in_one_file() {
    for trace in [&[][..], &["--trace", "2"]] {
        let (profile, _) = drawn("firefox", trace);
        serde_json::from_str::<serde_json::Value>(&profile).unwrap();
    }
}

#[test]
fn one_trace_is_chosen_in_every_format_and_one_that_is_not_there_is_refused() {
    let (both, _) = drawn("text", &[]);
    let (second, said) = drawn("text", &["--trace", "2"]);
    assert!(
        both.contains("Trace: 1 of 2") && both.contains(&second[second.find("PID").unwrap()..])
    );
    assert!(!second.contains("Trace: 1 of 2") && said.is_empty());
    let refused = run(&["show", "report.ips", "--trace", "3"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("--trace 3: report.ips has 2"), "{said}");
}

#[test]
fn a_picture_that_cannot_be_drawn_emptied_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hang.svg");
    std::fs::write(&file, "earlier").unwrap();
    let failed = run(&[
        "symbolicate",
        "report.ips",
        "--process",
        "not there",
        "--format",
        "flamegraph",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "earlier");
}
