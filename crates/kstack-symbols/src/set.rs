//! The symbol files of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kstack_model::Address;
use rayon::prelude::*;

use crate::cache::{Cache, Entry};
use crate::join::join;
use crate::kdk::{self, Kdk};
use crate::load::{self, Loaded};
use crate::search::search;
use crate::{SymbolError, SymbolSource};

/// One file or folder the user names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is for.
    pub role: Role,
    /// Where it is.
    pub path: PathBuf,
    /// Where the user says it was loaded.
    pub placed: Option<StatedPlace>,
}

/// What a symbol file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The kernel.
    Kernel,
    /// A kext.
    Kext,
    /// A dSYM for one of the others.
    Dsym,
    /// Found in a folder that was searched.
    Found,
}

/// Where the user says an image was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedPlace {
    /// The segment that starts at the address; `None` for the Mach-O header, the load address.
    pub segment: Option<String>,
    /// The address, in the basis of the report.
    pub address: Address,
}

/// One file of the set with its slices.
#[derive(Debug)]
pub struct SymbolFile {
    /// What it is for.
    pub role: Role,
    /// The path as the user named it, or as the search found it.
    pub path: String,
    /// Where the user says it was loaded.
    pub placed: Option<StatedPlace>,
    /// The KDK that it is one of several kernels of: the report decides which is meant.
    pub kdk: Option<String>,
    /// One source per architecture.
    pub slices: Vec<SymbolSource>,
}

impl SymbolFile {
    /// Bytes of all that was opened for it, which its slices share: a bundle's executable and its dSYM together.
    #[must_use]
    pub fn size(&self) -> u64 {
        let parts = self.slices.iter().flat_map(SymbolSource::parts);
        let files = parts.map(|part| part.bytes.whole());
        let files: BTreeMap<_, _> = files.map(|file| (file.as_ptr(), file.len())).collect();
        files.values().map(|size| *size as u64).sum()
    }
}

/// The symbol files of a run, and what was wrong with the others.
///
/// # Examples
///
/// ```
/// use kstack_symbols::{Role, SymbolSet};
///
/// let mut symbols = SymbolSet::default();
/// symbols.add_bytes(Role::Kext, "notes.txt", None, b"buy milk".to_vec());
/// assert!(symbols.files().is_empty());
/// assert_eq!(
///     symbols.errors()[0].to_string(),
///     "notes.txt: not a Mach-O file but text; pass the .kext bundle, its executable, or its .dSYM"
/// );
/// ```
#[derive(Debug, Default)]
pub struct SymbolSet {
    loaded: Vec<Loaded>,
    /// The folders that were searched.
    folders: Arc<[PathBuf]>,
    files: Vec<SymbolFile>,
    errors: Vec<SymbolError>,
    search_errors: Vec<SymbolError>,
    remarks: Vec<String>,
    cache: Option<Cache>,
}

/// What the cache did in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Lookups that earlier runs had answered.
    pub hits: usize,
    /// Why answers could not be kept, each reason once.
    pub remarks: Vec<String>,
}

impl SymbolSet {
    /// Opens the files of a run, several at a time.
    ///
    /// Never fails as a whole: what is wrong with a file is in [`errors`](Self::errors), the others serve.
    /// [`Role::Found`] asks for a folder and those in it to be searched.
    #[must_use]
    pub fn open(requests: &[Request]) -> SymbolSet {
        let opened: Vec<Opened> = match requests {
            // Starting threads takes longer than opening one file.
            [] | [_] => requests.iter().map(Opened::new).collect(),
            _ => requests.par_iter().map(Opened::new).collect(),
        };
        let searched = requests
            .iter()
            .filter(|request| request.role == Role::Found);
        let mut set = SymbolSet {
            folders: searched.map(|request| request.path.clone()).collect(),
            ..SymbolSet::default()
        };
        let mut found = Vec::new();
        for opened in opened {
            for mut named in opened.named {
                let members = std::mem::take(&mut named.members);
                set.loaded.push(named);
                let (kernels, kexts) = members.into_iter().partition(is_named);
                set.loaded.extend::<Vec<Loaded>>(kernels);
                found.extend::<Vec<Loaded>>(kexts);
            }
            found.extend(opened.found);
            set.search_errors.extend(opened.error);
            set.remarks.extend(opened.remarks);
        }
        let within = found
            .iter_mut()
            .flat_map(|file| std::mem::take(&mut file.members));
        let within: Vec<Loaded> = within.collect();
        found.extend(within);
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found.dedup_by(|one, other| one.path == other.path);
        set.loaded.extend(found);
        set.join();
        set
    }

