//! One file the user named, or a search found: its slices, and the dSYMs beside it.

use std::path::{Path, PathBuf};

use crate::bundle::{self, Content, Info};
use crate::bytes::Bytes;
use crate::open;
use crate::part::Part;
use crate::slices::slices;
use crate::unpack::{Room, unpack};
use crate::{FileKind, Role, StatedPlace, SymbolError, SymbolErrorKind};
use crate::{collection, collection::Held};

/// Other dSYM bundles in the folder that are looked at for one with the right UUID.
const MOST_BESIDE: usize = 64;

/// A file with its slices, not yet joined with others.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) role: Role,
    /// As named, or as found.
    pub(crate) path: String,
    pub(crate) placed: Option<StatedPlace>,
    /// The KDK that it is one of several kernels of.
    pub(crate) kdk: Option<String>,
    pub(crate) info: Info,
    /// Name of the executable file, or of the file in the dSYM.
    pub(crate) executable: String,
    pub(crate) parts: Vec<Part>,
    /// Slices of dSYMs that lie beside it.
    pub(crate) beside: Vec<Beside>,
    pub(crate) errors: Vec<SymbolError>,
    /// The images in it, when it is a kernel collection.
    pub(crate) members: Vec<Loaded>,
}

/// A slice of a dSYM found beside a binary.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) part: Part,
    /// Whether its name says that it belongs to the binary.
    pub(crate) has_its_name: bool,
}

impl Loaded {
    /// Whether every slice is that of a dSYM.
    pub(crate) fn is_dsym(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|part| part.image.kind == FileKind::Dsym)
    }

    fn empty(role: Role, path: String, placed: Option<StatedPlace>) -> Loaded {
        Loaded {
            role,
            executable: String::new(),
            info: Info::default(),
            parts: Vec::new(),
            beside: Vec::new(),
            errors: Vec::new(),
            members: Vec::new(),
            kdk: None,
            path,
            placed,
        }
    }

    /// An image of a collection. The kernel is what the user named; of the kexts there are hundreds, and
    /// those that the report knows are taken.
    fn member(of: &Loaded, member: collection::Member) -> Loaded {
        let is_kernel = member.part.image.kind == FileKind::Kernel;
        let role = match of.role {
            Role::Kernel if is_kernel => Role::Kernel,
            _ => Role::Found,
        };
        Loaded {
            info: member.info,
            executable: member.executable,
            parts: vec![member.part.clone()],
            placed: of.placed.clone().filter(|_| role == Role::Kernel),
            ..Loaded::empty(role, member.part.path, None)
        }
    }

    fn failed(mut self, kind: SymbolErrorKind) -> Loaded {
        let path = self.path.clone();
        self.errors.push(SymbolError { path, kind });
        self
    }

    /// Adds the slices of a file. A damaged slice costs itself.
    fn add_slices(&mut self, path: &str, bytes: Result<Bytes, SymbolErrorKind>) {
        for held in held(path, bytes, Room::default()) {
            self.parts.extend(held.part);
            self.errors.extend(held.errors);
            for member in held.members {
                let member = Loaded::member(self, member);
                self.members.push(member);
            }
        }
    }
}

/// A file given as bytes.
pub(crate) fn bytes(role: Role, name: &str, placed: Option<StatedPlace>, bytes: Vec<u8>) -> Loaded {
    let mut loaded = Loaded::empty(role, name.to_owned(), placed);
    loaded.executable = file_name(Path::new(name));
    loaded.info = info_of_sym(Path::new(name));
    loaded.add_slices(name, Ok(Bytes::owned(bytes)));
    loaded
}

/// A kext bundle, a dSYM bundle, or a file.
pub(crate) fn path(role: Role, path: &Path, placed: Option<StatedPlace>) -> Loaded {
    let shown = path.display().to_string();
    let mut loaded = Loaded::empty(role, shown.clone(), placed);
    match bundle::content(path) {
        Err(kind) => return loaded.failed(kind),
        Ok(Content::Dsym(files)) => {
            loaded.executable = files.first().map_or(String::new(), |file| file_name(file));
            for (file, part_of) in files.iter().map(|file| (file, path)) {
                let shown = shown_in_bundle(part_of, file, files.len());
                loaded.add_slices(&shown, open::map(file));
            }
        }
        Ok(Content::Kext { executable, info }) => {
            loaded.executable = file_name(&executable);
            loaded.info = info;
            loaded.add_slices(&shown, map_executable(&executable));
        }
        Ok(Content::File) => {
            loaded.executable = file_name(path);
            loaded.info = match bundle::bundle_of(path) {
                Some(bundle) => bundle::info_of(bundle),
                None => info_of_sym(path),
            };
            loaded.add_slices(&shown, open::map(path));
        }
    }
    if role != Role::Found && !loaded.parts.is_empty() && !loaded.is_dsym() {
        add_beside(&mut loaded, path);
    }
    loaded
}

