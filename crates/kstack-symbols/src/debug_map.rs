//! The debug map of an unstripped file: which object file each function comes from.
//!
//! The linker leaves the debug information in the object files and notes in
//! the symbol table where they are: `N_OSO` names an object file, or a member
//! of an archive as `lib.a(x.o)`, and a pair of `N_FUN` gives start, name and
//! size of each function from it (cctools-1010.6, `mach-o/stab.h`). One in six
//! shipped kexts still has it, and even without the object files it tells how
//! far each function reaches.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::macho::Image;
use crate::object_file::{ObjectFile, Opener};

const N_FUN: u8 = 0x24;
const N_OSO: u8 = 0x66;

/// Object files of one file that are opened; a kernel has three thousand.
const MOST_OBJECTS: usize = 0x4000;

/// Missing object files that a remark names.
const NAMED: usize = 4;

/// The functions of a file with the object files they come from.
#[derive(Debug, Default)]
pub(crate) struct DebugMap {
    /// Ascending by start.
    functions: Vec<Mapped>,
    objects: Vec<Object>,
    /// The object files, in the same order; opened all at once, so that which one is too much is always the same.
    files: OnceLock<Vec<Result<ObjectFile, String>>>,
}

/// A function of the debug map.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub(crate) start: u64,
    pub(crate) size: u64,
    /// Its name as the symbol table of its object file has it.
    name: Vec<u8>,
    /// Index of its object file.
    object: usize,
}

#[derive(Debug)]
struct Object {
    /// As the linker was given it.
    path: String,
    /// When it was changed last, in seconds since 1970; 0 where the linker did not say.
    time: u64,
}

/// Where the debug information of an address is.
pub(crate) struct Place<'a> {
    pub(crate) object: usize,
    pub(crate) file: &'a ObjectFile,
    /// The address in the object file.
    pub(crate) address: u64,
}

impl DebugMap {
    /// Reads it from the symbol table; empty where there is none.
    pub(crate) fn of(image: &Image, bytes: &[u8]) -> DebugMap {
        let mut map = DebugMap::default();
        let mut open: Option<Mapped> = None;
        for stab in image.stabs(bytes) {
            match stab.kind {
                N_OSO => {
                    map.objects.push(Object {
                        path: String::from_utf8_lossy(stab.name).into_owned(),
                        time: stab.value,
                    });
                    open = None;
                }
                // The first of a pair has name and start, the second no name and the size.
                N_FUN if !stab.name.is_empty() => {
                    open = map.objects.len().checked_sub(1).map(|object| Mapped {
                        start: stab.value,
                        size: 0,
                        name: stab.name.to_vec(),
                        object,
                    });
                }
                N_FUN => {
                    if let Some(function) = open.take().filter(|_| stab.value > 0) {
                        map.functions.push(Mapped {
                            size: stab.value,
                            ..function
                        });
                    }
                }
                _ => {}
            }
        }
        map.functions.sort_by_key(|function| function.start);
        map.functions.dedup_by_key(|function| function.start);
        map
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The function that holds an address.
    pub(crate) fn function_at(&self, at: u64) -> Option<&Mapped> {
        let after = self
            .functions
            .partition_point(|function| function.start <= at);
        let function = self.functions.get(after.checked_sub(1)?)?;
        (at - function.start < function.size).then_some(function)
    }

    /// Whether a function is known to start here.
    pub(crate) fn starts_at(&self, at: u64) -> bool {
        let found = self
            .functions
            .binary_search_by_key(&at, |function| function.start);
        found.is_ok()
    }

    /// Where the debug information of an address is, if its object file is there.
    pub(crate) fn place(&self, at: u64, folders: &[PathBuf]) -> Option<Place<'_>> {
        let function = self.function_at(at)?;
        let file = self.file(function.object, folders).ok()?;
        let there = file.address_of(&function.name)?;
        Some(Place {
            object: function.object,
            file,
            address: there.wrapping_add(at - function.start),
        })
    }

    /// What a reader should know about the object files.
    pub(crate) fn remarks(&self, path: &str, folders: &[PathBuf]) -> Vec<String> {
        let mut missing: BTreeMap<&str, &str> = BTreeMap::new();
        for (index, object) in self.objects.iter().enumerate() {
            if let Err(why) = self.file(index, folders) {
                missing.insert(&object.path, why);
            }
        }
        if missing.is_empty() {
            return Vec::new();
        }
        let named = missing
            .iter()
            .take(NAMED)
            .map(|(path, why)| format!("{path} ({why})"));
        let named: Vec<String> = named.collect();
        let more = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        vec![format!(
            "{path}: its debug information is in {} object files, of which {} cannot be used: {}{more}; pass the folder of the build with --symbols, or its dSYM",
            self.objects.len(),
            missing.len(),
            named.join(", ")
        )]
    }

    /// Whether any object file is there.
    pub(crate) fn has_objects(&self, folders: &[PathBuf]) -> bool {
        (0..self.objects.len()).any(|index| self.file(index, folders).is_ok())
    }

    fn file(&self, index: usize, folders: &[PathBuf]) -> Result<&ObjectFile, &str> {
        let files = self.files.get_or_init(|| {
            let mut opener = Opener::new(folders);
            let objects = self.objects.iter().enumerate();
            let files = objects.map(|(number, object)| match number < MOST_OBJECTS {
                true => opener.open(&object.path, object.time),
                false => Err("behind too many others".to_owned()),
            });
            files.collect()
        });
        let file = files.get(index).ok_or("not listed")?;
        file.as_ref().map_err(String::as_str)
    }
}
