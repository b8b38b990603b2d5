//! Rows gathered into lists.

use std::collections::BTreeMap;

use kstack_model::{Basis, ImageKind, LoadedImage, Note, Placement, Report};

use super::FORMAT;
use super::row::Row;
use crate::lines::Line;

/// The lists of one file, in its order.
#[derive(Debug, Default)]
pub(super) struct Lists {
    done: Vec<Report>,
    open: List,
    /// `kmutil` has spoken since the last row.
    kmutil: bool,
    /// The line before was a row or a header, so an ellipsis stands for rows.
    inside: bool,
}

#[derive(Debug, Default)]
struct List {
    report: Report,
    /// Index column → which image.
    by_index: BTreeMap<u64, usize>,
    wrapped: Count,
    hidden: Count,
}

/// How often something was seen, and where first.
#[derive(Debug, Default)]
struct Count {
    times: usize,
    first: Option<u64>,
}

impl Lists {
    /// A header begins a list.
    pub(super) fn header(&mut self) {
        self.close();
        self.inside = true;
    }

    pub(super) fn message(&mut self) {
        self.kmutil = true;
    }

    pub(super) fn row(&mut self, line: Line<'_>, row: &Row<'_>) {
        let image = image(row);
        if let Some(known) = row.index.and_then(|index| self.open.by_index.get(&index)) {
            if self.open.report.kernel.images.get(*known) == Some(&image) {
                return; // quoted once more
            }
            self.close(); // of another boot: the index is given once
        }
        if std::mem::take(&mut self.kmutil) {
            self.open.report.variant = Some("kmutil showloaded".to_owned());
        }
        self.inside = true;
        self.open.add(line, row, image);
    }

    /// The row at this line was broken in two.
    pub(super) fn joined(&mut self, line: Line<'_>) {
        self.open.wrapped.add(line);
    }

    pub(super) fn other(&mut self, line: Line<'_>) {
        let text = line.text.trim();
        if self.inside && matches!(text, "..." | "…" | "[...]" | "[…]") {
            self.note(line, "rows are left out here");
        }
        self.inside &= text.is_empty();
    }

    pub(super) fn limit(&mut self, line: Line<'_>) {
        self.note(
            line,
            "the limit of items is reached; the rest of the rows is not read",
        );
    }

    pub(super) fn reports(mut self) -> Vec<Report> {
        self.close();
        self.done
    }

    fn note(&mut self, line: Line<'_>, text: &str) {
        self.open.report.notes.push(Note::at(line.position(), text));
    }

    fn close(&mut self) {
        if self.open.report.kernel.images.is_empty() {
            return;
        }
        self.done.push(std::mem::take(&mut self.open).report());
    }
}

impl List {
    fn add(&mut self, line: Line<'_>, row: &Row<'_>, image: LoadedImage) {
        if let Some(damage) = row.damage {
            self.report.notes.push(Note::at(
                line.position(),
                format!(
                    "the {} of {} is not read: \"{}\"",
                    damage.part,
                    row.name,
                    shortened(damage.text)
                ),
            ));
        }
        // kmutil shows kexts of the auxiliary collection of Apple silicon so: a size, and no address.
        let has_place = !image.placements.is_empty();
        if image.kind == ImageKind::Kext && !has_place && row.damage.is_none() {
            self.hidden.add(line);
        }
        if self.report.machine.arch.is_none() {
            self.report.machine.arch = row.arch;
        }
        if let Some(index) = row.index {
            self.by_index.insert(index, self.report.kernel.images.len());
        }
        self.report.kernel.images.push(image);
    }

    fn report(self) -> Report {
        let mut report = self.report;
        report.format = FORMAT.name;
        report.kernel.basis = Basis::Unslid;
        let notes = [
            self.wrapped
                .note("rows are broken in two lines, which are joined"),
            self.hidden
                .note("kexts have no address in the list, so no frame can be told to be theirs"),
        ];
        report.notes.extend(notes.into_iter().flatten());
        report
    }
}

impl Count {
    fn add(&mut self, line: Line<'_>) {
        self.times += 1;
        self.first.get_or_insert(line.number);
    }

    fn note(&self, what: &str) -> Option<Note> {
        let first = self.first?;
        let text = format!("{} {what} (the first at line {first})", self.times);
        Some(Note::new(text))
    }
}

fn image(row: &Row<'_>) -> LoadedImage {
    let address = row.address.filter(|&address| address != 0);
    LoadedImage {
        name: Some(row.name.to_owned()),
        uuid: row.uuid,
        placements: address
            .map(|address| Placement::LoadedAt(kstack_model::Address(address)))
            .into_iter()
            .collect(),
        size: row.size,
        version: Some(row.version.to_owned()).filter(|version| !version.is_empty()),
        ..LoadedImage::new(kind(row))
    }
}

/// A kext has code. The symbol sets of the kernel (`com.apple.kpi.bsd`) have none, nor has a row
/// whose size leaves no room for it; old versions list the kernel itself so.
fn kind(row: &Row<'_>) -> ImageKind {
    /// Mach-O header, one segment with one section, symbol table and UUID (`mach-o/loader.h`).
    /// Private symbol sets of third parties have 0xd0.
    const LEAST_WITH_CODE: u64 = 32 + 72 + 80 + 24 + 24;
    let is_kernel = matches!(row.name, "com.apple.kernel" | "__kernel__" | "mach_kernel");
    let is_symbol_set =
        row.name.starts_with("com.apple.kpi.") || row.name.starts_with("com.apple.kernel.");
    if is_symbol_set || row.size.is_some_and(|size| size < LEAST_WITH_CODE) {
        ImageKind::PseudoKext
    } else if is_kernel {
        ImageKind::Kernel
    } else {
        ImageKind::Kext
    }
}

/// Enough of a text to recognise it.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