/// What each slice of a file holds, in the file's order.
fn held(path: &str, bytes: Result<Bytes, SymbolErrorKind>, mut room: Room) -> Vec<Held> {
    let slices = bytes
        .and_then(|bytes| unpack(bytes, &mut room))
        .and_then(|bytes| slices(&bytes));
    let mut read = |slice: Bytes| collection::read(path, unpack(slice, &mut room)?);
    let held: Vec<_> = match slices {
        Ok(slices) => slices.into_iter().map(&mut read).collect(),
        Err(kind) => vec![Err(kind)],
    };
    let failed = |kind| Held {
        errors: vec![SymbolError {
            path: path.to_owned(),
            kind,
        }],
        ..Held::default()
    };
    held.into_iter()
        .map(|held| held.unwrap_or_else(failed))
        .collect()
}

/// The error of a missing executable says which file the bundle lacks.
fn map_executable(executable: &Path) -> Result<Bytes, SymbolErrorKind> {
    open::map(executable).map_err(|kind| match kind {
        SymbolErrorKind::Unreadable(why) => {
            let name = file_name(executable);
            SymbolErrorKind::BadBundle(format!("its executable {name} cannot be read: {why}"))
        }
        kind => kind,
    })
}

/// Looks for dSYMs beside the bundle, and beside the binary.
fn add_beside(loaded: &mut Loaded, path: &Path) {
    let named = places_beside(path);
    for dsym in &named {
        if let Ok(Content::Dsym(files)) = bundle::content(dsym) {
            add_dsym(loaded, dsym, &files, true);
        }
    }
    if loaded
        .parts
        .iter()
        .all(|part| has_own_dsym(part, &loaded.beside))
    {
        return;
    }
    let folders = named.iter().filter_map(|dsym| dsym.parent());
    let mut others: Vec<PathBuf> = folders.flat_map(open::entries).collect();
    others.retain(|path| open::has_extension(path, "dSYM") && !named.contains(path));
    others.sort();
    others.dedup();
    for dsym in others.iter().take(MOST_BESIDE) {
        if let Ok(Content::Dsym(files)) = bundle::content(dsym) {
            add_dsym(loaded, dsym, &files, false);
        }
    }
}

/// Where a dSYM of this bundle or binary would be: `zfs.kext.dSYM` is the habit, three folders above the binary.
fn places_beside(path: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for owner in [Some(path), bundle::bundle_of(path)].into_iter().flatten() {
        let Some(name) = owner.file_name() else {
            continue;
        };
        let mut bare = owner.to_owned();
        bare.set_extension("dSYM");
        for ending in [".dSYM", ".kext.dSYM"] {
            let mut name = name.to_owned();
            name.push(ending);
            places.push(owner.with_file_name(name));
        }
        if open::has_extension(owner, "kext") {
            places.push(bare);
        }
    }
    places
}

fn add_dsym(loaded: &mut Loaded, dsym: &Path, files: &[PathBuf], has_its_name: bool) {
    for file in files {
        let shown = shown_in_bundle(dsym, file, files.len());
        // A dSYM that was not asked for and cannot be read is as good as none.
        let held = held(&shown, open::map(file), Room::default()).into_iter();
        let parts = held
            .filter_map(|held| held.part)
            .filter(|part| part.image.kind == FileKind::Dsym);
        loaded
            .beside
            .extend(parts.map(|part| Beside { part, has_its_name }));
    }
}

fn has_own_dsym(part: &Part, beside: &[Beside]) -> bool {
    let mut beside = beside.iter();
    beside.any(|dsym| part.image.uuid.is_some() && dsym.part.image.uuid == part.image.uuid)
}

/// A dSYM is shown as the bundle it is; one with several files names the file too.
fn shown_in_bundle(bundle: &Path, file: &Path, count: usize) -> String {
    match count {
        1 => bundle.display().to_string(),
        _ => file.display().to_string(),
    }
}

/// `kextutil -s` names the file after the bundle identifier: `org.openzfsonosx.zfs.sym`.
fn info_of_sym(path: &Path) -> Info {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    Info {
        identifier: stem.filter(|stem| open::has_extension(path, "sym") && stem.contains('.')),
        ..Info::default()
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use kstack_model::Arch;
    use kstack_synth::macho::{Program, complzss};

    use super::*;

    /// A fat file of this many slices, which are all the same bytes of it.
    fn fat_of_one(slice: &[u8], slices: u32) -> Vec<u8> {
        let (offset, size) = (0x1000, u32::try_from(slice.len()).unwrap());
        let mut file = [0xcafe_babe_u32, slices].map(u32::to_be_bytes).concat();
        for _ in 0..slices {
            let entry = [0x0100_0007, 3, offset, size, 0];
            file.extend(entry.map(u32::to_be_bytes).concat());
        }
        file.resize(0x1000, 0);
        file.extend_from_slice(slice);
        file
    }

    #[test]
    fn slices_that_unpack_to_more_than_a_file_may_are_refused_one_by_one() {
        let kernel = Program::kernel(Arch::X86_64, 1).binary();
        for packed in [complzss(&kernel), packed(&kernel)] {
            let file = Bytes::owned(fat_of_one(&packed, 64));
            let held = held("kernels", Ok(file), Room::of(2 * kernel.len() + 100));
            let (read, refused): (Vec<_>, Vec<_>) =
                held.into_iter().partition(|held| held.part.is_some());
            assert_eq!((read.len(), refused.len()), (2, 62));
            let why = refused[61].errors[0].to_string();
            assert!(why.contains("there is room for 100"), "{why}");
        }
    }

    fn packed(file: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        lzfse_rust::encode_bytes(file, &mut packed).unwrap();
        packed
    }
}
