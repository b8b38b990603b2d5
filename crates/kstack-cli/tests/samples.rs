//! Runs every sample and compares what is printed with `expect/`, byte for byte.
//!
//! `KSTACK_BLESS=1` (which `cargo xtask bless` sets) writes the goldens instead.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

/// A `case.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    origin: String,
    format: BTreeSet<String>,
    run: Vec<Run>,
}

/// One command, run in the folder of the sample.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    args: Vec<String>,
    expect: String,
    exit: i32,
}

#[test]
fn every_sample_prints_what_it_should() {
    let bless = std::env::var_os("KSTACK_BLESS").is_some_and(|value| value == "1");
    let mut failures = String::new();
    for (folder, case) in cases() {
        for run in &case.run {
            let output = run_in(&folder, run);
            let golden = folder.join("expect").join(&run.expect);
            if bless {
                fs::create_dir_all(folder.join("expect")).unwrap();
                fs::write(&golden, &output.stdout).unwrap();
            }
            if let Some(difference) = difference(run, &output, &golden) {
                let (sample, args) = (name(&folder), run.args.join(" "));
                write!(failures, "\n{sample}: kstack {args}\n{difference}").unwrap();
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{failures}\nIf this is what you want, run `cargo xtask bless` and read the diff."
    );
}

#[test]
fn every_json_output_fits_its_schema() {
    let mut schemas = Schemas::read();
    for (folder, case) in cases() {
        let is_json = |run: &&Run| run.expect.ends_with(".json");
        for run in case.run.iter().filter(is_json) {
            let Some(schema) = schema_of(&run.args[0]) else {
                continue;
            };
            let value = serde_json::from_slice(&run_in(&folder, run).stdout).unwrap();
            if let Some(why) = schemas.objection(schema, &value) {
                panic!(
                    "{}: {} does not fit {schema}: {why}",
                    name(&folder),
                    run.expect
                );
            }
        }
    }
}

/// The schema of a command's JSON; a dump has the shape of the file it dumps.
fn schema_of(command: &str) -> Option<&'static str> {
    match command {
        "diagnose" => Some("kstack-diagnosis-1.schema.json"),
        "diff" => Some("kstack-comparison-1.schema.json"),
        "zones" => Some("kstack-zones-1.schema.json"),
        "leaks" => Some("kstack-leaks-1.schema.json"),
        "dump" => None,
        _ => Some("kstack-1.schema.json"),
    }
}

/// The schemas of `docs/schema`, which refer to each other.
struct Schemas {
    compiler: boon::Compiler,
    compiled: boon::Schemas,
}

impl Schemas {
    fn read() -> Schemas {
        let mut compiler = boon::Compiler::new();
        for path in entries(&root().join("docs/schema")) {
            let schema: serde_json::Value =
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let id = Schemas::id(name(&path));
            assert_eq!(schema["$id"], id, "{}", path.display());
            compiler.add_resource(&id, schema).unwrap();
        }
        Schemas {
            compiler,
            compiled: boon::Schemas::new(),
        }
    }

    fn id(file: &str) -> String {
        format!("https://kstack-rs.github.io/kstack/schema/{file}")
    }

    /// What is wrong with a document.
    fn objection(&mut self, file: &str, document: &serde_json::Value) -> Option<String> {
        let id = Schemas::id(file);
        let schema = self.compiler.compile(&id, &mut self.compiled).unwrap();
        let found = self.compiled.validate(document, schema);
        found.err().map(|why| format!("{why:#}"))
    }
}

#[test]
fn every_schema_has_a_sample_and_refuses_what_it_does_not_describe() {
    let mut schemas = Schemas::read();
    let mut tried = BTreeSet::new();
    for (folder, case) in cases() {
        for run in case.run.iter().filter(|run| run.expect.ends_with(".json")) {
            let Some(schema) = schema_of(&run.args[0]).filter(|schema| tried.insert(*schema))
            else {
                continue;
            };
            let golden = fs::read(folder.join("expect").join(&run.expect)).unwrap();
            let mut document: serde_json::Value = serde_json::from_slice(&golden).unwrap();
            document["unheard of"] = true.into();
            assert!(schemas.objection(schema, &document).is_some(), "{schema}");
        }
    }
    let all = entries(&root().join("docs/schema"));
    let all: BTreeSet<&str> = all.iter().map(|path| name(path)).collect();
    assert_eq!(tried, all);
}

#[test]
fn every_golden_belongs_to_one_run() {
    for (folder, case) in cases() {
        let wanted: BTreeSet<&str> = case.run.iter().map(|run| run.expect.as_str()).collect();
        assert_eq!(
            wanted.len(),
            case.run.len(),
            "two runs of {} share a golden",
            name(&folder)
        );
        for golden in entries(&folder.join("expect")) {
            assert!(
                wanted.contains(name(&golden)),
                "{} has no run in case.toml",
                golden.display()
            );
        }
    }
}

#[test]
fn every_sample_says_what_it_is_and_where_it_is_from() {
    for (folder, case) in cases() {
        assert!(
            !case.about.trim().is_empty(),
            "{}: `about` is empty",
            name(&folder)
        );
        assert!(
            !case.origin.trim().is_empty(),
            "{}: `origin` is empty",
            name(&folder)
        );
        assert!(!case.run.is_empty(), "{}: no `[[run]]`", name(&folder));
    }
}

#[test]
fn every_format_has_a_page_and_a_sample() {
    let covered: BTreeSet<String> = cases()
        .into_iter()
        .flat_map(|(_, case)| case.format)
        .collect();
    let known: BTreeSet<&str> = kstack_parse::FORMATS
        .iter()
        .map(|format| format.name)
        .collect();
    for format in &known {
        let page = format!("docs/formats/{format}.md");
        assert!(root().join(&page).is_file(), "{page} is missing");
        assert!(
            covered.contains(*format),
            "no sample's case.toml names the format {format}"
        );
    }
    for format in &covered {
        assert!(
            known.contains(format.as_str()),
            "a case.toml names {format}, which is no format"
        );
    }
}

fn cases() -> Vec<(PathBuf, Case)> {
    let read = |folder: PathBuf| {
        let path = folder.join("case.toml");
        let text =
            fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let case = toml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        (folder, case)
    };
    let folders = entries(&root().join("samples"));
    folders
        .into_iter()
        .filter(|path| path.is_dir())
        .map(read)
        .collect()
}

fn run_in(folder: &Path, run: &Run) -> Output {
    let mut kstack = Command::new(env!("CARGO_BIN_EXE_kstack"));
    kstack
        .args(&run.args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// What is wrong with a run, for a person; `None` when nothing is.
fn difference(run: &Run, output: &Output, golden: &Path) -> Option<String> {
    let mut wrong = String::new();
    if output.status.code() != Some(run.exit) {
        let said = String::from_utf8_lossy(&output.stderr);
        writeln!(wrong, "  {}, not {}: {said}", output.status, run.exit).unwrap();
    }
    match fs::read(golden) {
        Err(why) => writeln!(wrong, "  expect/{}: {why}", run.expect).unwrap(),
        Ok(expected) if expected != output.stdout => {
            wrong += &first_difference(&expected, &output.stdout, &run.expect);
        }
        Ok(_) => {}
    }
    (!wrong.is_empty()).then_some(wrong)
}

/// The first lines that differ, with two lines before them.
fn first_difference(expected: &[u8], printed: &[u8], golden: &str) -> String {
    let (expected, printed) = (
        String::from_utf8_lossy(expected),
        String::from_utf8_lossy(printed),
    );
    let expected: Vec<&str> = expected.split('\n').collect();
    let printed: Vec<&str> = printed.split('\n').collect();
    let same = expected
        .iter()
        .zip(&printed)
        .take_while(|(one, other)| one == other)
        .count();
    let mut text = format!("  expect/{golden} differs from line {} on:\n", same + 1);
    for line in &expected[same.saturating_sub(2)..same] {
        writeln!(text, "      {line}").unwrap();
    }
    for (mark, lines) in [('-', &expected), ('+', &printed)] {
        for line in lines.iter().skip(same).take(6) {
            // Escaped: the difference can be a tab or the end of the line.
            writeln!(text, "    {mark} {}", line.escape_debug()).unwrap();
        }
    }
    text
}

/// What is in a folder, by name; nothing when there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .parent()
        .unwrap()
}
