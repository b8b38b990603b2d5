//! Kext and dSYM bundles: folders in, files out.

use std::io::Cursor;
use std::path::{Component, Path, PathBuf};

use plist::Value;

use crate::SymbolErrorKind;
use crate::open;

/// What `Info.plist` says about a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) executable: Option<String>,
    pub(crate) identifier: Option<String>,
    pub(crate) version: Option<String>,
}

/// What a path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A kext bundle.
    Kext { executable: PathBuf, info: Info },
    /// A dSYM bundle: the files with the debug information.
    Dsym(Vec<PathBuf>),
    /// A file.
    File,
}

/// Looks what a path stands for.
pub(crate) fn content(path: &Path) -> Result<Content, SymbolErrorKind> {
    open::check_exists(path)?;
    if !open::is_folder(path) {
        return Ok(Content::File);
    }
    let dwarf = path.join("Contents/Resources/DWARF");
    if open::is_folder(&dwarf) {
        let mut files = open::entries(&dwarf);
        // Finder and network file systems leave files that start with a dot.
        files.retain(|file| !is_hidden(file));
        if files.is_empty() {
            let why = "its Contents/Resources/DWARF is empty";
            return Err(SymbolErrorKind::BadBundle(why.to_owned()));
        }
        return Ok(Content::Dsym(files));
    }
    if open::has_extension(path, "dSYM") {
        let why = "a .dSYM without Contents/Resources/DWARF";
        return Err(SymbolErrorKind::BadBundle(why.to_owned()));
    }
    kext(path)
}

/// The bundle that a file is the executable of, by its place: `X.kext/Contents/MacOS/X`, or flat `X.kext/X`.
pub(crate) fn bundle_of(executable: &Path) -> Option<&Path> {
    let folder = executable.parent()?;
    let bundle = match folder.ends_with("Contents/MacOS") {
        true => folder.parent()?.parent()?,
        false => folder,
    };
    open::has_extension(bundle, "kext").then_some(bundle)
}

/// What the `Info.plist` of a bundle says; nothing where there is none or it is damaged.
pub(crate) fn info_of(bundle: &Path) -> Info {
    let deep = open::plist(&bundle.join("Contents/Info.plist"));
    let bytes = match deep {
        Ok(Some(bytes)) => Some(bytes),
        _ => open::plist(&bundle.join("Info.plist")).ok().flatten(),
    };
    bytes.and_then(|bytes| parse(&bytes)).unwrap_or_default()
}

fn kext(bundle: &Path) -> Result<Content, SymbolErrorKind> {
    for (plist, executables) in [
        ("Contents/Info.plist", "Contents/MacOS"),
        ("Info.plist", ""),
    ] {
        let Some(bytes) = open::plist(&bundle.join(plist))? else {
            continue;
        };
        let Some(info) = parse(&bytes) else {
            let why = format!("{plist} is neither an XML nor a binary property list");
            return Err(SymbolErrorKind::BadBundle(why));
        };
        let Some(name) = &info.executable else {
            let identifier = info.identifier;
            return Err(SymbolErrorKind::Codeless { identifier });
        };
        if !is_plain_name(name) {
            let why = format!("the CFBundleExecutable of {plist} is not a file name");
            return Err(SymbolErrorKind::BadBundle(why));
        }
        let executable = bundle.join(executables).join(name);
        return Ok(Content::Kext { executable, info });
    }
    without_plist(bundle)
}

/// A bundle whose `Info.plist` got lost still has its executable.
fn without_plist(bundle: &Path) -> Result<Content, SymbolErrorKind> {
    let mut files = open::entries(&bundle.join("Contents/MacOS"));
    files.retain(|file| !is_hidden(file) && !open::is_folder(file));
    match (files.pop(), files.is_empty()) {
        (Some(executable), true) => Ok(Content::Kext {
            executable,
            info: Info::default(),
        }),
        _ if open::has_extension(bundle, "kext") => {
            let why = "it has no Info.plist";
            Err(SymbolErrorKind::BadBundle(why.to_owned()))
        }
        _ => Err(SymbolErrorKind::FolderWithoutSymbols),
    }
}

/// Reads an `Info.plist`, XML or binary.
pub(crate) fn parse(bytes: &[u8]) -> Option<Info> {
    let value = Value::from_reader(Cursor::new(bytes)).ok()?;
    let keys = value.as_dictionary()?;
    let text = |key: &str| {
        let text = keys.get(key)?.as_string()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    Some(Info {
        executable: text("CFBundleExecutable"),
        identifier: text("CFBundleIdentifier"),
        version: text("CFBundleVersion"),
    })
}

fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let first = components.next();
    matches!(first, Some(Component::Normal(_))) && components.next().is_none()
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}
