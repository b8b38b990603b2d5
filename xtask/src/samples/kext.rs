//! A linked bundle made into a kext: bundle folder, stripped executable, dSYM beside it.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::layout::Image;
use super::strip::strip;
use crate::macho::{
    LC_DYSYMTAB, LC_SEGMENT_64, LC_SOURCE_VERSION, LC_SYMTAB, LC_UUID, MH_KEXT_BUNDLE, MachO,
    command_of,
};
use crate::tool::{run_quietly, tool};

/// `MH_NOUNDEFS | MH_DYLDLINK | MH_TWOLEVEL`, as shipped kexts have it.
const FLAGS: u32 = 0x85;

/// `CPU_SUBTYPE_X86_64_ALL`, without the capability bit that executables carry.
pub(crate) const X86_64_ALL: u32 = 3;

/// Writes `NAME.kext` and `NAME.kext.dSYM` into `folder`.
pub(crate) fn write(image: &Image, linked: &Path, folder: &Path, work: &Path) -> Result<()> {
    let mut kext = unstripped(linked, X86_64_ALL, image.uuid)?;
    let name = image.name;
    let unstripped = work.join("unstripped").join(name);
    fs::create_dir_all(work.join("unstripped"))?;
    fs::write(&unstripped, kext.clone().into_bytes()?)?;
    write_dsym(&unstripped, &folder.join(format!("{name}.kext.dSYM")))?;

    strip(&mut kext, image.kept)?;
    write_bundle(name, image.identifier, &kext.into_bytes()?, folder)
}

/// A linked bundle with the load commands of a kext and all its symbols.
pub(crate) fn unstripped(linked: &Path, subtype: u32, uuid: [u8; 16]) -> Result<MachO> {
    let mut kext = MachO::parse(fs::read(linked)?)?;
    kext.file_type = MH_KEXT_BUNDLE;
    kext.flags = FLAGS;
    kext.cpu.1 = subtype;
    // A shipped kext has these and nothing else; above all, no function starts.
    kext.keep_commands(&[LC_SEGMENT_64, LC_SYMTAB, LC_DYSYMTAB, LC_UUID]);
    kext.commands.push(command_of(LC_SOURCE_VERSION, &[0, 0]));
    kext.set_uuid(uuid)?;
    Ok(kext)
}

/// Writes `NAME.kext` with this executable into `folder`.
pub(crate) fn write_bundle(
    name: &str,
    identifier: &str,
    executable: &[u8],
    folder: &Path,
) -> Result<()> {
    let contents = folder.join(format!("{name}.kext/Contents"));
    fs::create_dir_all(contents.join("MacOS"))?;
    fs::write(contents.join("Info.plist"), info_plist(name, identifier))?;
    fs::write(contents.join("MacOS").join(name), executable)?;
    Ok(())
}

/// Writes the dSYM of an image that still has its debug map.
pub(crate) fn write_dsym(unstripped: &Path, dsym: &Path) -> Result<()> {
    if dsym.exists() {
        fs::remove_dir_all(dsym)?;
    }
    run_quietly(tool("dsymutil-19").arg(unstripped).arg("-o").arg(dsym))?;
    // Newer dsymutils leave the debug map here, with the paths of this machine.
    fs::remove_dir_all(dsym.join("Contents/Resources/Relocations"))?;
    Ok(())
}

fn info_plist(name: &str, identifier: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>CFBundleExecutable</key>
	<string>{name}</string>
	<key>CFBundleIdentifier</key>
	<string>{identifier}</string>
	<key>CFBundlePackageType</key>
	<string>KEXT</string>
	<key>CFBundleShortVersionString</key>
	<string>1.0.0</string>
	<key>CFBundleVersion</key>
	<string>1.0.0</string>
</dict>
</plist>
"#
    )
}
