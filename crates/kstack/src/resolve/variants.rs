//! Which of the kernels of a KDK the report ran.
//!
//! A KDK has a release, a development and a kasan kernel, on arm64 one of each
//! for every chip. Their code differs, so only a UUID decides: the nearest
//! guess would name every frame wrongly.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::{ImageKind, Uuid};
use kstack_symbols::{ImageIdentity, SymbolFile};

use super::clues::{Clues, shown};
use super::matching::Matched;
use super::{UnusedFile, UnusedReason};

/// The files that are kernels of a KDK and not the report's. What is left undecided is said.
pub(super) fn left_out(clues: &Clues, matched: &mut Matched<'_>) -> BTreeSet<usize> {
    let mut kdks: BTreeMap<&str, Vec<(usize, &SymbolFile)>> = BTreeMap::new();
    for (index, file) in matched.files().iter().enumerate() {
        if let Some(kdk) = &file.kdk {
            kdks.entry(kdk).or_default().push((index, file));
        }
    }
    let stated = stated_uuid(matched);
    let mut left_out = BTreeSet::new();
    for (kdk, variants) in kdks {
        let (fitting, others): (Vec<_>, Vec<_>) = variants.iter().partition(|(_, file)| {
            let mut uuids = file.slices.iter().map(|slice| slice.identity().uuid);
            uuids.any(|uuid| !clues.with_uuid(uuid).is_empty())
        });
        left_out.extend(others.iter().map(|(index, _)| *index));
        if !fitting.is_empty() {
            continue;
        }
        let runnable: Vec<_> = variants
            .iter()
            .filter(|(_, file)| runs_on(file, clues))
            .collect();
        if let ([(only, _)], true) = (
            &runnable[..],
            stated.is_none() || clues.options.allow_mismatch,
        ) {
            left_out.remove(only);
            continue;
        }
        let listed: Vec<String> = match runnable.is_empty() {
            true => variants.iter().map(|(_, file)| in_words(file)).collect(),
            false => runnable.iter().map(|(_, file)| in_words(file)).collect(),
        };
        matched
            .unused
            .push(undecided(kdk, stated, &listed.join(", ")));
    }
    left_out
}

/// The UUID that the report states for its kernel.
fn stated_uuid(matched: &Matched<'_>) -> Option<Uuid> {
    let kernel = matched
        .listed()
        .find(|(_, image)| image.image.kind == ImageKind::Kernel);
    kernel.and_then(|(_, image)| image.image.uuid)
}

fn runs_on(file: &SymbolFile, clues: &Clues) -> bool {
    let mut archs = file.slices.iter().map(|slice| slice.identity().arch);
    archs.any(|arch| clues.arch.is_none_or(|wanted| arch.is_kin_of(wanted)))
}

fn undecided(kdk: &str, stated: Option<Uuid>, variants: &str) -> UnusedFile {
    let (reason, why) = match stated {
        Some(stated) => (
            UnusedReason::OtherBuild,
            format!(
                "none of its kernels is the report's, whose UUID is {}; it has {variants}; pass the KDK of the report's build",
                shown(Some(stated))
            ),
        ),
        None => (
            UnusedReason::SeveralKernels,
            format!(
                "the report names no kernel UUID to choose by, so none is used; pass --kernel with one of {variants}"
            ),
        ),
    };
    UnusedFile {
        path: kdk.to_owned(),
        name: None,
        uuid: None,
        reason,
        why,
    }
}

fn in_words(file: &SymbolFile) -> String {
    let identities = file.slices.iter().map(|slice| slice.identity());
    let uuids: Vec<String> = identities
        .map(|ImageIdentity { arch, uuid, .. }| format!("{arch} {}", shown(*uuid)))
        .collect();
    format!("{} ({})", file.path, uuids.join(", "))
}
