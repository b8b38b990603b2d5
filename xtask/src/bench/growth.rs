//! How the time grows when what is read doubles: with which power.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::data::{DOUBLINGS, Data};
use super::lookups::addresses;
use super::process::{self, Cost};
use super::system::{LARGE, System};
use super::text;

/// Runs of each; the middle one counts.
const ROUNDS: usize = 5;
/// The largest as a multiple of the smallest.
const FACTORS: [usize; 4] = [1, 2, 4, 8];

/// Prints a row for each: the times, and the exponent; 1 is linear.
pub(super) fn print(kstack: &PathBuf, data: &Data) -> Result<()> {
    println!("\n| what doubles | from | CPU s: × 1, × 2, × 4, × 8 | peak MiB at × 8 | exponent |");
    println!("| --- | --- | --- | --- | --- |");
    let report = |system: System| Ok((system.symbolicate(data, kstack, "json")?, None));
    row("threads", "1,500", data, |factor| {
        report(System {
            processes: 250 * factor,
            ..LARGE
        })
    })?;
    row("frames of a thread", "12 + 8", data, |factor| {
        report(System {
            frames: LARGE.frames * factor,
            ..LARGE
        })
    })?;
    row("kexts", "2", data, |factor| {
        report(System {
            kexts: 2 * factor,
            ..LARGE
        })
    })?;
    row(
        "DWARF, 1,000 addresses",
        "1,500 functions",
        data,
        |factor| {
            let part = DOUBLINGS[0] / factor;
            let image = data.image(&format!("part{part}"))?;
            let addresses = addresses(data, &image, 1000)?;
            let mut command = Command::new(kstack);
            let lookup = command.arg("lookup").arg(&image.dsym);
            lookup.args(["-", "--no-cache"]);
            Ok((command, Some(addresses)))
        },
    )?;
    row("text through annotate", "12 MB", data, |factor| {
        Ok((text::annotate(data, kstack, 12 * factor)?, None))
    })
}

fn row(
    what: &str,
    from: &str,
    data: &Data,
    command: impl Fn(usize) -> Result<(Command, Option<PathBuf>)>,
) -> Result<()> {
    let output = data.folder.join("answers.txt");
    let mut costs: Vec<Cost> = Vec::new();
    for factor in FACTORS {
        let (mut command, input) = command(factor)?;
        let run = |_| process::run(&mut command, input.as_deref(), &output);
        let runs = (0..ROUNDS).map(run).collect::<Result<Vec<_>>>()?;
        costs.push(process::median(&runs));
    }
    let times: Vec<f64> = costs.iter().map(|cost| cost.cpu.as_secs_f64()).collect();
    let shown: Vec<String> = times.iter().map(|time| format!("{time:.3}")).collect();
    println!(
        "| {what} | {from} | {} | {} | {:.2} |",
        shown.join(", "),
        costs.last().map_or(0, |cost| cost.peak >> 20),
        exponent(&times),
    );
    Ok(())
}

/// The slope of the line that fits the logarithms of times, each of twice as much as the one before.
fn exponent(times: &[f64]) -> f64 {
    let middle = (times.len() as f64 - 1.0) / 2.0;
    let steps = (0..times.len()).map(|step| step as f64 - middle);
    let (mut rise, mut run) = (0.0, 0.0);
    for (step, time) in steps.zip(times) {
        rise += step * time.log2();
        run += step * step;
    }
    rise / run
}

#[cfg(test)]
mod tests {
    use super::exponent;

    #[test]
    fn times_that_double_have_the_exponent_one_and_those_that_stay_have_zero() {
        assert!((exponent(&[0.5, 1.0, 2.0, 4.0]) - 1.0).abs() < 1e-9);
        assert!(exponent(&[3.0, 3.0, 3.0, 3.0]).abs() < 1e-9);
        assert!((exponent(&[1.0, 4.0, 16.0, 64.0]) - 2.0).abs() < 1e-9);
    }
}
