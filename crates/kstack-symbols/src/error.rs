//! Why a symbol file cannot be used.

use std::fmt;

use kstack_model::{Arch, Uuid};

/// Why a symbol file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolError {
    /// The file, as the user named it or as the search found it.
    pub path: String,
    /// What is wrong with it.
    pub kind: SymbolErrorKind,
}

/// What is wrong with a symbol file. Each says in its sentence what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SymbolErrorKind {
    /// There is no such file, or it cannot be read: the system's own words.
    Unreadable(String),
    /// The index cannot be written there: the system's own words.
    IndexNotKept(String),
    /// A folder that is neither a kext bundle nor a dSYM bundle.
    FolderWithoutSymbols,
    /// No bytes in it.
    Empty,
    /// Not a Mach-O; what it looks like instead ("text", "an ELF file").
    NotMachO(&'static str),
    /// A kext bundle without an executable: its code is elsewhere, or it has none.
    Codeless {
        /// Its bundle identifier.
        identifier: Option<String>,
    },
    /// A bundle that is not laid out as one, as a fragment: "Info.plist has no `CFBundleExecutable`".
    BadBundle(String),
    /// A Mach-O whose structure is damaged, as a fragment.
    Damaged(String),
    /// A dSYM of another build than the binary it was found beside or given for.
    OtherBuild {
        /// UUID of the dSYM.
        dsym: Option<Uuid>,
        /// UUID of the binary.
        binary: Option<Uuid>,
    },
    /// No slice of the wanted architecture.
    NoSuchSlice {
        /// What was wanted.
        wanted: Arch,
        /// What the file has.
        slices: Vec<Arch>,
    },
}

impl fmt::Display for SymbolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind)
    }
}

impl std::error::Error for SymbolError {}

impl fmt::Display for SymbolErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SymbolErrorKind::Unreadable(why) => write!(f, "cannot be read: {why}"),
            SymbolErrorKind::IndexNotKept(why) => write!(
                f,
                "the index cannot be kept there: {why}; mend that, or do without and pass --symbols DIR"
            ),
            SymbolErrorKind::FolderWithoutSymbols => f.write_str(
                "a folder that is neither a .kext nor a .dSYM bundle; to search a folder, pass it with --symbols",
            ),
            SymbolErrorKind::Empty => f.write_str("the file is empty"),
            SymbolErrorKind::NotMachO(what) => write!(
                f,
                "not a Mach-O file but {what}; pass the .kext bundle, its executable, or its .dSYM"
            ),
            SymbolErrorKind::Codeless { identifier } => {
                f.write_str("a kext without an executable")?;
                if let Some(identifier) = identifier {
                    write!(f, " ({identifier})")?;
                }
                f.write_str(": it has no code of its own, so it names no frame; pass the kext it configures")
            }
            SymbolErrorKind::BadBundle(why) => write!(f, "not a usable bundle: {why}"),
            SymbolErrorKind::Damaged(why) => write!(f, "damaged: {why}"),
            SymbolErrorKind::OtherBuild { dsym, binary } => write!(
                f,
                "belongs to another build: its UUID is {}, the binary's is {}; pass the dSYM made with that binary",
                shown(*dsym),
                shown(*binary)
            ),
            SymbolErrorKind::NoSuchSlice { wanted, slices } => {
                write!(f, "has no {wanted} slice, only")?;
                for (index, slice) in slices.iter().enumerate() {
                    write!(f, "{}{slice}", if index == 0 { " " } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

fn shown(uuid: Option<Uuid>) -> String {
    uuid.map_or("missing".to_owned(), |uuid| {
        uuid.hyphenated()
            .encode_upper(&mut Uuid::encode_buffer())
            .to_owned()
    })
}
