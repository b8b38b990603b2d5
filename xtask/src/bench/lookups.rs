//! Addresses of a kernel: ours beside the others, in turn.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::data::{Data, Image};
use super::process::{self, Cost};
use super::programs::{self, Program};

/// Prints the table: one job a row, one program a column.
pub(super) fn compare(root: &Path, kstack: &Path, data: &Data, most: usize) -> Result<()> {
    let image = data.image("kernel")?;
    let programs = programs::installed(root, kstack);
    let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    println!("\n| addresses | {} |", names.join(" | "));
    println!("| --- |{}", " --- |".repeat(names.len()));
    for count in [1, 1000, 100_000, 1_000_000] {
        if count > most {
            continue;
        }
        let addresses = addresses(data, &image, count)?;
        let costs = alternate(data, &image, &programs, &addresses, rounds(count))?;
        println!("| {count} | {} |", cells(&costs).join(" | "));
    }
    println!(
        "\nEach: processor time, peak resident size, time as a multiple of the first column's."
    );
    Ok(())
}

/// How often each program runs: the long jobs less often.
fn rounds(count: usize) -> usize {
    if count > 10_000 { 3 } else { 7 }
}

/// Runs all programs once in turn, then again, so that a busy machine is busy for all.
fn alternate(
    data: &Data,
    image: &Image,
    programs: &[Program],
    addresses: &Path,
    rounds: usize,
) -> Result<Vec<Cost>> {
    let output = data.folder.join("answers.txt");
    let mut costs = vec![Vec::new(); programs.len()];
    // What a longer job has kept would be in the way of a shorter one.
    let cache = data.folder.join("cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    let command = |program: &Program| {
        let mut command = program.command(image);
        command.env("KSTACK_CACHE_DIR", &cache);
        command
    };
    for program in programs.iter().filter(|program| program.is_warm()) {
        process::run(&mut command(program), Some(addresses), &output)?;
    }
    for _ in 0..rounds {
        for (program, costs) in programs.iter().zip(&mut costs) {
            let command = &mut command(program);
            costs.push(process::run(command, Some(addresses), &output)?);
        }
    }
    Ok(costs.iter().map(|costs| process::median(costs)).collect())
}

fn cells(costs: &[Cost]) -> Vec<String> {
    let first = costs.first().map_or(1.0, |cost| cost.cpu.as_secs_f64());
    let cell = |cost: &Cost| {
        let time = cost.cpu.as_secs_f64();
        format!(
            "{time:.3} s, {} MiB, {:.1} ×",
            cost.peak >> 20,
            time / first
        )
    };
    costs.iter().map(cell).collect()
}

/// A file of addresses, spread evenly over the code in an order that jumps about.
pub(super) fn addresses(data: &Data, image: &Image, count: usize) -> Result<PathBuf> {
    let path = data.folder.join(format!("addresses-{count}.txt"));
    let mut text = BufWriter::new(File::create(&path)?);
    for number in 0..count as u64 {
        let offset = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % image.size;
        writeln!(text, "{:#x}", image.start + offset)?;
    }
    text.flush()?;
    Ok(path)
}
