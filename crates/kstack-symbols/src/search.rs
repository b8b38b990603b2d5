//! Folders to search for symbol files.

use std::path::Path;

use rayon::prelude::*;

use crate::bundle::Content;
use crate::load::{self, Loaded};
use crate::{FileKind, Role, SymbolError, bundle, open};

/// The kernels, kexts and dSYMs in a folder, and remarks about what was left out.
pub(crate) fn search(folder: &Path) -> Result<(Vec<Loaded>, Vec<String>), SymbolError> {
    let shown = folder.display().to_string();
    let is_bundle = matches!(bundle::content(folder), Ok(content) if content != Content::File);
    if is_bundle {
        return Ok((vec![load::path(Role::Found, folder, None)], Vec::new()));
    }
    let searched = open::search(folder)?;
    let found = searched.paths.par_iter();
    let mut loaded: Vec<Loaded> = found
        .map(|path| load::path(Role::Found, path, None))
        .collect();
    for file in &mut loaded {
        // Nobody asked for these files: what is wrong with one costs only itself.
        file.errors.clear();
        file.parts.retain(|part| {
            let is_program = part.image.kind == FileKind::Other || part.image.has_page_zero;
            !is_program
        });
    }
    loaded.retain(|file| !file.parts.is_empty() || !file.members.is_empty());

    let mut remarks = Vec::new();
    if searched.unreadable > 0 {
        let count = searched.unreadable;
        remarks.push(format!(
            "{shown}: {count} files or folders in it cannot be read"
        ));
    }
    if searched.is_cut {
        remarks.push(format!("{shown}: too large, not all of it was searched"));
    }
    Ok((loaded, remarks))
}
