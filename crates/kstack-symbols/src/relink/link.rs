//! A source as a whole, at the address where it was loaded.

use kstack_model::{Address, Slide, VmAddr};

use super::{Moves, relink};
use crate::part::Part;
use crate::{FileKind, StatedPlace, SymbolError, SymbolErrorKind, SymbolSource};

/// The files of one build at their load address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The binary; `None` for a dSYM alone.
    pub binary: Option<Vec<u8>>,
    /// The file for the dSYM, if the build has one.
    pub dsym: Option<Vec<u8>>,
    /// Segments that nothing places, and that stay where they were.
    pub left: Vec<String>,
}

/// Links a source where the places say: its header, or each of its segments.
///
/// # Errors
///
/// When a place names no segment of it, or a file of it cannot be moved.
pub fn link(source: &SymbolSource, places: &[StatedPlace]) -> Result<Linked, SymbolError> {
    let targets = targets(source, places)?;
    let mut linked = Linked {
        binary: None,
        dsym: None,
        left: Vec::new(),
    };
    for segment in source.segments() {
        let is_placed = targets.iter().any(|(name, _)| *name == segment.name);
        if !is_placed && segment.name != "__LINKEDIT" {
            linked.left.push(segment.name.clone());
        }
    }
    for part in source.parts() {
        let moved = moved(part, &targets).map_err(|kind| SymbolError {
            path: part.path.clone(),
            kind,
        })?;
        match part.image.kind {
            FileKind::Dsym => linked.dsym = Some(moved),
            _ => linked.binary = Some(moved),
        }
    }
    Ok(linked)
}

/// Where each segment goes, by name.
fn targets(
    source: &SymbolSource,
    places: &[StatedPlace],
) -> Result<Vec<(String, Address)>, SymbolError> {
    let mut targets: Vec<(String, Address)> = Vec::new();
    for place in places {
        let Some(name) = &place.segment else {
            continue;
        };
        let mut segments = source.segments().iter();
        if !segments.any(|segment| segment.name == *name) {
            let names: Vec<&str> = source
                .segments()
                .iter()
                .map(|segment| segment.name.as_str())
                .collect();
            return Err(SymbolError {
                path: source.identity().paths.join(" + "),
                kind: SymbolErrorKind::Damaged(format!(
                    "it has no segment {name}, only {}",
                    names.join(", ")
                )),
            });
        }
        targets.push((name.clone(), place.address));
    }
    let header = places.iter().find(|place| place.segment.is_none());
    if let Some(header) = header {
        let slide = header.address - source.linked_at();
        for segment in source.segments() {
            if !targets.iter().any(|(name, _)| *name == segment.name) {
                targets.push((segment.name.clone(), segment.range.start + slide));
            }
        }
    }
    Ok(targets)
}

fn moved(part: &Part, targets: &[(String, Address)]) -> Result<Vec<u8>, SymbolErrorKind> {
    let mut moves = Moves::default();
    for segment in &part.image.segments {
        let target = targets.iter().find(|(name, _)| *name == segment.name);
        if let Some((_, target)) = target {
            let start: VmAddr = segment.range.start;
            let slide: Slide = *target - start;
            moves.add(&segment.name, segment.range.clone(), slide);
        }
    }
    relink(part.bytes.as_slice(), &moves)
}