    /// Adds a file given as bytes; `name` is what it is called, such as a path.
    pub fn add_bytes(
        &mut self,
        role: Role,
        name: &str,
        placed: Option<StatedPlace>,
        bytes: Vec<u8>,
    ) {
        let mut loaded = load::bytes(role, name, placed, bytes);
        let members = std::mem::take(&mut loaded.members);
        self.loaded.push(loaded);
        self.loaded.extend(members);
        self.join();
    }

    /// Keeps answers in a cache from now on, and uses those that are there. To be said before the first lookup.
    pub fn keep_in(&mut self, cache: Cache) {
        for source in self.files.iter_mut().flat_map(|file| &mut file.slices) {
            source.keep_in(Some(&cache));
        }
        self.cache = Some(cache);
    }

    /// Writes the answers of this run into the cache. A failure costs later runs time and this one nothing.
    pub fn save_answers(&self) -> CacheUse {
        let sources = self.files.iter().flat_map(|file| &file.slices);
        let entries: Vec<&Entry> = sources.filter_map(SymbolSource::opened_entry).collect();
        let mut done = CacheUse::default();
        for entry in entries {
            done.hits += entry.hits();
            if let Err(why) = entry.save() {
                let remark = format!("the answers are not kept for later runs: {why}");
                if !done.remarks.contains(&remark) {
                    done.remarks.push(remark);
                }
            }
        }
        done
    }

    /// The files that could be opened: named ones in the order given, then found ones in the order of their paths.
    ///
    /// A dSYM joined with its binary is part of the binary's sources and not listed by itself.
    #[must_use]
    pub fn files(&self) -> &[SymbolFile] {
        &self.files
    }

    /// What was wrong with files the user named, and with dSYMs found beside them.
    #[must_use]
    pub fn errors(&self) -> &[SymbolError] {
        &self.errors
    }

    /// What a reader should know about the folders that were searched.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn join(&mut self) {
        (self.files, self.errors) = join(&self.loaded);
        for source in self.files.iter_mut().flat_map(|file| &mut file.slices) {
            source.look_in(&self.folders);
            source.keep_in(self.cache.as_ref());
        }
        self.errors.extend(self.search_errors.iter().cloned());
    }
}

fn is_named(file: &Loaded) -> bool {
    file.role != Role::Found
}

/// What came of one request.
#[derive(Default)]
struct Opened {
    named: Vec<Loaded>,
    found: Vec<Loaded>,
    error: Option<SymbolError>,
    remarks: Vec<String>,
}

impl Opened {
    fn new(request: &Request) -> Opened {
        if request.role == Role::Kernel
            && let Some(kdk) = kdk::of(&request.path)
        {
            return Opened::kdk(request, &kdk);
        }
        if request.role != Role::Found {
            let placed = request.placed.clone();
            return Opened {
                named: vec![load::path(request.role, &request.path, placed)],
                ..Opened::default()
            };
        }
        match search(&request.path) {
            Ok((found, remarks)) => Opened {
                found,
                remarks,
                ..Opened::default()
            },
            Err(error) => Opened {
                error: Some(error),
                ..Opened::default()
            },
        }
    }

    /// The kernels of a KDK, of which the report chooses one, and its kexts as if they had been found.
    fn kdk(request: &Request, kdk: &Kdk) -> Opened {
        let mut opened = Opened::default();
        if let Some(extensions) = &kdk.extensions {
            match search(extensions) {
                Ok((found, remarks)) => {
                    opened.found = found;
                    opened.remarks = remarks;
                }
                Err(error) => opened.error = Some(error),
            }
        }
        let kernels = kdk.kernels.par_iter().map(|kernel| {
            let placed = request.placed.clone();
            let mut kernel = load::path(Role::Kernel, kernel, placed);
            kernel.kdk = Some(request.path.display().to_string());
            kernel
        });
        opened.named = kernels.collect();
        opened
    }
}
