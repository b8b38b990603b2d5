//! An annotated text as Markdown for an issue tracker.

use std::io::{self, Write};

use kstack_model::{Address, Basis};

use super::RenderOptions;
use super::document::Document;
use super::escape::{CodeSpan, Whole};
use super::markdown::room::{Dropped, LAST_WORDS, LONGEST};
use super::markdown::{
    LONGEST_HEAD, add_command, write_fence, write_images, write_not_used, write_notes,
};
use super::words::{self, Count};
use crate::resolve::Trace;

/// What the table of addresses may take of a document.
const LONGEST_ROWS: usize = 20_000;

/// What the lists after it may take.
const LONGEST_LISTS: usize = 10_000;

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
        let mut dropped = Dropped::default();
        let mut before = Vec::new();
        self.write_head(&document, &mut before)?;
        let mut rows = Vec::new();
        self.write_rows(&mut rows)?;
        dropped.cut(&mut rows, LONGEST_ROWS);
        before.extend(rows);
        let mut lists = Vec::new();
        write_images(&document, "places", &mut lists)?;
        write_not_used(&document, &mut lists)?;
        write_notes(&document, &mut lists)?;
        dropped.cut(&mut lists, LONGEST_LISTS);
        before.extend(lists);
        out.write_all(&before)?;
        let room = LONGEST.saturating_sub(before.len() + LAST_WORDS);
        self.write_text(room, &mut dropped, out)?;
        dropped.write(out)
    }

    fn write_head(&self, document: &Document<'_>, out: &mut Vec<u8>) -> io::Result<()> {
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
        add_command(document, LONGEST_HEAD, out)
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

    /// The text folded, as many of its lines as there is room for.
    fn write_text(
        &self,
        room: usize,
        dropped: &mut Dropped,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        /// Bytes of what stands around the text.
        const AROUND: usize = 200;
        if self.text.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for line in self.text.split_inclusive(|byte| *byte == b'\n') {
            push_visible(line, &mut lines);
        }
        let runs = lines.split(|c| c != '`').map(str::len);
        let fences = 2 * runs.max().unwrap_or_default();
        let mut lines = lines.into_bytes();
        dropped.cut(&mut lines, room.saturating_sub(AROUND + fences));
        writeln!(out, "\n<details>\n<summary>The text with names</summary>\n")?;
        write_fence("text", &lines, out)?;
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
