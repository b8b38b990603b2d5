//! What answers lookups for one image of one build.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use kstack_model::{Arch, Uuid, VmAddr};

use crate::Names;
use crate::bounds::{self, Bounds, Hints};
use crate::cache::{Cache, Entry, identity};
use crate::callsites::Code;
use crate::classes::{Classes, Virtual};
use crate::collection::Collection;
use crate::data::Data;
use crate::debug_map::{DebugMap, Place};
use crate::dwarf::Dwarf;
use crate::macho::Image;
use crate::part::Part;
use crate::relocations::Stubs;
use crate::shift::Shift;
use crate::table::Table;

/// Who an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageIdentity {
    /// Bundle identifier of a kext, else the file's name.
    pub name: String,
    /// `CFBundleIdentifier`, when it came as a bundle; the file's name without
    /// its ending for a `.sym` file, which `kextutil` names so.
    pub bundle_identifier: Option<String>,
    /// Name of the executable file.
    pub executable: String,
    /// `CFBundleVersion`, when it came as a bundle.
    pub version: Option<String>,
    /// Its `LC_UUID`; some shipped kexts have none.
    pub uuid: Option<Uuid>,
    /// Architecture of this slice.
    pub arch: Arch,
    /// The files it was read from, as they were named: the binary first, then the dSYM.
    pub paths: Vec<String>,
}

/// One segment of an image, as linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `__TEXT`, `__TEXT_EXEC`; empty in 32-bit kexts, which are object files.
    pub name: String,
    /// Where it was linked.
    pub range: Range<VmAddr>,
    /// Its sections in file order.
    pub sections: Vec<Section>,
}

/// One section of a segment, as linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `__text`, `__const`.
    pub name: String,
    /// Where it was linked.
    pub range: Range<VmAddr>,
    /// It lies at multiples of this, also where its image is loaded.
    pub alignment: u64,
    /// Whether it holds instructions.
    pub is_code: bool,
}

/// How much a source knows, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Nothing: a stripped file, or an empty dSYM.
    Nothing,
    /// Where functions start, without their names.
    FunctionStarts,
    /// Some names: exports only.
    Exports,
    /// Names from a symbol table.
    Symbols,
    /// Names, inlined functions, files and lines from DWARF.
    Lines,
}

/// What a source says about one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The function's name as the file has it, without the underscore that Mach-O symbol tables put before C names.
    pub raw: Arc<str>,
    /// The name demangled; the same as `raw` where there is nothing to demangle.
    pub name: Arc<str>,
    /// Where the function, or the symbol, starts.
    pub start: VmAddr,
    /// How far the name can be trusted at this address.
    pub certainty: Certainty,
    /// Source-level functions at this address, innermost first. The last is the
    /// function itself, all before it are inlined. Empty without DWARF.
    pub frames: Vec<SourceFrame>,
}

/// How far a name can be trusted at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// The address lies within the known bounds of the function.
    Inside,
    /// The nearest symbol before the address; where that function ends is not known.
    Nearest,
    /// The start of the function is known, its name is not: `name` is made from the start, `sub_1f2a0`.
    Unnamed,
}

/// One source-level function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFrame {
    /// Its name, demangled.
    pub function: Option<Arc<str>>,
    /// Its name as the file has it, when that differs.
    pub raw: Option<Arc<str>>,
    /// Source file as the compiler was given it.
    pub file: Option<Arc<str>>,
    /// Line in it; `None` for code without a line.
    pub line: Option<u32>,
    /// Column in that line.
    pub column: Option<u32>,
    /// The instruction has no line of its own: the compiler made it for several or for none. The line is
    /// that of the nearest instruction of the same function that has one.
    pub nearby: bool,
    /// The source around the line. Symbol files hold none: it is there when a caller has put it there.
    pub excerpt: Option<Excerpt>,
}

impl SourceFrame {
    /// Gives it the name of its function, as the file has it and demangled.
    pub(crate) fn set_name(&mut self, raw: &Arc<str>, shown: &Arc<str>) {
        self.function = Some(Arc::clone(shown));
        self.raw = (raw != shown).then(|| Arc::clone(raw));
    }
}

