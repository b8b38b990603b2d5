//! Diagnoses of several reports in one run.

use std::process::Command;

/// What a command prints in the folder of the lost wake-up.
fn printed(arguments: &[&str]) -> String {
    let folder = format!("{}/../../samples/lost-wakeup", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(arguments)
        .args(["--no-search", "--no-cache"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn several_reports_are_one_page() {
    let page = printed(&["diagnose", "first.log", "second.log", "--format", "html"]);
    for once in ["<!DOCTYPE html>", "<main>", "</main>", "</html>"] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    assert!(page.contains("<article id=\"t1\">") && page.contains("<article id=\"t2\">"));
}

#[test]
fn several_diagnoses_are_one_array() {
    let json = printed(&["diagnose", "first.log", "second.log", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[1]["kind"], "diagnosis");
}

#[test]
fn several_comparisons_are_one_array() {
    let json = printed(&[
        "diff",
        "first.log",
        "second.log",
        "first.log",
        "--format",
        "json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[1]["kind"], "comparison");
}
