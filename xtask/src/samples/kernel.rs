//! A linked executable made into a stripped kernel that holds only the pages with code.
//!
//! The functions of the sample lie up to 4 MiB apart, as in a real kernel. Between them is
//! nothing but filler, so each run of pages with code becomes a segment of its own and the
//! filler is left out of the file.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::code::Code;
use super::compile::EXECUTABLE_BASE;
use super::layout::Image;
use crate::macho::{
    LC_DYSYMTAB, LC_FUNCTION_STARTS, LC_SEGMENT_64, LC_SYMTAB, LC_UUID, MH_EXECUTE, MachO, Section,
    Symbol, command_of, symbol_table,
};

const PAGE: usize = 0x1000;
const FILLER: u8 = 0xcc;
const READ_EXECUTE: u32 = 5;
const READ: u32 = 1;
/// `S_ATTR_PURE_INSTRUCTIONS | S_ATTR_SOME_INSTRUCTIONS`.
const CODE: u32 = 0x8000_0400;
/// `MH_NOUNDEFS | MH_PIE`.
const FLAGS: u32 = 0x20_0001;
const X86_64: (u32, u32) = (0x0100_0007, 3);

/// Writes the kernel at `path`.
pub(crate) fn write(image: &Image, linked: &MachO, code: &Code, path: &Path) -> Result<()> {
    let segments = linked.segments()?;
    let mut sections = segments.iter().flat_map(|segment| &segment.sections);
    let text = sections
        .find(|section| section.name == "__text")
        .context("no __text")?;
    let runs = pages_with_code(&linked.bytes[text.offset..][..text.size as usize]);
    fs::write(path, cut(image, linked, text, &runs, code)?)?;
    Ok(())
}

/// The runs of pages that are not all filler, as byte ranges of the text.
fn pages_with_code(text: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, page) in text.chunks(PAGE).enumerate() {
        let start = index * PAGE;
        if page.iter().all(|byte| *byte == FILLER) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == start => run.end += page.len(),
            _ => runs.push(start..start + page.len()),
        }
    }
    runs
}

fn cut(
    image: &Image,
    linked: &MachO,
    text: &Section,
    runs: &[Range<usize>],
    code: &Code,
) -> Result<Vec<u8>> {
    let slid = |address: u64| address - EXECUTABLE_BASE + image.load_address;
    let mut commands = vec![segment(
        "__TEXT",
        image.load_address,
        PAGE as u64,
        0,
        PAGE,
        READ_EXECUTE,
        None,
    )];
    let mut body: Vec<u8> = Vec::new();
    for run in runs {
        let address = slid(text.address + run.start as u64);
        let name = format!("__TEXT_{:x}", address - image.load_address);
        let file = PAGE + body.len();
        commands.push(segment(
            &name,
            address,
            run.len() as u64,
            file,
            run.len(),
            READ_EXECUTE,
            Some(("__text", CODE)),
        ));
        body.extend(&linked.bytes[text.offset..][run.clone()]);
    }

    let symbols = kept_symbols(image, linked, text, runs)?;
    let starts = function_starts(image.load_address, &code.starts());
    let (entries, strings) = symbol_table(&symbols);
    let link_edit = PAGE + body.len();
    let (entries_at, strings_at) = (
        link_edit + starts.len(),
        link_edit + starts.len() + entries.len(),
    );
    let size = starts.len() + entries.len() + strings.len();
    let after = slid(text.address + text.size);
    commands.push(segment(
        "__LINKEDIT",
        after,
        size.next_multiple_of(PAGE) as u64,
        link_edit,
        size,
        READ,
        None,
    ));
    let table = [entries_at, symbols.len(), strings_at, strings.len()].map(|number| number as u32);
    commands.push(command_of(LC_SYMTAB, &table));
    let mut dynamic = [0; 18];
    dynamic[3] = symbols.len() as u32;
    dynamic[4] = symbols.len() as u32;
    commands.push(command_of(LC_DYSYMTAB, &dynamic));
    commands.push(
        [
            command_of(LC_UUID, &[0; 4])[..8].to_vec(),
            image.uuid.to_vec(),
        ]
        .concat(),
    );
    commands.push(command_of(
        LC_FUNCTION_STARTS,
        &[link_edit as u32, starts.len() as u32],
    ));

    let kernel = MachO {
        bytes: Vec::new(),
        cpu: X86_64,
        file_type: MH_EXECUTE,
        flags: FLAGS,
        commands,
    };
    let mut bytes = kernel.head();
    anyhow::ensure!(
        bytes.len() <= PAGE,
        "the load commands need more than a page"
    );
    bytes.resize(PAGE, 0);
    bytes.extend(body);
    bytes.extend(starts);
    bytes.extend(entries);
    bytes.extend(strings);
    Ok(bytes)
}

