//! Runs a program once and tells what it cost.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use wait4::Wait4 as _;

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Processor time, of all threads, in the program and in the kernel for it.
    pub(super) cpu: Duration,
    /// From start to end; other work of the machine is in it.
    pub(super) wall: Duration,
    /// Peak resident size in bytes, pages of mapped files among them.
    pub(super) peak: u64,
}

/// Runs a program with a file as its standard input; what it prints goes to another file.
pub(super) fn run(command: &mut Command, input: Option<&Path>, output: &Path) -> Result<Cost> {
    let name = command.get_program().to_string_lossy().into_owned();
    let stdin = match input {
        Some(input) => Stdio::from(File::open(input)?),
        None => Stdio::null(),
    };
    command.stdin(stdin).stdout(File::create(output)?);
    let start = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let used = child.wait4()?;
    let wall = start.elapsed();
    ensure!(used.status.success(), "{name} failed ({})", used.status);
    Ok(Cost {
        cpu: used.rusage.utime + used.rusage.stime,
        wall,
        peak: used.rusage.maxrss,
    })
}

/// The middle of several runs, each figure by itself.
pub(super) fn median(costs: &[Cost]) -> Cost {
    Cost {
        cpu: middle(costs.iter().map(|cost| cost.cpu)).unwrap_or_default(),
        wall: middle(costs.iter().map(|cost| cost.wall)).unwrap_or_default(),
        peak: middle(costs.iter().map(|cost| cost.peak)).unwrap_or_default(),
    }
}

fn middle<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_run_of_three_does_not_move_the_median() {
        let cost = |milliseconds, peak| Cost {
            cpu: Duration::from_millis(milliseconds),
            wall: Duration::from_millis(milliseconds),
            peak,
        };
        let found = median(&[cost(900, 7), cost(20, 9), cost(21, 8)]);
        assert_eq!((found.cpu.as_millis(), found.peak), (21, 8));
    }
}
