//! Fenced blocks, in which nothing is markup.

use std::io::{self, Write};

/// Whole lines inside a fence longer than any run of backticks in them.
pub(crate) fn write_fence(language: &str, lines: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let runs = lines.split(|byte| *byte != b'`').map(<[u8]>::len);
    // Not a width of the formatter, which ends at 65,535: a command can hold more.
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    writeln!(out, "{fence}{language}")?;
    out.write_all(lines)?;
    writeln!(out, "{fence}")
}
