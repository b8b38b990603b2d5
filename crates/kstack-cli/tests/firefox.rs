//! `--format firefox` against the processed profile format of the Firefox Profiler, version 55, as its documentation
//! and type declarations (`src/types/profile.ts`) describe it: tables by columns, which point into one another.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_profile_has_the_structure_that_the_profiler_documents() {
    for report in [
        "dtrace-stacks/out.stacks",
        "kcdata-deadlock/stackshot.kcdata",
        "panic-pair/first.panic",
        "spindump-heavy/spindump.txt",
        "zpool-hang/stackshot.log",
    ] {
        let profile = profile(report);
        let meta = &profile["meta"];
        assert_eq!(meta["preprocessedProfileVersion"], 55, "{report}");
        assert!(meta["interval"].is_number() && meta["startTime"].is_number());
        let categories = list(&meta["categories"]);
        for category in categories {
            assert!(category["name"].is_string() && category["color"].is_string());
            assert!(!list(&category["subcategories"]).is_empty());
        }
        let threads = list(&profile["threads"]);
        assert!(!threads.is_empty(), "{report}");
        for thread in threads {
            check(thread, categories.len());
        }
    }
}

fn profile(report: &str) -> Value {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    let run = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(["symbolicate", report, "--symbols", "zpool-hang"])
        .args(["--format", "firefox"])
        .current_dir(samples)
        .output()
        .unwrap();
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Every column has as many rows as its table says, and every index points to a row that is there.
fn check(thread: &Value, categories: usize) {
    assert!(thread["name"].is_string() && thread["processName"].is_string());
    assert!(thread["registerTime"].is_number());
    let strings = list(&thread["stringArray"]);
    assert!(strings.iter().all(Value::is_string));
    let frames = rows(
        &thread["frameTable"],
        &["address", "category", "func", "line"],
    );
    let functions = rows(&thread["funcTable"], &["name", "isJS", "resource"]);
    let resources = rows(&thread["resourceTable"], &["lib", "name", "type"]);
    let stacks = rows(&thread["stackTable"], &["prefix", "frame"]);
    let samples = rows(&thread["samples"], &["stack", "timeDeltas", "weight"]);
    rows(&thread["markers"], &["category", "data", "name", "phase"]);
    rows(&thread["nativeSymbols"], &["address", "libIndex", "name"]);

    points(&thread["frameTable"]["func"], functions);
    points(&thread["frameTable"]["category"], categories);
    points(&thread["funcTable"]["name"], strings.len());
    points(&thread["funcTable"]["resource"], resources);
    points(&thread["stackTable"]["frame"], frames);
    points(&thread["samples"]["stack"], stacks);
    for (row, prefix) in (0_u64..).zip(list(&thread["stackTable"]["prefix"])) {
        // A stack comes after the one it grows out of.
        assert!(
            prefix.as_u64().is_none_or(|prefix| prefix < row),
            "{prefix} in row {row}"
        );
    }
    assert_eq!(thread["samples"]["weightType"], "samples");
    let weights = list(&thread["samples"]["weight"]);
    assert!(weights.iter().all(|weight| weight.as_u64() >= Some(1)));
    let stacks = list(&thread["samples"]["stack"]);
    assert!(samples > 0 && stacks.iter().all(Value::is_u64));
}

fn rows(table: &Value, columns: &[&str]) -> usize {
    let length = usize::try_from(table["length"].as_u64().unwrap()).unwrap();
    for column in columns {
        assert_eq!(list(&table[column]).len(), length, "{column}");
    }
    length
}

/// Rows of another table; null and −1 are none.
fn points(column: &Value, rows: usize) {
    let is_row = |index: u64| usize::try_from(index).is_ok_and(|index| index < rows);
    for index in list(column) {
        let is_none = index.is_null() || index.as_i64() == Some(-1);
        assert!(
            is_none || index.as_u64().is_some_and(is_row),
            "{index} of {rows}"
        );
    }
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_else(|| panic!("no list: {value:.60}"))
}
