//! UUID → path, kept between runs.
//!
//! Searching a tree of builds takes seconds, and a report asks for a handful
//! of UUIDs. The index remembers which file has which. It only proposes: a file
//! it names is opened and its UUID read like any other, so a stale or damaged
//! index can cost time and never a wrong name.
//!
//! It is a text file, one line for each file: size, time of change, UUIDs,
//! path. It is replaced as a whole, by renaming, under a lock, so that readers
//! see the old or the new one and writers do not undo each other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kstack_model::Uuid;

use crate::bundle::{self, Content};
use crate::search::search;
use crate::{SymbolError, SymbolErrorKind, open};

const HEADER: &str = "kstack-index 1";

/// An index of a million files has less.
const LARGEST: u64 = 512 << 20;

/// Which file has which UUID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    files: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    size: u64,
    /// Seconds since 1970.
    changed: u64,
    uuids: Vec<Uuid>,
}

/// What came of indexing a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Files of the folder that are in the index now.
    pub files: usize,
    /// What a reader should know: parts that could not be read, an index that was damaged.
    pub remarks: Vec<String>,
}

impl Index {
    /// Reads an index. Where there is none it is empty; of a damaged one what can be read is kept, and said.
    #[must_use]
    pub fn read(file: &Path) -> (Index, Option<String>) {
        let shown = file.display();
        let ignored = |why: &str| {
            let note = format!("{shown}: {why}, so no file is looked up in the index");
            (Index::default(), Some(note))
        };
        match fs::metadata(file) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return (Index::default(), None),
            Err(why) => return ignored(&format!("cannot be read: {why}")),
            // Reading a pipe could wait for ever.
            Ok(metadata) if !metadata.is_file() => return ignored("not a regular file"),
            Ok(metadata) if metadata.len() > LARGEST => return ignored("too large for an index"),
            Ok(_) => {}
        }
        match fs::read(file) {
            Ok(bytes) => Index::parse(&bytes, &shown.to_string()),
            Err(why) => ignored(&format!("cannot be read: {why}")),
        }
    }

    /// The files that may have a UUID: those that are as they were when indexed.
    #[must_use]
    pub fn find(&self, uuid: Uuid) -> Vec<PathBuf> {
        let files = self.files.iter();
        let having = files.filter(|(_, entry)| entry.uuids.contains(&uuid));
        let fresh = having.filter(|(path, entry)| stamp(path) == Some((entry.size, entry.changed)));
        fresh.map(|(path, _)| path.clone()).collect()
    }

    /// Searches a folder and puts what is in it into the index, in place of what was known of the folder.
    ///
    /// # Errors
    ///
    /// When the folder cannot be searched, or the index not be written.
    pub fn update(file: &Path, folder: &Path) -> Result<Indexed, SymbolError> {
        let folder = fs::canonicalize(folder).map_err(|why| failed(folder, &why))?;
        let (found, mut remarks) = search(&folder)?;
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(|why| not_kept(parent, &why))?;
        }
        let lock = file.with_extension("lock");
        let held = File::create(&lock).and_then(|held| held.lock().map(|()| held));
        let held = held.map_err(|why| not_kept(&lock, &why))?;
        let (mut index, note) = Index::read(file);
        remarks.extend(note);
        index.files.retain(|path, _| !path.starts_with(&folder));
        let mut files = 0;
        for loaded in &found {
            let path = PathBuf::from(&loaded.path);
            let members = loaded.members.iter().flat_map(|member| &member.parts);
            let parts = loaded.parts.iter().chain(members);
            let uuids = parts.filter_map(|part| part.image.uuid);
            let uuids: Vec<Uuid> = uuids.collect();
            let (Some((size, changed)), false) = (stamp(&path), uuids.is_empty()) else {
                continue;
            };
            files += 1;
            let entry = Entry {
                size,
                changed,
                uuids,
            };
            index.files.insert(path, entry);
        }
        index.write(file).map_err(|why| not_kept(file, &why))?;
        drop(held);
        Ok(Indexed { files, remarks })
    }

    fn parse(bytes: &[u8], shown: &str) -> (Index, Option<String>) {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            let note = format!("{shown}: not an index of this version of kstack, it is ignored");
            return (Index::default(), Some(note));
        }
        let mut index = Index::default();
        let mut damaged = 0;
        for line in lines {
            match entry(line) {
                Some((path, entry)) => {
                    index.files.insert(path, entry);
                }
                None => damaged += 1,
            }
        }
        let note = (damaged > 0).then(|| {
            format!("{shown}: {damaged} damaged lines are ignored; index the folders again")
        });
        (index, note)
    }

    fn write(&self, file: &Path) -> io::Result<()> {
        // Two processes never write the same file, even where locks do not work.
        let temporary = file.with_extension(format!("{}.new", std::process::id()));
        let written = self.write_to(&temporary);
        let renamed = written.and_then(|()| fs::rename(&temporary, file));
        if renamed.is_err() {
            // What is left behind helps nobody, and the first failure is the one to tell.
            let _ = fs::remove_file(&temporary);
        }
        renamed
    }

    fn write_to(&self, file: &Path) -> io::Result<()> {
        let mut out = io::BufWriter::new(File::create(file)?);
        writeln!(out, "{HEADER}")?;
        for (path, entry) in &self.files {
            // A path that is no text, or has a line break in it, is searched for as before.
            let Some(path) = path.to_str().filter(|path| !path.contains(['\n', '\r'])) else {
                continue;
            };
            let uuids: Vec<String> = entry.uuids.iter().map(Uuid::to_string).collect();
            let Entry { size, changed, .. } = entry;
            writeln!(out, "{size}\t{changed}\t{}\t{path}", uuids.join(","))?;
        }
        out.into_inner()?.sync_all()
    }
}

fn entry(line: &str) -> Option<(PathBuf, Entry)> {
    let mut fields = line.splitn(4, '\t');
    let size = fields.next()?.parse().ok()?;
    let changed = fields.next()?.parse().ok()?;
    let uuids = fields.next()?.split(',').map(Uuid::parse_str);
    let uuids = uuids.collect::<Result<Vec<Uuid>, _>>().ok()?;
    let path = fields.next().filter(|path| !path.is_empty())?;
    let entry = Entry {
        size,
        changed,
        uuids,
    };
    Some((PathBuf::from(path), entry))
}

/// Size and time of the file that matters: of a bundle, that of the Mach-O in it.
fn stamp(path: &Path) -> Option<(u64, u64)> {
    let file = match bundle::content(path).ok()? {
        Content::File => path.to_owned(),
        Content::Kext { executable, .. } => executable,
        Content::Dsym(files) => files.into_iter().next()?,
    };
    Some((fs::metadata(&file).ok()?.len(), open::changed(&file)?))
}

fn not_kept(path: &Path, why: &io::Error) -> SymbolError {
    SymbolError {
        path: path.display().to_string(),
        kind: SymbolErrorKind::IndexNotKept(why.to_string()),
    }
}

fn failed(path: &Path, why: &io::Error) -> SymbolError {
    SymbolError {
        path: path.display().to_string(),
        kind: SymbolErrorKind::Unreadable(why.to_string()),
    }
}
