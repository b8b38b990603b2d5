//! What answers lookups for one image of one build.

use std::ops::Range;

use kstack_model::{Arch, Uuid, VmAddr};

use crate::SymbolError;

/// Who an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageIdentity {
    /// Bundle identifier of a kext, else the file's name.
    pub name: String,
    /// `CFBundleIdentifier`, when it came as a bundle.
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
    pub raw: String,
    /// The name demangled; the same as `raw` where there is nothing to demangle.
    pub name: String,
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
    pub function: Option<String>,
    /// Its name as the file has it, when that differs.
    pub raw: Option<String>,
    /// Source file as the compiler was given it.
    pub file: Option<String>,
    /// Line in it; `None` for code without a line.
    pub line: Option<u32>,
    /// Column in that line.
    pub column: Option<u32>,
}

/// One image of one build: a slice of a binary, its dSYM, or both.
#[derive(Debug)]
pub struct SymbolSource {
    identity: ImageIdentity,
    segments: Vec<Segment>,
}

impl SymbolSource {
    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &ImageIdentity {
        &self.identity
    }

    /// Its segments in file order, those of the dSYM's debug sections left out.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How much it knows.
    #[must_use]
    pub fn detail(&self) -> Detail {
        Detail::Nothing
    }

    /// What a reader should know about its files: "the dSYM has the right UUID and is empty".
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &[]
    }

    /// Opens a session of lookups. Cheap until the first lookup.
    #[must_use]
    pub fn names(&self) -> Names<'_> {
        Names { source: self }
    }
}

/// A session of lookups in one source, for one thread.
#[derive(Debug)]
pub struct Names<'a> {
    source: &'a SymbolSource,
}

impl Names<'_> {
    /// Names a linked address. `None` where the source knows nothing there.
    ///
    /// # Errors
    ///
    /// When the debug information at this address is damaged; other addresses may still be answered.
    pub fn lookup(&mut self, at: VmAddr) -> Result<Option<Named>, SymbolError> {
        let _ = (at, self.source);
        Ok(None)
    }
}
