//! The folder of entries.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use twox_hash::XxHash3_64;

use super::answers::{self, Answers};
use crate::open;

const EXTENSION: &str = "answers";
/// Bytes of all entries together; beyond, the ones that were written longest ago go.
const MOST_KEPT: u64 = 1 << 30;

/// A folder that keeps answers between runs.
///
/// It can be removed at any time: it costs later runs time, and no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

/// The answers of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The file that holds them.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// How many addresses it answers; `None` for a file that is no entry of this version.
    pub answers: Option<u64>,
    /// The symbol files they are from.
    pub files: Vec<String>,
}

impl Cache {
    /// Bytes of one entry; one that would be larger starts anew.
    pub(super) const LARGEST_ENTRY: usize = 256 << 20;

    /// A cache in this folder, which is made when there is something to keep.
    #[must_use]
    pub fn new(folder: PathBuf) -> Cache {
        Cache { folder }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is in it, in the order of the file names; nothing where there is no folder.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<CacheEntry>> {
        let paths = self.paths()?;
        let entries = paths.into_iter().map(|path| {
            let bytes = open::map(&path).ok();
            let all = bytes.as_ref().map_or(&[][..], |bytes| bytes.as_slice());
            let identity = answers::own_identity(all).unwrap_or_default();
            CacheEntry {
                size: all.len() as u64,
                answers: answers::own_count(all),
                files: files_of(&String::from_utf8_lossy(identity)),
                path,
            }
        });
        Ok(entries.collect())
    }

    /// Removes everything in it; how many entries that were.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read, or an entry not be removed.
    pub fn clear(&self) -> io::Result<usize> {
        let paths = self.paths()?;
        for path in &paths {
            fs::remove_file(path)?;
        }
        Ok(paths.len())
    }

    /// The entry of a source, if there is one that is whole.
    pub(super) fn read(&self, identity: &str) -> Option<Answers> {
        Answers::open(open::map(&self.place(identity)).ok()?, identity)
    }

    /// Replaces an entry by one made from it. Runs that do so at once wait for each other.
    pub(super) fn update(
        &self,
        identity: &str,
        make: impl FnOnce(Option<&Answers>) -> Vec<u8>,
    ) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        let bytes = make(self.read(identity).as_ref());
        let place = self.place(identity);
        // Two processes never write the same file, even where locks do not work.
        let temporary = place.with_extension(format!("{}.new", std::process::id()));
        let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &place));
        if written.is_err() {
            // What is left behind helps nobody, and the first failure is the one to tell.
            let _ = fs::remove_file(&temporary);
        }
        written.and_then(|()| self.prune(&place))
    }

    fn place(&self, identity: &str) -> PathBuf {
        let key = XxHash3_64::oneshot(identity.as_bytes());
        self.folder.join(format!("{key:016x}.{EXTENSION}"))
    }

    /// Removes the entries that were written longest ago, and never the one just written.
    fn prune(&self, newest: &Path) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for path in self.paths()? {
            if let Ok(metadata) = fs::metadata(&path)
                && path != newest
            {
                let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                entries.push((written, metadata.len(), path));
            }
        }
        entries.sort();
        let mut size: u64 = entries.iter().map(|(_, size, _)| *size).sum();
        for (_, own, path) in entries {
            if size <= MOST_KEPT {
                break;
            }
            fs::remove_file(path)?;
            size -= own;
        }
        Ok(())
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let folder = match fs::read_dir(&self.folder) {
            Ok(folder) => folder,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(why),
        };
        let mut paths = Vec::new();
        for entry in folder {
            let path = entry?.path();
            if open::has_extension(&path, EXTENSION) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// The paths in an identity: what stands behind the four numbers of a line.
fn files_of(identity: &str) -> Vec<String> {
    let lines = identity.lines().skip(2);
    let paths = lines.filter_map(|line| line.splitn(4, ' ').nth(3));
    paths.map(str::to_owned).collect()
}
