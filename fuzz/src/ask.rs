//! Everything there is to ask of symbol files.

use kstack::symbols::{SymbolSet, SymbolSource};
use kstack_model::VmAddr;

/// Segments of a file, and sections of each, that are asked.
const MOST: usize = 16;

/// Asks at the edges of everything in the files, and a little into it.
pub fn ask(symbols: &SymbolSet) {
    for error in symbols.errors() {
        assert!(!error.to_string().is_empty());
    }
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let _ = (source.detail(), source.remarks(), source.linked_at());
        let segments = source.segments().iter().take(MOST);
        for segment in segments {
            let sections = segment.sections.iter().take(MOST);
            let ranges = sections.map(|section| &section.range);
            for range in ranges.chain([&segment.range]) {
                let (start, end) = (range.start.0, range.end.0);
                let middle = start / 2 + end / 2;
                let edges = [start.wrapping_sub(1), middle, end.wrapping_sub(1), end];
                let steps = (0..8).map(|step| start.wrapping_add(step * 0x14));
                ask_at(source, edges.into_iter().chain(steps));
            }
        }
    }
}

/// Asks one session for these addresses.
pub fn ask_at(source: &SymbolSource, addresses: impl Iterator<Item = u64>) {
    let mut names = source.names();
    for at in addresses.map(VmAddr) {
        if let Ok(Some(named)) = names.lookup(at) {
            assert!(named.start <= at, "a name starts after its address");
            assert!(!named.name.is_empty(), "a name without letters");
        }
        let _ = (source.virtual_at(at), source.start_before(at));
    }
    assert!(names.damage().is_none_or(|why| !why.is_empty()));
}
