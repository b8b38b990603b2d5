//! The pager, with one that can be told from none.

#![cfg(unix)]

use std::process::{Command, Output};

fn run(arguments: &[&str], pager: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(["formats"])
        .args(arguments)
        .env("KSTACK_PAGER", pager)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn nothing_is_paged_when_no_terminal_is_there() {
    assert!(!text(&run(&[], "sed s/^/paged:/")).contains("paged:"));
}

#[test]
fn every_line_goes_through_a_pager_that_is_asked_for() {
    let plain = text(&run(&["--no-pager"], "sed s/^/paged:/"));
    let paged = text(&run(&["--pager", "always"], "sed s/^/paged:/"));
    let expected: String = plain
        .lines()
        .map(|line| format!("paged:{line}\n"))
        .collect();
    assert_eq!(paged, expected);
}

#[test]
fn cat_and_nothing_are_ways_to_say_that_no_pager_is_wanted() {
    let plain = text(&run(&["--no-pager"], ""));
    for pager in ["", " ", "cat"] {
        assert_eq!(text(&run(&["--pager"], pager)), plain);
    }
}

#[test]
fn a_pager_that_is_left_early_is_no_error() {
    text(&run(&["--pager"], "true"));
}

#[test]
fn a_pager_that_is_not_there_swallowed_the_answer() {
    let plain = text(&run(&["--no-pager"], ""));
    let run_with = |pager| run(&["--pager"], pager);
    let said = |run: &Output| String::from_utf8_lossy(&run.stderr).into_owned();
    let word = run_with("no-such-pager");
    assert_eq!(text(&word), plain);
    assert!(said(&word).contains("the pager no-such-pager cannot be started"));
    let words = run_with("no-such-pager -R");
    assert!(
        said(&words).contains("--no-pager prints the answer"),
        "{words:?}"
    );
}

#[test]
fn the_key_that_interrupts_left_the_pager_behind() {
    let plain = text(&run(&["--no-pager"], ""));
    assert_eq!(text(&run(&["--pager"], "kill -INT $PPID; sed ''")), plain);
}

#[test]
fn a_pager_came_up_although_there_was_nothing_to_show() {
    let output = Command::new(env!("CARGO_BIN_EXE_kstack"))
        .args(["symbolicate", "no-such-report", "--pager"])
        .env("KSTACK_PAGER", "echo paged")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}
