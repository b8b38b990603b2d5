//! Any bytes as a symbol file, asked at the edges of everything in it.
#![no_main]

use kstack_model::VmAddr;
use kstack_symbols::{Role, SymbolSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut symbols = SymbolSet::default();
    symbols.add_bytes(Role::Kext, "any", None, bytes.to_vec());
    for error in symbols.errors() {
        assert!(!error.to_string().is_empty());
    }
    for source in symbols.files().iter().flat_map(|file| &file.slices) {
        let _ = (source.detail(), source.remarks(), source.linked_at());
        let mut names = source.names();
        let segments = source.segments().iter().take(16);
        let sections = segments
            .clone()
            .flat_map(|segment| segment.sections.iter().take(16));
        let ranges = segments
            .map(|segment| &segment.range)
            .chain(sections.map(|section| &section.range));
        for range in ranges {
            let (VmAddr(start), VmAddr(end)) = (range.start, range.end);
            let middle = start / 2 + end / 2;
            let edges = [
                start.wrapping_sub(1),
                start,
                middle,
                end.wrapping_sub(1),
                end,
            ];
            let steps = (1..8).map(|step| start.wrapping_add(step * 0x14));
            for at in edges.into_iter().chain(steps) {
                if let Ok(Some(named)) = names.lookup(VmAddr(at)) {
                    assert!(named.start <= VmAddr(at), "a name starts after its address");
                }
            }
        }
    }
});
