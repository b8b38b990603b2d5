//! Scripts that load the images of a trace into a debugger, each segment where it lay.

use std::io::{self, Write};
use std::path::Path;

use kstack_model::{ImageKind, VmAddr};
use kstack_symbols::{SymbolSet, SymbolSource};

use crate::render::escape::Visible;
use crate::resolve::{SpaceId, Trace, TraceImage, UsedSource};

/// Writes commands for lldb: a target, its modules and dSYMs, and where each segment was loaded.
///
/// # Errors
///
/// Those of the writer.
pub fn write_lldb(trace: &Trace, symbols: &SymbolSet, out: &mut dyn Write) -> io::Result<()> {
    let images = images(trace, symbols);
    writeln!(out, "# Run with: lldb --source FILE")?;
    let mut is_first = true;
    for image in &images {
        writeln!(out, "\n# {}", Visible(&image.name))?;
        let Some(file) = &image.file else {
            writeln!(out, "# not a file of its own: {}", Visible(&image.shown))?;
            continue;
        };
        let file = quoted(file);
        match is_first {
            true => writeln!(out, "target create --no-dependents {file}")?,
            false => writeln!(out, "target modules add {file}")?,
        }
        is_first = false;
        for dsym in &image.dsyms {
            writeln!(out, "target symbols add --shlib {file} {}", quoted(dsym))?;
        }
        write!(out, "target modules load --file {file}")?;
        for segment in &image.used.slides.segments {
            write!(out, " {} {}", word(&segment.name), segment.range.start)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes commands for gdb: each file with the address of each of its sections.
///
/// # Errors
///
/// Those of the writer.
pub fn write_gdb(trace: &Trace, symbols: &SymbolSet, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Run with: gdb --command=FILE\nset confirm off")?;
    for image in images(trace, symbols) {
        writeln!(out, "\n# {}", Visible(&image.name))?;
        let Some(file) = image.dsyms.first().or(image.file.as_ref()) else {
            writeln!(out, "# not a file of its own: {}", Visible(&image.shown))?;
            continue;
        };
        let sections = sections(&image);
        // The code's address is an argument of its own.
        let text = sections.iter().position(|section| section.2);
        let Some((_, address, _)) = text.and_then(|text| sections.get(text)) else {
            writeln!(out, "# the place of its code is not known")?;
            continue;
        };
        write!(out, "add-symbol-file {} {address:#x}", quoted(file))?;
        for (index, (name, address, _)) in sections.iter().enumerate() {
            if Some(index) != text {
                write!(out, " -s {} {address:#x}", word(name))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// An image as debuggers need it.
struct Image<'a> {
    name: String,
    used: &'a UsedSource,
    source: Option<&'a SymbolSource>,
    /// The Mach-O file; `None` for an image within another file.
    file: Option<String>,
    dsyms: Vec<String>,
    /// What to call the file where it is none.
    shown: String,
}

/// The kernel's images that are placed, the kernel first: debuggers make the target of it.
fn images<'a>(trace: &'a Trace, symbols: &'a SymbolSet) -> Vec<Image<'a>> {
    let mut images: Vec<&TraceImage> = trace
        .images
        .iter()
        .filter(|image| image.space == SpaceId::Kernel)
        .collect();
    images.sort_by_key(|image| image.image.kind != ImageKind::Kernel);
    let placed = images.into_iter().filter_map(|image| {
        let used = image.used.as_ref()?;
        (!used.slides.segments.is_empty()).then(|| of(image, used, symbols))
    });
    placed.collect()
}

fn of<'a>(image: &TraceImage, used: &'a UsedSource, symbols: &'a SymbolSet) -> Image<'a> {
    let mut sources = symbols.files().iter().flat_map(|file| &file.slices);
    let source = sources.find(|source| source.identity().paths == used.paths);
    let is_member = source.is_some_and(|source| source.collection().is_some());
    let mut paths = used.paths.iter().cloned();
    let shown = paths.next().unwrap_or_default();
    let executable = source.map(|source| source.identity().executable.clone());
    Image {
        name: image.name(),
        used,
        source,
        file: (!is_member).then(|| in_bundle(&shown, executable.as_deref().unwrap_or_default())),
        dsyms: paths
            .map(|path| in_dsym(path, executable.as_deref().unwrap_or_default()))
            .collect(),
        shown,
    }
}

/// The executable of a kext bundle; any other file itself.
fn in_bundle(path: &str, executable: &str) -> String {
    let folder = Path::new(path);
    let is_bundle = folder.extension().is_some_and(|ending| ending == "kext");
    if !is_bundle || executable.is_empty() {
        return path.to_owned();
    }
    let flat = folder.join(executable);
    let deep = folder.join("Contents/MacOS").join(executable);
    let file = match flat.is_file() && !deep.is_file() {
        true => flat,
        false => deep,
    };
    file.display().to_string()
}

/// The debug file of a dSYM; any other file itself. lldb takes the folder on a Mac only, gdb nowhere.
fn in_dsym(path: String, executable: &str) -> String {
    let file = Path::new(&path)
        .join("Contents/Resources/DWARF")
        .join(executable);
    match !executable.is_empty() && file.is_file() {
        true => file.display().to_string(),
        false => path,
    }
}

/// Name as gdb has it, address, and whether it is the code, of each section that is placed.
fn sections(image: &Image<'_>) -> Vec<(String, u64, bool)> {
    let Some(source) = image.source else {
        return Vec::new();
    };
    let mut sections = Vec::new();
    for segment in source.segments() {
        let mut placed = image.used.slides.segments.iter();
        let Some(placed) = placed.find(|placed| placed.name == segment.name) else {
            continue;
        };
        for section in &segment.sections {
            let start: VmAddr = section.range.start;
            let name = format!("LC_SEGMENT.{}.{}", segment.name, section.name);
            sections.push((name, (start + placed.slide).0, section.name == "__text"));
        }
    }
    sections
}

/// Both debuggers take a backslash before a quote or a backslash.
fn quoted(path: &str) -> String {
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", one_line(&escaped))
}

/// A name with a line break in it would go on as a command.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "?")
}

/// The name of a segment or section, which stands without quotes. One that is no word is found by neither
/// debugger, and does not end the line or begin another argument.
fn word(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.$".contains(c);
    name.replace(|c| !is_plain(c), "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_called_as_a_command_ran_in_the_debugger() {
        assert_eq!(word("\nshell rm -rf ~"), "?shell?rm??rf??");
        assert_eq!(word("a;`b`\"#"), "a??b???");
        assert_eq!(
            word("LC_SEGMENT.__TEXT_EXEC.__text"),
            "LC_SEGMENT.__TEXT_EXEC.__text"
        );
    }
}
