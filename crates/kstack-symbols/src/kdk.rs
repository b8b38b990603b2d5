//! Kernel Debug Kits: every variant of a kernel and the kexts of one build, each with its dSYM.

use std::path::{Path, PathBuf};

use crate::open;

/// What a KDK folder holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kdk {
    /// `kernel`, `kernel.development`, `kernel.release.t8103`, …
    pub(crate) kernels: Vec<PathBuf>,
    /// The folder with its kexts.
    pub(crate) extensions: Option<PathBuf>,
}

/// Looks whether a folder is a KDK, or its folder of kernels.
pub(crate) fn of(folder: &Path) -> Option<Kdk> {
    let library = folder.join("System/Library");
    for kernels in [library.join("Kernels"), folder.to_owned()] {
        let kernels = kernels_in(&kernels);
        if !kernels.is_empty() {
            let extensions = library.join("Extensions");
            return Some(Kdk {
                kernels,
                extensions: open::is_folder(&extensions).then_some(extensions),
            });
        }
    }
    None
}

fn kernels_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = open::entries(folder);
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_kernel = name == "kernel" || name == "mach_kernel" || name.starts_with("kernel.");
        is_kernel && !open::is_folder(file) && open::starts_as_mach_o(file).unwrap_or(false)
    });
    files
}