/// Lines of a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the first of them, counted from 1.
    pub first: u32,
    /// The lines, without their ends.
    pub lines: Vec<String>,
}

/// What kind of image a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A kernel (`MH_EXECUTE`).
    Kernel,
    /// A kext (`MH_KEXT_BUNDLE`; 32-bit kexts are `MH_OBJECT`).
    Kext,
    /// A dSYM without its binary.
    Dsym,
    /// Anything else, such as a dynamic library.
    Other,
}

/// One image of one build: a slice of a binary, its dSYM, or both.
#[derive(Debug)]
pub struct SymbolSource {
    identity: ImageIdentity,
    /// The binary, then the dSYM; one of them may be missing.
    parts: Vec<Part>,
    kind: FileKind,
    linked_at: VmAddr,
    segments: Vec<Segment>,
    table: OnceLock<Table>,
    data: OnceLock<Data>,
    bounds: OnceLock<Bounds>,
    classes: OnceLock<Classes>,
    debug_map: OnceLock<DebugMap>,
    /// Where object files of the build may be, besides where the linker had them.
    folders: Arc<[PathBuf]>,
    knowledge: OnceLock<Knowledge>,
    /// Where answers are kept between runs.
    cache: Option<Cache>,
    entry: OnceLock<Option<Entry>>,
}

/// How much a source knows, found out on the first question.
#[derive(Debug)]
struct Knowledge {
    detail: Detail,
    remarks: Vec<String>,
}

impl SymbolSource {
    /// Joins the files of one build: the first is the one that says where segments are linked.
    pub(crate) fn new(identity: ImageIdentity, mut parts: Vec<Part>) -> SymbolSource {
        if let Some((first, others)) = parts.split_first_mut() {
            for other in others {
                other.shift = Shift::between(&first.image.segments, &other.image.segments);
            }
        }
        let first = parts.first().map(|part| &part.image);
        SymbolSource {
            kind: first.map_or(FileKind::Other, |image| image.kind),
            linked_at: first.map_or(VmAddr(0), |image| image.linked_at()),
            segments: first.map_or(Vec::new(), |image| image.segments.clone()),
            identity,
            parts,
            table: OnceLock::new(),
            data: OnceLock::new(),
            bounds: OnceLock::new(),
            classes: OnceLock::new(),
            debug_map: OnceLock::new(),
            folders: Arc::from([]),
            knowledge: OnceLock::new(),
            cache: None,
            entry: OnceLock::new(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &ImageIdentity {
        &self.identity
    }

    /// What kind of image it is; a kext joined with its dSYM is a kext.
    #[must_use]
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Where its Mach-O header is linked: 0 for most kexts, the load address for kernels and `.sym` files.
    #[must_use]
    pub fn linked_at(&self) -> VmAddr {
        self.linked_at
    }

    /// Its segments in file order, those of the dSYM's debug sections left out.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The kernel collection it is linked into, if it is.
    #[must_use]
    pub fn collection(&self) -> Option<&Collection> {
        self.parts.first()?.collection.as_deref()
    }

    /// How much it knows.
    #[must_use]
    pub fn detail(&self) -> Detail {
        self.knowledge().detail
    }

    /// What a reader should know about its files: "the dSYM has the right UUID and is empty".
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.knowledge().remarks
    }

    /// Its files that were written to since they were opened, as an installer or a build that writes in
    /// place does: what was read of them may be of two builds. Asks the file system anew.
    #[must_use]
    pub fn rewritten(&self) -> Vec<String> {
        let files = self.parts.iter().filter_map(|part| part.bytes.rewritten());
        files.map(|path| path.display().to_string()).collect()
    }

    /// Opens a session of lookups. Cheap until the first lookup.
    #[must_use]
    pub fn names(&self) -> Names<'_> {
        Names::new(self)
    }

    /// Its instructions; `None` where there is no binary, or no decoder for its architecture.
    #[must_use]
    pub fn code(&self) -> Option<Code<'_>> {
        let sections = self.parts.iter().map(|part| {
            let bytes = part.bytes.as_slice();
            part.image.code_bytes(bytes).collect::<Vec<_>>()
        });
        let sections = sections.into_iter().find(|sections| !sections.is_empty())?;
        Code::new(self.identity.arch, sections, self.linked_at)
    }

