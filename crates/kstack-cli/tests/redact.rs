//! With `--redact`, nothing that is private is in any output of any command.

use std::process::Command;

/// Names of programs, a folder in the paths of the symbol files, and what its owner called a report.
const SECRETS: [&str; 6] = [
    "zpool",
    "launchd",
    "exampled",
    "Old Player",
    "/samples/",
    "second.log",
];

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/zpool-hang");

/// The symbol files by whole paths, whose folders are private.
fn symbols() -> Vec<String> {
    let files = ["mach_kernel", "spl.kext", "zfs.kext", "kextstat.txt"];
    let flags = ["--kernel", "--kext", "--kext", "--kextstat"];
    let pairs = flags.iter().zip(files);
    pairs
        .flat_map(|(flag, file)| [(*flag).to_owned(), format!("{FOLDER}/{file}")])
        .collect()
}

fn printed(args: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(args)
        .current_dir(FOLDER)
        .output()
        .unwrap();
    assert!(run.status.success(), "{args:?}: {run:?}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn no_output_of_a_redacted_report_names_a_program_or_a_folder() {
    let renderers = kstack::RENDERERS
        .iter()
        .map(|renderer| ["symbolicate", renderer.name]);
    let others = [
        ["show", "text"],
        ["images", "text"],
        ["images", "json"],
        ["diagnose", "text"],
        ["diagnose", "markdown"],
        ["diagnose", "json"],
        ["diff", "text"],
        ["diff", "markdown"],
        ["diff", "json"],
    ];
    let symbols = symbols();
    for [command, format] in renderers.chain(others) {
        let mut args = vec![command, "stackshot.log"];
        if command == "diff" {
            args.push("../lost-wakeup/second.log");
        }
        if command != "show" {
            args.extend(symbols.iter().map(String::as_str));
        }
        args.extend(["--format", format]);
        assert!(
            SECRETS.iter().any(|secret| printed(&args).contains(secret)),
            "{args:?}"
        );
        args.push("--redact");
        let shown = printed(&args);
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{args:?} shows {secret}:\n{shown}");
        }
    }
}

#[test]
fn a_process_of_a_redacted_report_is_chosen_by_its_name() {
    for command in ["symbolicate", "show"] {
        let chosen = ["stackshot.log", "--process", "zpool", "--redact"];
        let shown = printed(&[&[command], &chosen[..]].concat());
        assert!(
            shown.contains("PID: 156") && !shown.contains("PID: 88"),
            "{shown}"
        );
    }
}

#[test]
fn a_command_that_cannot_redact_does_not_take_the_flag() {
    for command in ["dump", "annotate", "lldb", "lookup", "zones"] {
        let run = Command::new(env!("CARGO_BIN_EXE_kstack"))
            .args([command, "--redact", "x"])
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(2), "{command}");
    }
}
