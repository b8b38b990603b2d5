//! Kext and dSYM bundles as folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The keys of an `Info.plist` that matter here.
#[derive(Clone, Debug, Default)]
pub struct InfoPlist {
    /// `CFBundleExecutable`; a codeless kext has none.
    pub executable: Option<String>,
    /// `CFBundleIdentifier`.
    pub identifier: Option<String>,
    /// `CFBundleVersion`.
    pub version: Option<String>,
}

impl InfoPlist {
    fn entries(&self) -> Vec<(&'static str, &str)> {
        let entries = [
            ("CFBundleExecutable", &self.executable),
            ("CFBundleIdentifier", &self.identifier),
            ("CFBundleVersion", &self.version),
        ];
        entries
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
            .collect()
    }

    /// As XML.
    #[must_use]
    pub fn xml(&self) -> Vec<u8> {
        let entries: String = self
            .entries()
            .iter()
            .map(|(key, value)| format!("<key>{key}</key><string>{value}</string>\n"))
            .collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>\n{entries}</dict></plist>\n"
        )
        .into_bytes()
    }

    /// In the binary format `bplist00`: one dictionary of ASCII strings.
    #[must_use]
    pub fn binary(&self) -> Vec<u8> {
        let entries = self.entries();
        let count = entries.len() as u8;
        let mut file = b"bplist00".to_vec();
        let mut offsets = vec![file.len() as u16];
        // Object 0 is the dictionary; its keys are objects 1.., its values follow them.
        file.push(0xd0 | count);
        file.extend(1..=2 * count);
        let keys = entries.iter().map(|(key, _)| *key);
        let values = entries.iter().map(|(_, value)| *value);
        for text in keys.chain(values) {
            offsets.push(file.len() as u16);
            // Longer strings carry their length as an integer object behind the marker.
            file.extend([0x5f, 0x10, text.len() as u8]);
            file.extend_from_slice(text.as_bytes());
        }
        let table = file.len() as u64;
        for offset in &offsets {
            file.extend_from_slice(&offset.to_be_bytes());
        }
        // Trailer: five unused bytes, sort version, offset size, reference size, then three 64-bit numbers.
        file.extend([0, 0, 0, 0, 0, 0, 2, 1]);
        for value in [offsets.len() as u64, 0, table] {
            file.extend_from_slice(&value.to_be_bytes());
        }
        file
    }
}

/// Writes `NAME.kext/Contents/{Info.plist,MacOS/NAME}` into a folder and returns the bundle's path.
///
/// # Errors
///
/// Those of the file system.
pub fn kext_bundle(
    folder: &Path,
    name: &str,
    plist: &[u8],
    executable: Option<&[u8]>,
) -> io::Result<PathBuf> {
    let bundle = folder.join(format!("{name}.kext"));
    fs::create_dir_all(bundle.join("Contents/MacOS"))?;
    fs::write(bundle.join("Contents/Info.plist"), plist)?;
    if let Some(executable) = executable {
        fs::write(bundle.join("Contents/MacOS").join(name), executable)?;
    }
    Ok(bundle)
}

/// Writes `BUNDLE.dSYM/Contents/Resources/DWARF/NAME` into a folder and returns the bundle's path.
///
/// # Errors
///
/// Those of the file system.
pub fn dsym_bundle(folder: &Path, bundle: &str, name: &str, file: &[u8]) -> io::Result<PathBuf> {
    let bundle = folder.join(format!("{bundle}.dSYM"));
    let inner = bundle.join("Contents/Resources/DWARF");
    fs::create_dir_all(&inner)?;
    fs::write(inner.join(name), file)?;
    Ok(bundle)
}
