//! Diagnoses of several reports in one run.

use std::process::Command;

use kstack_synth::kcdata::{self, Buffer, Thread};

/// What a command prints in the folder of the lost wake-up, and what it says beside it.
fn said(arguments: &[&str]) -> (String, String) {
    let folder = format!("{}/../../samples/lost-wakeup", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(arguments)
        .args(["--no-search", "--no-cache"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

fn printed(arguments: &[&str]) -> String {
    said(arguments).0
}

#[test]
fn one_report_given_twice_looked_like_a_machine_that_stands_still() {
    let twice = |second| said(&["diff", "first.log", second]).1;
    assert!(twice("first.log").contains("reports 1 and 2 are equal in everything"));
    assert_eq!(twice("second.log"), "");
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

/// Threads from 1 on that wait in one circle, one that waits for itself, and one for a thread that is not there.
fn waits(circle: u64) -> Vec<u8> {
    const MUTEX: u8 = 1;
    let lonely = [(circle + 1, circle + 1), (circle + 2, 0xdead)];
    let in_circle = (1..=circle).map(|id| (id, id % circle + 1));
    let waits: Vec<(u64, u64)> = in_circle.chain(lonely).collect();
    let records: Vec<Vec<u8>> = waits
        .iter()
        .map(|(waiter, owner)| kcdata::wait_info(*waiter, MUTEX, *owner, 0))
        .collect();
    let task = |task: Buffer| {
        let task = task
            .item(0x905, &kcdata::task_snapshot(0, 0, "kernel_task"))
            .array(0x91d, &records);
        waits.iter().fold(task, |task, (id, _)| {
            task.thread(*id, |thread| {
                let snapshot = Thread {
                    id: *id,
                    state: 0x9,
                    ..Thread::default()
                };
                thread
                    .item(0x906, &snapshot.record())
                    .array(0x914, &kcdata::words(&[0xffff_ff80_0020_1234]))
            })
        })
    };
    Buffer::stackshot().task(0, task).end()
}

#[test]
fn a_circle_of_ten_thousand_threads_is_told_and_drawn_by_its_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hang.kcdata");
    std::fs::write(&file, waits(10_000)).unwrap();
    let file = file.to_str().unwrap();
    let text = printed(&["diagnose", file]);
    for told in [
        "Deadlocks: 2:",
        "    10000 threads wait in a circle\n",
        "        … 9988 waits not shown …\n",
        "    1 thread waits for itself: it owns what it waits for\n",
        "    1 thread waits for thread 0xdead, not captured\n",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    assert!(text.len() < 20_000, "{} bytes", text.len());
    let markdown = printed(&["diagnose", file, "--format", "markdown"]);
    assert!(markdown.contains("10000 threads wait in a circle") && markdown.len() < 60_000);
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["diagnose", file, "--format", "json"])).unwrap();
    assert_eq!(
        json["deadlocks"][0]["waits"].as_array().unwrap().len(),
        10_000
    );
    let page = printed(&["diagnose", file, "--format", "html"]);
    let picture = page.split("<svg").nth(1).unwrap();
    assert!(picture.len() < 100_000, "{} bytes", picture.len());
    assert!(page.contains("more"));
}

#[test]
fn a_picture_says_beside_it_which_files_do_not_serve() {
    let folder = format!("{}/../../samples/dtrace-stacks", env!("CARGO_MANIFEST_DIR"));
    let picture = |command: &str, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kstack"))
            .args([command, "out.stacks", "--kext", "../zpool-hang/zfs.kext"])
            .args([
                "--kextstat",
                "../zpool-hang/kextstat.txt",
                "--no-search",
                "--no-cache",
            ])
            .args(more)
            .current_dir(&folder)
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for said in [
        picture("flamegraph", &[]),
        picture("symbolicate", &["--format", "folded"]),
    ] {
        assert!(said.contains("pass --kernel-slide"), "{said}");
        assert!(said.contains("zfs.kext"), "{said}");
    }
    assert!(!picture("symbolicate", &[]).contains("--kernel-slide"));
}