    /// Where calls through a pointer can lead: code that data points to, and code whose address
    /// other code takes. Some of it is none; `None` where pointers are not read, in 32 bits.
    #[must_use]
    pub fn pointed(&self, code: &Code<'_>) -> Option<Vec<VmAddr>> {
        let part = self.parts.first()?;
        let (image, bytes) = (&part.image, part.bytes.as_slice());
        if !image.is_64_bit() {
            return None;
        }
        let mut pointed = bounds::pointers(image, bytes, base(part), Image::is_data);
        pointed.extend(code.referred());
        pointed.sort_unstable();
        pointed.dedup();
        Some(pointed.into_iter().map(VmAddr).collect())
    }

    /// The virtual tables that hold the function at an address, if that function has no name and the
    /// code or the list of function starts shows that it reaches so far. A guess at what it is.
    #[must_use]
    pub fn virtual_at(&self, at: VmAddr) -> Option<Virtual> {
        let part = self.parts.first()?;
        let classes = self.classes.get_or_init(|| Classes::of(part, base(part)));
        let start = classes.start_before(at.0)?;
        if self.table().exactly_at(start).is_some() {
            return None;
        }
        // Only where function starts are not listed is the code followed.
        let listed = self
            .table()
            .at(at.0)
            .filter(|found| found.certainty == Certainty::Unnamed);
        let reaches = match listed {
            Some(listed) => listed.start.0 == start,
            None => self.bounds().confirm(start, at.0),
        };
        reaches.then(|| classes.at(start))?
    }

    /// The nearest address at or below this one where a symbol or the list of function starts has code begin.
    #[must_use]
    pub fn start_before(&self, at: VmAddr) -> Option<VmAddr> {
        self.table().at(at.0).map(|found| found.start)
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The bytes of each part as far as names go, as [`Table`] numbers them.
    pub(crate) fn files(&self) -> Vec<&[u8]> {
        let parts = self.parts.iter();
        parts
            .map(|part| part.image.names(part.bytes.as_slice()))
            .collect()
    }

    pub(crate) fn table(&self) -> &Table {
        self.table.get_or_init(|| {
            let table = Table::of(&self.parts);
            // All names were ranked, and few are shown.
            for part in &self.parts {
                part.bytes.release(part.bytes.as_slice());
            }
            table
        })
    }

    pub(crate) fn data(&self) -> &Data {
        self.data.get_or_init(|| Data::of(&self.parts))
    }

    /// Says where answers are kept between runs.
    pub(crate) fn keep_in(&mut self, cache: Option<&Cache>) {
        self.cache = cache.cloned();
    }

    /// The answers kept between runs, opened by the first lookup. Object files can change without the
    /// binary that maps them, so answers out of them are not kept.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        let entry = self.entry.get_or_init(|| {
            let cache = self.cache.as_ref()?;
            let identity = identity(&self.identity, &self.parts)?;
            let is_mapped = !self.debug_map().is_empty();
            (!is_mapped).then(|| Entry::open(cache, identity))
        });
        entry.as_ref()
    }

    /// The entry, if there was a lookup that opened it.
    pub(crate) fn opened_entry(&self) -> Option<&Entry> {
        self.entry.get()?.as_ref()
    }

    /// Says in which folders to look for object files.
    pub(crate) fn look_in(&mut self, folders: &Arc<[PathBuf]>) {
        self.folders = Arc::clone(folders);
    }

    /// Where the object file of an address has it, if that file is there.
    pub(crate) fn place_in_objects(&self, at: u64) -> Option<Place<'_>> {
        self.debug_map().place(at, &self.folders)
    }

    /// The debug map of the binary; empty where the debug information is at hand.
    pub(crate) fn debug_map(&self) -> &DebugMap {
        self.debug_map.get_or_init(|| {
            let has_dwarf = self.parts.iter().any(|part| part.image.has_dwarf);
            match self.parts.first().filter(|_| !has_dwarf) {
                Some(part) => DebugMap::of(&part.image, part.bytes.as_slice()),
                None => DebugMap::default(),
            }
        })
    }

    /// How far functions surely reach, read from the code on the first question.
    pub(crate) fn bounds(&self) -> &Bounds {
        self.bounds.get_or_init(|| match self.parts.first() {
            Some(part) => recover(part, self.table()),
            None => Bounds::default(),
        })
    }

    fn knowledge(&self) -> &Knowledge {
        self.knowledge.get_or_init(|| {
            let mut knowledge = Knowledge::of(&self.parts);
            let (map, first) = (self.debug_map(), self.parts.first());
            if let Some(part) = first.filter(|_| !map.is_empty()) {
                if map.has_objects(&self.folders) {
                    knowledge.detail = Detail::Lines;
                }
                let remarks = map.remarks(&part.path, &self.folders);
                knowledge.remarks.extend(remarks);
            }
            knowledge
        })
    }
}

