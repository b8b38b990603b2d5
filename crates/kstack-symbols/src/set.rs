//! The symbol files of a run.

use std::path::PathBuf;

use kstack_model::Address;

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
    /// One source per architecture.
    pub slices: Vec<SymbolSource>,
}

/// The symbol files of a run, and what was wrong with the others.
#[derive(Debug, Default)]
pub struct SymbolSet {
    files: Vec<SymbolFile>,
    errors: Vec<SymbolError>,
}

impl SymbolSet {
    /// The files that could be opened: named ones in the order given, then found ones in the order of their paths.
    #[must_use]
    pub fn files(&self) -> &[SymbolFile] {
        &self.files
    }

    /// What was wrong with files the user named, and with dSYMs found beside them.
    #[must_use]
    pub fn errors(&self) -> &[SymbolError] {
        &self.errors
    }
}
