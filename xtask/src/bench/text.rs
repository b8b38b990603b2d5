//! A log of any size, in which some lines have an address.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::data::Data;

/// Writes a log of so many megabytes and gives the command that annotates it.
pub(super) fn annotate(data: &Data, kstack: &Path, megabytes: usize) -> Result<Command> {
    let text = text(data, megabytes)?;
    let image = data.image("kext00")?;
    let mut command = Command::new(kstack);
    command.arg("annotate").arg(text).arg("--kext");
    command.arg(format!("{}@0xffffff7f80800000", image.dsym.display()));
    Ok(command)
}

/// One line of four has an address.
fn text(data: &Data, megabytes: usize) -> Result<PathBuf> {
    let path = data.folder.join(format!("text-{megabytes}.txt"));
    let mut out = BufWriter::new(File::create(&path)?);
    let mut written = 0;
    for number in 0_u64.. {
        let line = if number % 4 == 0 {
            let address = 0xffff_ff7f_8080_1000 + number.wrapping_mul(0x9e37_79b9) % 0x10_0000;
            format!("thread {number} called from {address:#x}\n")
        } else {
            format!("2026-01-01 12:00:00 exampled[{number}]: nothing happened here that matters\n")
        };
        out.write_all(line.as_bytes())?;
        written += line.len();
        if written >= megabytes * 1_000_000 {
            break;
        }
    }
    out.flush()?;
    Ok(path)
}
