//! Symbol files that somebody wrote to while they were read.

use std::collections::BTreeSet;

use kstack_model::Note;
use kstack_symbols::SymbolSource;

use super::matching::Matched;

/// One note for each file in use that changed: it is mapped, so what was read of it may be of before
/// and after, and no name can tell of which.
pub(super) fn notes(matched: &Matched<'_>) -> Vec<Note> {
    let used = (0..matched.images.len()).filter_map(|image| matched.used(image));
    let sources = used.filter_map(|(id, _)| matched.source(id));
    let files: BTreeSet<String> = sources.flat_map(SymbolSource::rewritten).collect();
    let note = |path: &String| {
        Note::new(format!(
            "{path}: changed while it was read, so names from it may be wrong; run again when it is written"
        ))
    };
    files.iter().map(note).collect()
}
