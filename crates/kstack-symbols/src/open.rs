//! The file system: the only file here that touches it, but for the index and the cache.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use memmap2::Mmap;
use walkdir::WalkDir;

use crate::bytes::{Bytes, Opened};
use crate::slices::is_mach_o;
use crate::stamp::Stamp;
use crate::unpack::{PACKED_START, is_packed_kernel};
use crate::{SymbolError, SymbolErrorKind};

/// Entries of one folder that are looked at.
const MOST_ENTRIES: usize = 4096;
/// Entries of a whole tree that are looked at.
const MOST_IN_TREE: usize = 1_000_000;
/// Folders within folders that are looked at.
const DEEPEST: usize = 24;
/// An `Info.plist` has a few kilobytes.
const LARGEST_PLIST: u64 = 1 << 20;

/// Maps a file into memory: only the pages that are looked at are read.
pub(crate) fn map(path: &Path) -> Result<Bytes, SymbolErrorKind> {
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(SymbolErrorKind::FolderWithoutSymbols);
    }
    if !metadata.is_file() {
        return Err(SymbolErrorKind::Unreadable("not a regular file".to_owned()));
    }
    if metadata.len() == 0 {
        return Err(SymbolErrorKind::Empty);
    }
    let stamp = Stamp::of(&metadata);
    let opened = Opened {
        path: path.to_owned(),
        stamp,
        is_settled: stamp.is_some_and(|stamp| stamp.is_settled()),
    };
    #[expect(
        unsafe_code,
        reason = "a file mapped read-only can be changed by others while it is read; \
                  symbol files are hundreds of megabytes, of which few pages are needed, \
                  and every reader of them checks what it reads"
    )]
    let map = unsafe { Mmap::map(&file) };
    map.map(|map| Bytes::mapped(map, opened))
        .map_err(unreadable)
}

/// What a file is like now; `None` where it is gone.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    Stamp::of(&fs::metadata(path).ok()?)
}

/// Reads an `Info.plist`; `None` where there is none.
pub(crate) fn plist(path: &Path) -> Result<Option<Vec<u8>>, SymbolErrorKind> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unreadable(why)),
    };
    let mut bytes = Vec::new();
    let mut start = file.take(LARGEST_PLIST);
    start.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some(bytes))
}

/// Whether there is a regular file; opening anything else could wait for ever.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// When a file was changed last, in seconds since 1970.
pub(crate) fn changed(path: &Path) -> Option<u64> {
    let changed = fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()?;
    let since = changed.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Fails as opening would: when there is nothing, or when it may not be looked at.
pub(crate) fn check_exists(path: &Path) -> Result<(), SymbolErrorKind> {
    fs::metadata(path).map(drop).map_err(unreadable)
}

/// What a folder holds, sorted; empty where it cannot be read.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    // The folder of a bare name.
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries = entries.take(MOST_ENTRIES).filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| folder.join(entry.file_name()))
        .collect();
    paths.sort();
    paths
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Searched {
    /// Kext bundles, dSYM bundles, bare Mach-O files and packed kernels, sorted.
    pub(crate) paths: Vec<PathBuf>,
    /// How many entries could not be read.
    pub(crate) unreadable: usize,
    /// Whether there was more than a search looks at.
    pub(crate) is_cut: bool,
}

/// Searches a folder and those in it, without following links.
pub(crate) fn search(folder: &Path) -> Result<Searched, SymbolError> {
    check_exists(folder).map_err(|kind| SymbolError {
        path: folder.display().to_string(),
        kind,
    })?;
    let mut found = Searched::default();
    let mut walk = WalkDir::new(folder).max_depth(DEEPEST).into_iter();
    let mut count = 0_usize;
    while let Some(entry) = walk.next() {
        count += 1;
        if count > MOST_IN_TREE {
            found.is_cut = true;
            break;
        }
        let Ok(entry) = entry else {
            found.unreadable += 1;
            continue;
        };
        let path = entry.path();
        if entry.file_type().is_dir() {
            if has_extension(path, "kext") {
                // Kexts can hold further kexts, in Contents/PlugIns.
                found.paths.push(path.to_owned());
            } else if has_extension(path, "dSYM") {
                found.paths.push(path.to_owned());
                walk.skip_current_dir();
            }
        } else if entry.file_type().is_file() && !is_in_kext(path) {
            match starts_as_symbols(path) {
                Ok(true) => found.paths.push(path.to_owned()),
                Ok(false) => {}
                Err(_) => found.unreadable += 1,
            }
        }
    }
    found.paths.sort();
    Ok(found)
}

pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    let found = path.extension();
    found.is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn is_in_kext(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .any(|folder| has_extension(folder, "kext"))
}

pub(crate) fn starts_as_mach_o(path: &Path) -> io::Result<bool> {
    Ok(is_mach_o(&start(path, 4)?))
}

/// Whether a file starts as a Mach-O, or as a kernel that is compressed or wrapped.
fn starts_as_symbols(path: &Path) -> io::Result<bool> {
    let start = start(path, PACKED_START)?;
    Ok(is_mach_o(&start) || is_packed_kernel(&start))
}

fn start(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(bytes).read_to_end(&mut start)?;
    Ok(start)
}

fn unreadable(why: io::Error) -> SymbolErrorKind {
    SymbolErrorKind::Unreadable(why.to_string())
}
