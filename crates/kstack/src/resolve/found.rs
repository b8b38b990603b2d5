//! Files found in searched folders: they fill what the named ones left.

use std::collections::BTreeMap;

use kstack_model::{Arch, ImageKind, Note, Uuid};
use kstack_symbols::{ImageIdentity, Role, SymbolSource};

use super::clues::{Clues, differs, fits_by_name, shown};
use super::matching::{Matched, SourceId};
use super::{MatchedBy, Refusal, SpaceId};

/// Refusals kept for one image; a folder of a hundred old builds need not be listed whole.
const REFUSALS_SHOWN: usize = 8;

/// Gives every image that has no source yet the found file that fits it best.
pub(super) fn use_found(clues: &Clues, matched: &mut Matched<'_>) {
    let found = Found::new(matched);
    if found.sources.is_empty() {
        return;
    }
    for index in 0..matched.images.len() {
        let Some(image) = matched.images.get(index) else {
            continue;
        };
        if image.used.is_some() || image.image.kind == ImageKind::PseudoKext {
            continue;
        }
        match found.best(image, clues) {
            Best::Fits(source, by) => speak_for(index, source, by, clues, matched),
            Best::Refused(refusals) => {
                for refusal in refusals {
                    matched.refuse(index, refusal);
                }
            }
            Best::Nothing => {}
        }
    }
}

struct Found<'a> {
    sources: Vec<(SourceId, &'a SymbolSource)>,
    by_uuid: BTreeMap<Uuid, usize>,
}

enum Best {
    Fits(SourceId, MatchedBy),
    Refused(Vec<Refusal>),
    Nothing,
}

impl<'a> Found<'a> {
    fn new(matched: &Matched<'a>) -> Found<'a> {
        let mut sources = Vec::new();
        let mut by_uuid = BTreeMap::new();
        for (file, symbol_file) in matched.files().iter().enumerate() {
            if symbol_file.role != Role::Found {
                continue;
            }
            for (slice, source) in symbol_file.slices.iter().enumerate() {
                if let Some(uuid) = source.identity().uuid {
                    let best = by_uuid.entry(uuid).or_insert(sources.len());
                    let known = sources
                        .get(*best)
                        .map(|(_, known): &(_, &SymbolSource)| known.detail());
                    if known.is_some_and(|known| source.detail() > known) {
                        *best = sources.len();
                    }
                }
                sources.push((SourceId { file, slice }, source));
            }
        }
        Found { sources, by_uuid }
    }

    fn best(&self, image: &super::TraceImage, clues: &Clues) -> Best {
        let same_uuid = image.image.uuid.and_then(|uuid| self.by_uuid.get(&uuid));
        if let Some((source, _)) = same_uuid.and_then(|index| self.sources.get(*index)) {
            return Best::Fits(*source, MatchedBy::Uuid);
        }
        if image.space != SpaceId::Kernel {
            return Best::Nothing;
        }
        let mut named: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, source)| is_kin(source.identity(), clues.arch))
            .filter_map(|(id, source)| {
                Some((fits_by_name(image, source.identity())?, *id, *source))
            })
            .collect();
        named.sort_by_key(|(by, id, _)| (*by, *id));
        let (other_builds, usable): (Vec<_>, Vec<_>) = named
            .into_iter()
            .partition(|(_, _, source)| differs(image.image.uuid, source.identity().uuid));
        match usable.as_slice() {
            [] if other_builds.is_empty() => Best::Nothing,
            [] => Best::Refused(refusals(&other_builds, |source| {
                format!(
                    "is another build: its UUID is {}, the report's is {}",
                    shown(source.identity().uuid),
                    shown(image.image.uuid)
                )
            })),
            [(by, id, first), rest @ ..] => {
                let is_one_build = rest
                    .iter()
                    .all(|(_, _, other)| same_build(first.identity(), other.identity()));
                if is_one_build {
                    Best::Fits(*id, *by)
                } else {
                    Best::Refused(refusals(&usable, |_| {
                        "is one of several builds that fit by name, and the report has no UUID to decide; pass one with --kext".to_owned()
                    }))
                }
            }
        }
    }
}

fn speak_for(
    index: usize,
    source_id: SourceId,
    by: MatchedBy,
    clues: &Clues,
    matched: &mut Matched<'_>,
) {
    let (Some(source), Some(image)) = (matched.source(source_id), matched.images.get(index)) else {
        return;
    };
    match clues.used(source, None, Some((index, image)), by) {
        Some(used) => matched.assign(index, source_id, used),
        None => matched.notes.push(Note::new(format!(
            "{} fits {}, whose load address is not known",
            source.identity().paths.join(" + "),
            image.name()
        ))),
    }
}

fn refusals(
    sources: &[(MatchedBy, SourceId, &SymbolSource)],
    why: impl Fn(&SymbolSource) -> String,
) -> Vec<Refusal> {
    sources
        .iter()
        .take(REFUSALS_SHOWN)
        .map(|(_, _, source)| Refusal {
            path: source.identity().paths.join(" + "),
            uuid: source.identity().uuid,
            why: why(source),
        })
        .collect()
}

fn is_kin(identity: &ImageIdentity, reported: Option<Arch>) -> bool {
    reported.is_none_or(|arch| identity.arch.is_kin_of(arch))
}

fn same_build(a: &ImageIdentity, b: &ImageIdentity) -> bool {
    a.uuid.is_some() && a.uuid == b.uuid
}
