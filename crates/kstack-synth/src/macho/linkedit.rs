//! What `__LINKEDIT` holds besides symbols: function starts and exports.

use super::writer::round_up;

/// Differences as ULEB128, the first counted from the header, a zero at the end.
pub(super) fn function_starts(starts: &[u64], base: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = base;
    for &start in starts {
        uleb128(&mut bytes, start - before);
        before = start;
    }
    bytes.push(0);
    bytes.resize(round_up(bytes.len(), 8), 0);
    bytes
}

/// A trie of two levels: the root has one edge per whole name.
pub(super) fn export_trie(exports: &[(String, u64)], base: u64) -> Vec<u8> {
    let nodes: Vec<Vec<u8>> = exports
        .iter()
        .map(|(_, address)| {
            let mut info = vec![0];
            uleb128(&mut info, address - base);
            let mut node = Vec::new();
            uleb128(&mut node, info.len() as u64);
            node.extend_from_slice(&info);
            node.push(0);
            node
        })
        .collect();
    // Offsets are padded to five bytes, so that the root's size is known beforehand.
    let edges: usize = exports.iter().map(|(name, _)| name.len() + 1 + 5).sum();
    let mut count = Vec::new();
    uleb128(&mut count, exports.len() as u64);
    let mut offset = 1 + count.len() + edges;
    let mut root = vec![0];
    root.extend_from_slice(&count);
    for ((name, _), node) in exports.iter().zip(&nodes) {
        root.extend_from_slice(name.as_bytes());
        root.push(0);
        for shift in [0, 7, 14, 21, 28] {
            let more = if shift == 28 { 0 } else { 0x80 };
            root.push((offset >> shift) as u8 & 0x7f | more);
        }
        offset += node.len();
    }
    root.extend(nodes.concat());
    root
}

fn uleb128(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
