//! Whole runs: from the bytes of a report to the last line of the answer.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::data::Data;
use super::process;
use super::system::LARGE;

/// Runs of each; the middle one counts.
const ROUNDS: usize = 9;

/// Prints a row for each.
pub(super) fn print(kstack: &PathBuf, data: &Data) -> Result<()> {
    println!("\n| run | wall ms | CPU ms | peak MiB |");
    println!("| --- | --- | --- | --- |");
    let mut version = Command::new(kstack);
    version.arg("--version");
    row("`kstack --version`", &mut version, data)?;
    for format in ["json", "markdown", "text"] {
        let what = format!("500 processes, 3,000 threads, 60,000 frames, 20 kexts to {format}");
        row(&what, &mut LARGE.command(data, kstack, format)?, data)?;
    }
    Ok(())
}

fn row(what: &str, command: &mut Command, data: &Data) -> Result<()> {
    let output = data.folder.join("answers.txt");
    let run = |_| process::run(command, None, &output);
    let runs = (0..ROUNDS).map(run).collect::<Result<Vec<_>>>()?;
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
