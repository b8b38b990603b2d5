//! The export trie: names of code that other images may see.

use crate::leb128::Reader;

/// Exported names and their distances from the Mach-O header.
///
/// Walks each node once, and gives up after reading many times the size of
/// the trie: edges that lead back, or a forest of shared ends, cost no more
/// than a sound trie.
pub(crate) fn exports(trie: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let mut found = Vec::new();
    let mut seen = vec![false; trie.len()];
    let mut open: Vec<(usize, Vec<u8>)> = vec![(0, Vec::new())];
    let mut budget = trie.len().saturating_mul(64);
    while let Some((offset, name)) = open.pop() {
        let seen_before = seen
            .get_mut(offset)
            .map(|seen| std::mem::replace(seen, true));
        if seen_before != Some(false) {
            continue;
        }
        let Some((address, children)) = node(trie, offset) else {
            continue;
        };
        if let Some(address) = address {
            found.push((name.clone(), address));
        }
        let (edges, read) = edges(children);
        let copied = edges.len().saturating_mul(name.len());
        let Some(left) = budget.checked_sub(read.saturating_add(copied)) else {
            break;
        };
        budget = left;
        for (edge, child) in edges {
            open.push((child, [&name, edge].concat()));
        }
    }
    found.sort_unstable();
    found
}

/// Exports of another image under an own name (`EXPORT_SYMBOL_FLAGS_REEXPORT`, cctools-1010.6, `mach-o/loader.h`).
const REEXPORT: u64 = 0x08;
/// What an export is: ordinary, thread-local, absolute.
const KIND_MASK: u64 = 0x03;

/// The address of a node, if it ends a name, and its edges.
fn node(trie: &[u8], offset: usize) -> Option<(Option<u64>, &[u8])> {
    let mut reader = Reader::new(trie.get(offset..)?);
    let size = usize::try_from(reader.unsigned()?).ok()?;
    let (info, children) = reader.rest().split_at_checked(size)?;
    let mut info = Reader::new(info);
    let address = match info.unsigned() {
        Some(flags) if flags & (REEXPORT | KIND_MASK) == 0 => info.unsigned(),
        _ => None,
    };
    Some((address, children))
}

/// The edges of a node, and how many bytes had to be looked at.
fn edges(children: &[u8]) -> (Vec<(&[u8], usize)>, usize) {
    let mut reader = Reader::new(children);
    let count = reader.byte().unwrap_or(0);
    let mut edges = Vec::new();
    for _ in 0..count {
        let Some(edge) = reader.c_string() else {
            return (edges, children.len());
        };
        let Some(child) = reader.unsigned() else {
            break;
        };
        let Ok(child) = usize::try_from(child) else {
            break;
        };
        edges.push((edge, child));
    }
    let read = children.len() - reader.rest().len();
    (edges, read)
}