/// An `LC_SEGMENT_64` with at most one section, which fills it.
fn segment(
    name: &str,
    address: u64,
    size: u64,
    file_offset: usize,
    file_size: usize,
    protection: u32,
    section: Option<(&str, u32)>,
) -> Vec<u8> {
    let mut words = Vec::new();
    words.extend(name16(name));
    for long in [address, size, file_offset as u64, file_size as u64] {
        words.extend(split(long));
    }
    words.extend([protection, protection, u32::from(section.is_some()), 0]);
    if let Some((section, flags)) = section {
        words.extend(name16(section));
        words.extend(name16(name));
        words.extend(split(address));
        words.extend(split(size));
        words.extend([file_offset as u32, 4, 0, 0, flags, 0, 0, 0]);
    }
    command_of(LC_SEGMENT_64, &words)
}

fn split(long: u64) -> [u32; 2] {
    [long as u32, (long >> 32) as u32]
}

fn name16(name: &str) -> [u32; 4] {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    std::array::from_fn(|index| {
        u32::from_le_bytes(std::array::from_fn(|byte| bytes[4 * index + byte]))
    })
}

fn kept_symbols(
    image: &Image,
    linked: &MachO,
    text: &Section,
    runs: &[Range<usize>],
) -> Result<Vec<Symbol>> {
    let all = linked.symbols()?;
    let keep = |name: &&str| {
        let found = all
            .iter()
            .find(|symbol| symbol.is_defined() && symbol.name.strip_prefix('_') == Some(name));
        let mut symbol = found
            .with_context(|| format!("no symbol {name} to keep"))?
            .clone();
        let offset = (symbol.value - text.address) as usize;
        let run = runs
            .iter()
            .position(|run| run.contains(&offset))
            .context("a symbol in filler")?;
        // Sections count from one, and `__TEXT` has none.
        symbol.section = run as u8 + 1;
        symbol.value = symbol.value - EXECUTABLE_BASE + image.load_address;
        Ok(symbol)
    };
    image.kept.iter().map(keep).collect()
}

/// The distances between function starts, each as a ULEB128, a zero at the end.
fn function_starts(base: u64, starts: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = base;
    for start in starts {
        let mut distance = start - before;
        while distance >= 0x80 {
            bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        bytes.push(distance as u8);
        before = *start;
    }
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_filler_are_left_out() {
        let mut text = vec![FILLER; 5 * PAGE];
        text[PAGE] = 0x55;
        text[3 * PAGE - 1] = 0xc3;
        text[4 * PAGE] = 0x55;
        assert_eq!(pages_with_code(&text), [PAGE..3 * PAGE, 4 * PAGE..5 * PAGE]);
    }

    #[test]
    fn function_starts_are_distances_and_a_zero() {
        assert_eq!(
            function_starts(0x1000, &[0x1010, 0x1090, 0x5090]),
            [0x10, 0x80, 0x01, 0x80, 0x80, 0x01, 0, 0]
        );
    }
}
