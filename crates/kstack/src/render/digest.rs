//! An annotated text as Markdown for an issue tracker.

use std::io::{self, Write};

use kstack_model::{Address, Basis};

use super::RenderOptions;
use super::document::Document;
use super::escape::{CodeSpan, Whole};
use super::markdown::{write_command, write_fence, write_images, write_not_used, write_notes};
use super::words::{self, Count};
use crate::resolve::Trace;

/// What was named in a text.
#[derive(Debug)]
pub(crate) struct Digest<'a> {
    /// The different addresses, in the order to show.
    pub(crate) rows: &'a [DigestRow],
    /// Places named in the text whose address is in none of the rows.
    pub(crate) beyond: u64,
    /// Addresses were looked up at the call before them.
    pub(crate) are_return_addresses: bool,
    /// The text with names.
    pub(crate) text: &'a [u8],
    /// Bytes of it that are not at hand.
    pub(crate) text_left_out: u64,
}

/// One address of a text.
#[derive(Debug)]
pub(crate) struct DigestRow {
    /// The address.
    pub(crate) at: Address,
    /// How often it is in the text.
    pub(crate) count: u64,
    /// What is there.
    pub(crate) what: String,
}

impl Digest<'_> {
    /// Writes the digest; `trace` has the images and how many places lie in each.
    pub(crate) fn write(
        &self,
        trace: &Trace,
        options: &RenderOptions,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let document = Document::new(trace, options);
        self.write_head(&document, out)?;
        self.write_rows(out)?;
        write_images(&document, "places", out)?;
        write_not_used(&document, out)?;
        write_notes(&document, out)?;
        self.write_text(out)
    }

    fn write_head(&self, document: &Document<'_>, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# Annotated text\n")?;
        let places = self.rows.iter().map(|row| row.count).sum::<u64>() + self.beyond;
        let places = Count(usize::try_from(places).unwrap_or(usize::MAX), "place");
        writeln!(out, "- Named: {places}")?;
        match self.are_return_addresses {
            true => writeln!(out, "- Looked up: at the call before each address")?,
            false => writeln!(out, "- Looked up: each address as it is in the text")?,
        }
        let basis = document.trace.report.kernel.basis;
        if basis != Basis::Unknown {
            writeln!(out, "- Taken to be: {}", words::basis(basis))?;
        }
        write_command(document, out)
    }

    fn write_rows(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return writeln!(
                out,
                "\nNothing in the text is an address in the code of a known image."
            );
        }
        writeln!(out, "\n## Addresses\n")?;
        writeln!(out, "| times | address | what is there |")?;
        writeln!(out, "| ---: | --- | --- |")?;
        for DigestRow { at, count, what } in self.rows {
            writeln!(out, "| {count} | `{at}` | {} |", CodeSpan(what))?;
        }
        match self.beyond {
            0 => Ok(()),
            beyond => writeln!(
                out,
                "\n{beyond} more places have other addresses, which are not listed."
            ),
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for line in self.text.split_inclusive(|byte| *byte == b'\n') {
            push_visible(line, &mut lines);
        }
        writeln!(out, "\n<details>\n<summary>The text with names</summary>\n")?;
        write_fence("text", lines.as_bytes(), out)?;
        if self.text_left_out > 0 {
            let left_out = self.text_left_out;
            writeln!(out, "\n{left_out} more bytes of it are left out.")?;
        }
        writeln!(out, "\n</details>")
    }
}

/// One line as it can stand in a fence: tabs stay, all else that could act is shown by its number.
fn push_visible(line: &[u8], lines: &mut String) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    for (index, part) in line.split(|byte| *byte == b'\t').enumerate() {
        if index > 0 {
            lines.push('\t');
        }
        lines.push_str(&Whole(&String::from_utf8_lossy(part)).to_string());
    }
    lines.push('\n');
}
