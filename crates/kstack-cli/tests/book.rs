//! What the pages of `docs/` show is what the program prints, and what they point to is there.
//!
//! A run is shown in a block of `console`, after a comment that says in which folder it is run. A line `…` stands
//! for any number of lines. `KSTACK_BLESS=1` writes the output of runs that are shown whole.

#![expect(clippy::print_stdout, reason = "a test says what it skips")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const BLOCK: &str = "```console\n";

#[test]
fn every_shown_run_prints_what_is_shown() {
    let bless = std::env::var_os("KSTACK_BLESS").is_some_and(|value| value == "1");
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut blessed = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(BLOCK) {
            let (block, after) = after.split_once("```\n").unwrap();
            let place = before.trim_end().lines().next_back().unwrap_or_default();
            let folder = place
                .strip_prefix("<!-- in ")
                .and_then(|place| place.strip_suffix(" -->"))
                .unwrap_or_else(|| panic!("{}: no folder before {block}", page.display()));
            blessed.extend([
                before,
                BLOCK,
                &checked(&page, folder, block, bless),
                "```\n",
            ]);
            rest = after;
        }
        blessed.push_str(rest);
        if bless && blessed != text {
            fs::write(&page, blessed).unwrap();
        }
    }
}

/// Runs the commands of a block and compares; answers the block as it should be.
fn checked(page: &Path, folder: &str, block: &str, bless: bool) -> String {
    let mut right = String::new();
    for run in block.split_inclusive('\n').fold(Vec::new(), by_run) {
        let end = command_end(&run);
        let (command, shown) = run.split_at(end);
        right.push_str(command);
        let Some(printed) = printed(folder, command) else {
            right.push_str(shown);
            continue;
        };
        let is_whole = !shown.lines().any(is_gap);
        right.push_str(if bless && is_whole { &printed } else { shown });
        assert!(
            bless && is_whole || fits(shown, &printed),
            "{}: {command}shows\n{shown}\nand prints\n{printed}",
            page.display()
        );
    }
    right
}

fn by_run(mut runs: Vec<String>, line: &str) -> Vec<String> {
    match runs.last_mut() {
        Some(run) if !line.starts_with("$ ") => run.push_str(line),
        _ => runs.push(line.to_owned()),
    }
    runs
}

/// A backslash at the end of a line goes on in the next one.
fn command_end(run: &str) -> usize {
    let mut end = 0;
    for line in run.split_inclusive('\n') {
        end += line.len();
        if !line.ends_with("\\\n") {
            break;
        }
    }
    end
}

/// What a command prints; nothing where the program is not installed.
fn printed(folder: &str, command: &str) -> Option<String> {
    let words = command.replace("\\\n", " ");
    let mut words = words.split_whitespace().skip(1);
    let program = match words.next().unwrap() {
        "kstack" => env!("CARGO_BIN_EXE_kstack"),
        "gnuplot" => "gnuplot",
        other => panic!("{other} is not a program whose runs are shown"),
    };
    let run = Command::new(program)
        .args(words)
        .current_dir(root().join(folder))
        .env("NO_COLOR", "1")
        .output();
    let Ok(run) = run else {
        println!("skipped: {program} is not installed");
        return None;
    };
    // A picture made of letters fills its lines with blanks.
    let text = String::from_utf8(run.stdout).unwrap();
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    Some(lines.collect())
}

fn is_gap(line: &str) -> bool {
    line.trim() == "…"
}

/// Whether a text is what is shown of it.
fn fits(shown: &str, printed: &str) -> bool {
    let mut rest: Vec<&str> = printed.lines().collect();
    let pieces: Vec<Vec<&str>> = shown
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .split(|line| is_gap(line))
        .map(<[&str]>::to_vec)
        .collect();
    for (index, piece) in pieces.iter().enumerate() {
        let starts = 0..=rest.len().saturating_sub(piece.len());
        let equal = |start: &usize| {
            let lines = rest[*start..].iter().map(|line| line.trim_end());
            lines.take(piece.len()).eq(piece.iter().copied())
        };
        let found = match index {
            0 => Some(0).filter(equal),
            _ => starts.clone().find(equal),
        };
        let Some(start) = found else { return false };
        rest.drain(..start + piece.len());
    }
    rest.is_empty() || pieces.last().is_some_and(Vec::is_empty)
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let docs = root().join("docs");
    let mut listed = BTreeSet::new();
    for page in pages().into_iter().chain([docs.join("SUMMARY.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let target = tidy(&page.parent().unwrap().join(target));
            assert!(
                target.starts_with(tidy(&docs)) && target.exists(),
                "{}: {link} leads nowhere in docs/",
                page.display()
            );
            if page.ends_with("SUMMARY.md") {
                listed.insert(target);
            }
        }
    }
    for page in pages() {
        assert!(
            listed.contains(&tidy(&page)),
            "docs/SUMMARY.md does not list {}",
            page.display()
        );
    }
}

/// Targets of links and pictures, outside of blocks and code.
fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut is_block = false;
    for line in text.lines() {
        is_block ^= line.starts_with("```");
        let prose = line.split('`').step_by(2);
        for piece in prose.filter(|_| !is_block) {
            let targets = piece.split("](").skip(1);
            links.extend(targets.filter_map(|rest| rest.split(')').next()));
        }
        // The text of a link may be code.
        if !is_block && let Some((_, rest)) = line.split_once("`](") {
            links.extend(rest.split(')').next());
        }
    }
    links
}

/// Without `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    tidy
}

/// All pages but the summary, by name.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md")
                && !path.ends_with("SUMMARY.md")
            {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
