//! Binaries and dSYMs of the same build become one source.

use kstack_model::{Arch, Uuid};

use crate::load::Loaded;
use crate::part::Part;
use crate::{
    FileKind, ImageIdentity, Role, SymbolError, SymbolErrorKind, SymbolFile, SymbolSource,
};

/// Joins the files of a run, and says which dSYMs belong to another build.
///
/// `loaded` comes in the order in which the files shall be listed.
pub(crate) fn join(loaded: &[Loaded]) -> (Vec<SymbolFile>, Vec<SymbolError>) {
    let mut joiner = Joiner {
        loaded,
        joined: Vec::new(),
        by_name: Vec::new(),
        errors: Vec::new(),
    };
    let binaries = joiner.binaries();
    let dsyms = joiner.dsyms_left();
    let mut files: Vec<Option<SymbolFile>> = Vec::new();
    for (binary, dsym) in binaries.into_iter().zip(dsyms) {
        files.push(binary.or(dsym));
    }
    (files.into_iter().flatten().collect(), joiner.errors)
}

struct Joiner<'a> {
    loaded: &'a [Loaded],
    /// UUID and architecture of the slices that some source uses: binaries, and dSYMs joined with them.
    joined: Vec<(Uuid, Arch)>,
    /// dSYMs without a UUID that were joined by name, as path and architecture.
    by_name: Vec<(String, Arch)>,
    errors: Vec<SymbolError>,
}

impl Joiner<'_> {
    /// A file for each that holds binaries.
    fn binaries(&mut self) -> Vec<Option<SymbolFile>> {
        let loaded = self.loaded;
        let files = loaded.iter().map(|file| {
            self.errors.extend(file.errors.iter().cloned());
            if file.is_dsym() {
                return None;
            }
            let slices = file.parts.iter().filter_map(|part| self.source(file, part));
            symbol_file(file, slices.collect())
        });
        files.collect()
    }

    /// The source of a binary's slice; `None` for one that an earlier file has already.
    fn source(&mut self, file: &Loaded, part: &Part) -> Option<SymbolSource> {
        let key = part.image.uuid.map(|uuid| (uuid, part.image.arch));
        if let Some(key) = key {
            if file.role == Role::Found && self.joined.contains(&key) {
                return None;
            }
            self.joined.push(key);
        }
        let dsym = self.dsym_for(file, part);
        match &dsym {
            None => self.refuse_beside(file, part),
            Some(dsym) if dsym.image.uuid.is_none() => {
                self.by_name.push((dsym.path.clone(), dsym.image.arch));
            }
            Some(_) => {}
        }
        let parts: Vec<Part> = [Some(part.clone()), dsym].into_iter().flatten().collect();
        Some(SymbolSource::new(identity(file, &parts), parts))
    }

    /// The dSYM of the same build: beside the file, else among all files of the run.
    fn dsym_for(&self, file: &Loaded, part: &Part) -> Option<Part> {
        let beside = file.beside.iter().map(|beside| &beside.part);
        let dsyms = self.loaded.iter().filter(|file| file.is_dsym());
        let mut all = beside.chain(dsyms.flat_map(|file| &file.parts));
        if part.image.uuid.is_some() {
            return all.find(|dsym| is_same_build(part, dsym)).cloned();
        }
        self.of_its_name(file)
            .find(|dsym| dsym.image.uuid.is_none() && dsym.image.arch.is_kin_of(part.image.arch))
            .cloned()
    }

    /// Slices of dSYMs that only their name connects with a file.
    ///
    /// 32-bit kexts often have no UUID: then the name must do, and a remark says so.
    fn of_its_name<'b>(&'b self, file: &'b Loaded) -> impl Iterator<Item = &'b Part> {
        let beside = file.beside.iter().filter(|beside| beside.has_its_name);
        let given = self
            .loaded
            .iter()
            .filter(|dsym| dsym.is_dsym() && dsym.executable == file.executable);
        let beside = beside.map(|beside| &beside.part);
        beside.chain(given.flat_map(|dsym| &dsym.parts))
    }

    /// Says that the dSYM beside a file, which has its name, belongs to another build.
    fn refuse_beside(&mut self, file: &Loaded, part: &Part) {
        let mut named = file.beside.iter().filter(|beside| beside.has_its_name);
        let other = named.find(|beside| beside.part.image.arch.is_kin_of(part.image.arch));
        if let Some(other) = other {
            self.errors.push(other_build(&other.part, part));
        }
    }

    /// A file for each dSYM of which some slice belongs to no binary of the run.
    fn dsyms_left(&mut self) -> Vec<Option<SymbolFile>> {
        let loaded = self.loaded;
        let files = loaded.iter().map(|file| {
            if !file.is_dsym() {
                return None;
            }
            let slices: Vec<SymbolSource> = file
                .parts
                .iter()
                .filter_map(|part| self.lone_dsym(file, part))
                .collect();
            if slices.len() == file.parts.len() && file.role == Role::Dsym {
                self.refuse_given(file);
            }
            symbol_file(file, slices)
        });
        files.collect()
    }

    fn lone_dsym(&mut self, file: &Loaded, part: &Part) -> Option<SymbolSource> {
        if let Some(uuid) = part.image.uuid {
            let key = (uuid, part.image.arch);
            if self.joined.contains(&key) {
                return None;
            }
            self.joined.push(key);
        } else if self.by_name.contains(&(part.path.clone(), part.image.arch)) {
            return None;
        }
        let parts = vec![part.clone()];
        Some(SymbolSource::new(identity(file, &parts), parts))
    }

    /// Says that a dSYM the user gave belongs to another build than the binary of the same name.
    fn refuse_given(&mut self, dsym: &Loaded) {
        let binaries = self.loaded.iter().filter(|file| !file.is_dsym());
        let mut named = binaries.filter(|file| file.executable == dsym.executable);
        let pair = named.find_map(|file| {
            let mut pairs = file
                .parts
                .iter()
                .flat_map(|binary| dsym.parts.iter().map(move |dsym| (binary, dsym)));
            pairs.find(|(binary, dsym)| binary.image.arch.is_kin_of(dsym.image.arch))
        });
        if let Some((binary, dsym)) = pair {
            self.errors.push(other_build(dsym, binary));
        }
    }
}

