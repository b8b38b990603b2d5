//! Where symbol files usually are, and where the index is kept.

use std::collections::BTreeSet;
use std::path::PathBuf;

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use kstack::model::{Report, Uuid};
use kstack::symbols::{Cache, Index};

use crate::output;

/// The index of `kstack index`; `None` for a user without a home.
pub(crate) fn index() -> Option<PathBuf> {
    let folders = choose_native_strategy().ok()?;
    Some(folders.cache_dir().join("kstack").join("index"))
}

/// Where answers are kept between runs: `$KSTACK_CACHE_DIR`, else the user's folder for caches. `None` where
/// the variable is empty, and for a user without a home.
///
/// A development build keeps none unless it is told where: answers of other code would hide what was changed.
pub(crate) fn cache() -> Option<Cache> {
    if let Some(told) = std::env::var_os("KSTACK_CACHE_DIR") {
        return (!told.is_empty()).then(|| Cache::new(told.into()));
    }
    if cfg!(debug_assertions) {
        return None;
    }
    let folders = choose_native_strategy().ok()?;
    Some(Cache::new(
        folders.cache_dir().join("kstack").join("answers"),
    ))
}

/// Folders of a Mac that hold kernels, kexts and dSYMs: those of this machine that are there.
pub(crate) fn usual() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = [
        "/Library/Developer/KDKs",
        "/Library/Extensions",
        "/Library/StagedExtensions",
    ]
    .iter()
    .map(PathBuf::from)
    .collect();
    if let Ok(home) = etcetera::home_dir() {
        let xcode = home.join("Library/Developer/Xcode");
        places.extend([xcode.join("DerivedData"), xcode.join("Archives")]);
    }
    places.retain(|place| place.is_dir());
    places
}

/// The files that the index proposes for the images of these reports.
pub(crate) fn indexed<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Vec<PathBuf> {
    let Some(file) = index() else {
        return Vec::new();
    };
    let (index, note) = Index::read(&file);
    if let Some(note) = note {
        output::complain(&note);
    }
    let images = reports.into_iter().flat_map(|report| &report.kernel.images);
    let uuids: BTreeSet<Uuid> = images.filter_map(|image| image.uuid).collect();
    let files = uuids.into_iter().flat_map(|uuid| index.find(uuid));
    let files: BTreeSet<PathBuf> = files.collect();
    files.into_iter().collect()
}
