//! Strips an image as a vendor does: the named symbols and the imports stay, all else goes.

use anyhow::{Context as _, Result};

use crate::macho::{
    LC_DYSYMTAB, LC_SEGMENT_64, LC_SYMTAB, MachO, Symbol, command_of, kind_of, symbol_table, word,
};

const INDIRECT_SYMBOL_LOCAL: u32 = 0x8000_0000;

/// Replaces the link-edit data by a symbol table of the kept symbols and the imports.
pub(crate) fn strip(image: &mut MachO, kept: &[&str]) -> Result<()> {
    let all = image.symbols()?;
    let symbols = kept_symbols(&all, kept)?;
    let indirect = indirect_symbols(image, &all, &symbols)?;
    let segments = image.segments()?;
    let link_edit = segments
        .iter()
        .find(|segment| segment.name == "__LINKEDIT")
        .context("no __LINKEDIT")?;
    let start = link_edit.offset;

    let (entries, strings) = symbol_table(&symbols);
    let (indirect_at, strings_at) = (
        start + entries.len(),
        start + entries.len() + indirect.len(),
    );
    image.bytes.truncate(start);
    image.bytes.extend(&entries);
    image.bytes.extend(&indirect);
    image.bytes.extend(&strings);

    let exports = symbols.iter().filter(|symbol| symbol.is_defined()).count() as u32;
    let imports = symbols.len() as u32 - exports;
    let mut dynamic = [0; 18];
    dynamic[3] = exports;
    dynamic[4] = exports;
    dynamic[5] = imports;
    dynamic[12] = indirect_at as u32;
    dynamic[13] = indirect.len() as u32 / 4;
    let size = (image.bytes.len() - start) as u64;
    for command in &mut image.commands {
        match kind_of(command) {
            LC_SYMTAB => {
                let table =
                    [start, symbols.len(), strings_at, strings.len()].map(|number| number as u32);
                *command = command_of(LC_SYMTAB, &table);
            }
            LC_DYSYMTAB => *command = command_of(LC_DYSYMTAB, &dynamic),
            LC_SEGMENT_64 if command[8..].starts_with(b"__LINKEDIT\0") => {
                command[32..40].copy_from_slice(&size.next_multiple_of(0x1000).to_le_bytes());
                command[48..56].copy_from_slice(&size.to_le_bytes());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Exports first, then imports, each by name, as `LC_DYSYMTAB` wants them.
fn kept_symbols(all: &[Symbol], kept: &[&str]) -> Result<Vec<Symbol>> {
    let mut exports = Vec::new();
    for name in kept {
        let found = all
            .iter()
            .find(|symbol| symbol.is_defined() && symbol.name.strip_prefix('_') == Some(name));
        exports.push(
            found
                .with_context(|| format!("no symbol {name} to keep"))?
                .clone(),
        );
    }
    exports.sort_by(|one, other| one.name.cmp(&other.name));
    // dyld's own helper is the linker's idea, no kext has it.
    let imports = all
        .iter()
        .filter(|symbol| symbol.is_import() && symbol.name != "dyld_stub_binder");
    let mut imports: Vec<_> = imports.cloned().collect();
    imports.sort_by(|one, other| one.name.cmp(&other.name));
    exports.extend(imports);
    Ok(exports)
}

fn indirect_symbols(image: &MachO, all: &[Symbol], symbols: &[Symbol]) -> Result<Vec<u8>> {
    let dynamic = image.command(LC_DYSYMTAB).context("no LC_DYSYMTAB")?;
    let (at, count) = (word(dynamic, 56)? as usize, word(dynamic, 60)? as usize);
    let mut indirect = Vec::new();
    for index in 0..count {
        let old = word(&image.bytes, at + 4 * index)?;
        let name = all.get(old as usize).map(|symbol| &symbol.name);
        let new = symbols.iter().position(|symbol| Some(&symbol.name) == name);
        indirect.extend(
            new.map_or(INDIRECT_SYMBOL_LOCAL, |new| new as u32)
                .to_le_bytes(),
        );
    }
    Ok(indirect)
}
