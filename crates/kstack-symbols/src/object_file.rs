//! Object files that a debug map names: `x.o`, or `x.o` in an archive.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use goblin::archive::Archive;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};

use crate::bytes::Bytes;
use crate::open;

/// Object files are small: their debug information is copied to be relocated.
const LARGEST: usize = 256 << 20;
/// Bytes of all object files of one file. A damaged debug map can name one file any number of times.
const LARGEST_TOGETHER: usize = 2 << 30;
/// Folders from the end of a recorded path that are looked for; no path has more.
const DEEPEST: usize = 64;

/// An object file with its debug information made readable as it is.
#[derive(Debug)]
pub(crate) struct ObjectFile {
    bytes: Vec<u8>,
    symbols: BTreeMap<Vec<u8>, u64>,
}

impl ObjectFile {
    /// Its bytes, debug information relocated.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in it a function lies.
    pub(crate) fn address_of(&self, name: &[u8]) -> Option<u64> {
        self.symbols.get(name).copied()
    }
}

/// Opens the object files of one debug map, one after the other.
#[derive(Debug)]
pub(crate) struct Opener<'f> {
    folders: &'f [PathBuf],
    /// Bytes that may still be copied.
    room: usize,
    archives: BTreeMap<PathBuf, Result<Members, String>>,
}

impl<'f> Opener<'f> {
    pub(crate) fn new(folders: &'f [PathBuf]) -> Opener<'f> {
        Opener {
            folders,
            room: LARGEST_TOGETHER,
            archives: BTreeMap::new(),
        }
    }

    /// Opens an object file by the path the linker was given, or under a folder. The error is a fragment.
    pub(crate) fn open(&mut self, recorded: &str, time: u64) -> Result<ObjectFile, String> {
        let (path, member) = split(recorded);
        let found = find(Path::new(path), self.folders).ok_or("missing")?;
        let bytes = match member {
            None => {
                let changed = open::changed(&found);
                if time != 0 && changed.is_some_and(|changed| changed != time) {
                    return Err("changed since it was linked".to_owned());
                }
                map(&found)?
            }
            Some(member) => self.members(found)?.get(member)?,
        };
        let size = bytes.as_slice().len();
        if size > LARGEST {
            return Err("too large for an object file".to_owned());
        }
        let left = self.room.checked_sub(size);
        self.room = left.ok_or("too large together with those before it")?;
        relocated(bytes.as_slice())
    }

    /// What is in an archive, read once however many of its members are asked for.
    fn members(&mut self, archive: PathBuf) -> Result<&Members, String> {
        let opened = self.archives.entry(archive);
        let members = opened.or_insert_with_key(|path| map(path).and_then(Members::of));
        members.as_ref().map_err(String::clone)
    }
}

/// The members of an archive.
#[derive(Debug)]
struct Members {
    file: Bytes,
    /// Start and size by name.
    list: BTreeMap<String, (usize, usize)>,
}

impl Members {
    fn of(file: Bytes) -> Result<Members, String> {
        let damaged = |why: goblin::error::Error| format!("a damaged archive: {why}");
        let archive = Archive::parse(file.as_slice()).map_err(damaged)?;
        let names = archive.members().into_iter();
        let list = names.filter_map(|name| {
            let member = archive.get(name)?;
            let start = usize::try_from(member.offset).ok()?;
            Some((name.to_owned(), (start, member.size())))
        });
        let list = list.collect();
        Ok(Members { file, list })
    }

    fn get(&self, member: &str) -> Result<Bytes, String> {
        let (start, size) = *self.list.get(member).ok_or("not in the archive")?;
        Ok(self.file.part(start, size))
    }
}

fn map(file: &Path) -> Result<Bytes, String> {
    open::map(file).map_err(|why| why.to_string())
}

/// `lib.a(x.o)` is the member `x.o` of the archive `lib.a`.
fn split(recorded: &str) -> (&str, Option<&str>) {
    let inner = recorded.strip_suffix(')');
    match inner.and_then(|inner| inner.rsplit_once('(')) {
        Some((archive, member)) => (archive, Some(member)),
        None => (recorded, None),
    }
}

/// The file as recorded, else the one under a folder that has most of its path in common.
fn find(recorded: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    if recorded.is_absolute() && open::is_file(recorded) {
        return Some(recorded.to_owned());
    }
    let names = recorded.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    (names.len().saturating_sub(DEEPEST)..names.len()).find_map(|skipped| {
        let rest: PathBuf = names.iter().skip(skipped).collect();
        let mut places = folders.iter().map(|folder| folder.join(&rest));
        places.find(|place| open::is_file(place))
    })
}

/// Copies an object file and puts into its debug sections what the relocations say.
///
/// Those against sections have it there already. Those against symbols, which arm64 has, leave only what is
/// to be added.
fn relocated(bytes: &[u8]) -> Result<ObjectFile, String> {
    let file = object::File::parse(bytes).map_err(|why| why.to_string())?;
    let mut copy = bytes.to_vec();
    for section in file.sections() {
        let is_debug = section
            .segment_name()
            .is_ok_and(|name| name == Some("__DWARF"));
        let (true, Some((offset, size))) = (is_debug, section.file_range()) else {
            continue;
        };
        for (at, relocation) in section.relocations() {
            let RelocationTarget::Symbol(symbol) = relocation.target() else {
                continue;
            };
            let Ok(symbol) = file.symbol_by_index(symbol) else {
                continue;
            };
            let width = usize::from(relocation.size() / 8);
            let place = (at < size)
                .then(|| usize::try_from(offset.checked_add(at)?).ok())
                .flatten();
            let field = place.and_then(|place| copy.get_mut(place..)?.get_mut(..width));
            if let Some(field) = field {
                add(field, symbol.address());
            }
        }
    }
    let symbols = file.symbols().filter(|symbol| symbol.is_definition());
    let symbols = symbols.filter_map(|symbol| {
        let name = symbol.name_bytes().ok()?;
        (!name.is_empty()).then(|| (name.to_vec(), symbol.address()))
    });
    let symbols = symbols.collect();
    Ok(ObjectFile {
        bytes: copy,
        symbols,
    })
}

/// Adds to a little-endian number of four or eight bytes.
fn add(field: &mut [u8], value: u64) {
    let mut sum = [0; 8];
    let Some(low) = sum.get_mut(..field.len()) else {
        return;
    };
    low.copy_from_slice(field);
    let sum = u64::from_le_bytes(sum).wrapping_add(value).to_le_bytes();
    if let Some(low) = sum.get(..field.len()) {
        field.copy_from_slice(low);
    }
}

#[cfg(test)]
mod tests {
    use kstack_model::Arch;
    use kstack_synth::macho::Program;

    use super::*;

    #[test]
    fn object_files_that_are_too_large_together_are_refused_from_there_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unit0.o");
        let object = Program::kext("demo", Arch::X86_64, 1).dsym();
        std::fs::write(&path, &object).unwrap();
        let mut opener = Opener::new(&[]);
        opener.room = 2 * object.len() + 1;
        let path = path.display().to_string();
        let opened: Vec<_> = (0..4).map(|_| opener.open(&path, 0).err()).collect();
        let refused = Some("too large together with those before it".to_owned());
        assert_eq!(opened, [None, None, refused.clone(), refused]);
    }
}