/// Function bounds of the binary, the first part; a dSYM has no code.
fn recover(part: &Part, table: &Table) -> Bounds {
    let (image, bytes) = (&part.image, part.bytes.as_slice());
    let mut starts = bounds::pointers(image, bytes, base(part), Image::is_mapped);
    starts.extend(table.addresses());
    starts.extend(bounds::unwind_starts(image, bytes));
    let hints = Hints {
        starts,
        never_return: image.never_returning(bytes),
        stubs: image.stubs.iter().map(Stubs::range).collect(),
    };
    Bounds::recover(image.arch, image.code_bytes(bytes).collect(), hints)
}

/// What packed pointers of a file count from.
fn base(part: &Part) -> u64 {
    let collection = part.collection.as_ref();
    let base = collection.map_or(part.image.linked_at(), |collection| collection.linked_at);
    base.0
}

impl Knowledge {
    fn of(parts: &[Part]) -> Knowledge {
        let mut knowledge = Knowledge {
            detail: Detail::Nothing,
            remarks: Vec::new(),
        };
        for part in parts {
            knowledge.add(part);
        }
        let are_unproven = parts.len() > 1 && parts.iter().any(|part| part.image.uuid.is_none());
        if are_unproven {
            knowledge.remarks.push(
                "neither the binary nor the dSYM has a UUID: that they belong together is not proven"
                    .to_owned(),
            );
        }
        knowledge
    }

    fn add(&mut self, part: &Part) {
        let (image, path) = (&part.image, &part.path);
        let missing = image.missing(part.bytes.as_slice().len());
        if image.is_cut {
            self.remarks
                .push(format!("{path}: damaged, its load commands end early"));
        } else if !missing.is_empty() {
            self.remarks.push(format!(
                "{path}: damaged or cut, it ends before its {}",
                missing.join(", its ")
            ));
        }
        let knows = [
            (image.has_function_starts(), Detail::FunctionStarts),
            (image.has_exports(), Detail::Exports),
            (image.has_symbols(), Detail::Symbols),
        ];
        for (knows, detail) in knows {
            if knows {
                self.detail = self.detail.max(detail);
            }
        }
        let is_dsym = image.kind == FileKind::Dsym;
        if !image.has_dwarf && !is_dsym {
            return;
        }
        match Dwarf::has_functions(part.bytes.as_slice()) {
            Ok(true) => self.detail = Detail::Lines,
            Ok(false) if is_dsym => self.remarks.push(format!(
                "{path}: an empty dSYM, it has the UUID of the build and no debug information"
            )),
            Ok(false) => {}
            Err(why) => self.remarks.push(format!(
                "{path}: its debug information cannot be read: {why}"
            )),
        }
    }
}
