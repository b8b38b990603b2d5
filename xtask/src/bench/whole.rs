//! Whole runs: from the bytes of a report to the last line of the answer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::data::Data;
use super::process;
use super::system::LARGE;
use super::text;

/// Runs of each; the middle one counts. The short ones run more often.
const ROUNDS: usize = 9;
const SHORT_ROUNDS: usize = 51;
/// Megabytes that `annotate` reads.
const TEXT: usize = 100;

/// Prints a row for each.
pub(super) fn print(kstack: &Path, data: &Data) -> Result<()> {
    println!("\n| run | wall ms | CPU ms | peak MiB |");
    println!("| --- | --- | --- | --- |");
    let mut version = Command::new(kstack);
    version.arg("--version");
    row("`kstack --version`", &mut version, data, SHORT_ROUNDS)?;
    if let Some(stackshot) = stackshot()? {
        let size = fs::metadata(&stackshot)?.len() as f64 / 1e6;
        let what = format!("a kcdata stackshot of {size:.1} MB to json");
        let mut command = Command::new(kstack);
        command.arg("symbolicate").arg(stackshot);
        command.args(["--no-search", "--format", "json"]);
        row(&what, &mut command, data, SHORT_ROUNDS)?;
    }
    let system = "500 processes, 3,000 threads, 60,000 frames, 20 kexts";
    for format in ["json", "markdown", "text"] {
        let what = format!("{system} to {format}");
        let mut command = LARGE.symbolicate(data, kstack, format)?;
        row(&what, &mut command, data, ROUNDS)?;
    }
    let mut page = LARGE.command(data, kstack, &["diagnose", "--format", "html"])?;
    let page = page.env("RAYON_NUM_THREADS", "1");
    row(
        "the same, diagnosed, to a page, on one core",
        page,
        data,
        ROUNDS,
    )?;
    let what = format!("{TEXT} MB of text through annotate");
    row(
        &what,
        &mut text::annotate(data, kstack, TEXT)?,
        data,
        ROUNDS,
    )
}

/// The largest of the real stackshots, where they are at hand.
fn stackshot() -> Result<Option<PathBuf>> {
    let Some(folder) = env::var_os("KSTACK_KCDATA") else {
        return Ok(None);
    };
    let mut largest = None;
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        // The dictionaries that belong to them have an ending.
        if path.is_file() && path.extension().is_none() {
            largest = largest.max(Some((fs::metadata(&path)?.len(), path)));
        }
    }
    Ok(largest.map(|(_, path)| path))
}

fn row(what: &str, command: &mut Command, data: &Data, rounds: usize) -> Result<()> {
    let output = data.folder.join("answers.txt");
    let run = |_| process::run(command, None, &output);
    let runs = (0..rounds).map(run).collect::<Result<Vec<_>>>()?;
    let cost = process::median(&runs);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "| {what} | {:.1} | {:.1} | {} |",
        milliseconds(cost.wall),
        milliseconds(cost.cpu),
        cost.peak >> 20,
    );
    Ok(())
}