fn is_same_build(binary: &Part, dsym: &Part) -> bool {
    dsym.image.kind == FileKind::Dsym
        && dsym.image.uuid == binary.image.uuid
        && dsym.image.arch.is_kin_of(binary.image.arch)
}

fn other_build(dsym: &Part, binary: &Part) -> SymbolError {
    SymbolError {
        path: dsym.path.clone(),
        kind: SymbolErrorKind::OtherBuild {
            dsym: dsym.image.uuid,
            binary: binary.image.uuid,
        },
    }
}

fn symbol_file(file: &Loaded, slices: Vec<SymbolSource>) -> Option<SymbolFile> {
    if slices.is_empty() {
        return None;
    }
    Some(SymbolFile {
        role: file.role,
        path: file.path.clone(),
        placed: file.placed.clone(),
        kdk: file.kdk.clone(),
        slices,
    })
}

fn identity(file: &Loaded, parts: &[Part]) -> ImageIdentity {
    let first = parts.first().map(|part| &part.image);
    ImageIdentity {
        name: file
            .info
            .identifier
            .clone()
            .unwrap_or_else(|| file.executable.clone()),
        bundle_identifier: file.info.identifier.clone(),
        executable: file.executable.clone(),
        version: file.info.version.clone(),
        uuid: first.and_then(|image| image.uuid),
        arch: first.map_or(Arch::Other(0, 0), |image| image.arch),
        paths: parts.iter().map(|part| part.path.clone()).collect(),
    }
}
