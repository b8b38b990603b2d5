//! What is installed beside the program: completions of shells and manual pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum as _;

/// The commands that `kstack --help` lists.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn printed(args: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(args)
        .output()
        .unwrap();
    assert!(run.status.success(), "{args:?}: {run:?}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn every_shell_gets_every_command() {
    for shell in clap_complete::Shell::value_variants() {
        let script = printed(&["completions", &shell.to_string()]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
}

#[test]
fn shells_offered_files_where_a_format_was_asked_for() {
    // Of bash, as the others have a syntax of their own for lists.
    let script = printed(&["completions", "bash"]);
    let written: Vec<&str> = kstack::RENDERERS.iter().map(|row| row.name).collect();
    let read: Vec<&str> = kstack::parse::FORMATS.iter().map(|row| row.name).collect();
    for names in [written, read] {
        let offered = format!("compgen -W \"{}\"", names.join(" "));
        assert!(script.contains(&offered), "{offered}");
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_options_and_examples() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["manual", folder.path().to_str().unwrap()]);
    let pages: BTreeSet<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let commands = commands();
    let named = commands.iter().map(|command| format!("kstack-{command}.1"));
    let expected: BTreeSet<String> = named.chain(["kstack.1".to_owned()]).collect();
    assert_eq!(pages, expected);
    for page in pages {
        let text = fs::read_to_string(Path::new(folder.path()).join(&page)).unwrap();
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", "Example"] {
            assert!(text.contains(part), "{page} has no {part}");
        }
    }
}
