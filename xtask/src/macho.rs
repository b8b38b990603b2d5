//! A small editor for thin 64-bit little-endian Mach-O files, for what ld64.lld cannot make:
//! kext bundles and kernels.
//!
//! Numbers are those of `mach-o/loader.h` and `mach-o/nlist.h`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

pub(crate) const MH_EXECUTE: u32 = 2;
pub(crate) const MH_KEXT_BUNDLE: u32 = 11;
pub(crate) const LC_SYMTAB: u32 = 0x2;
pub(crate) const LC_DYSYMTAB: u32 = 0xb;
pub(crate) const LC_SEGMENT_64: u32 = 0x19;
pub(crate) const LC_UUID: u32 = 0x1b;
pub(crate) const LC_FUNCTION_STARTS: u32 = 0x26;
pub(crate) const LC_SOURCE_VERSION: u32 = 0x2a;

const HEADER: usize = 32;
const N_STAB: u8 = 0xe0;
const N_TYPE: u8 = 0x0e;
const N_SECT: u8 = 0x0e;
const N_EXT: u8 = 0x01;
const S_SYMBOL_STUBS: u32 = 8;

/// A Mach-O file taken apart: header words, load commands, and the whole file as it was.
#[derive(Clone, Debug)]
pub(crate) struct MachO {
    /// The file; the header and commands in it are stale until [`MachO::into_bytes`].
    pub(crate) bytes: Vec<u8>,
    /// CPU type and subtype.
    pub(crate) cpu: (u32, u32),
    /// `MH_EXECUTE` and the like.
    pub(crate) file_type: u32,
    /// `MH_NOUNDEFS` and the like.
    pub(crate) flags: u32,
    /// The load commands.
    pub(crate) commands: Vec<Vec<u8>>,
}

/// A segment and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// `__TEXT` and the like.
    pub(crate) name: String,
    /// Its linked address.
    pub(crate) address: u64,
    /// Its bytes in memory.
    pub(crate) size: u64,
    /// Where it begins in the file.
    pub(crate) offset: usize,
    /// Its sections.
    pub(crate) sections: Vec<Section>,
}

/// A section and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// `__text` and the like.
    pub(crate) name: String,
    /// Its linked address.
    pub(crate) address: u64,
    /// Its bytes.
    pub(crate) size: u64,
    /// Where it begins in the file.
    pub(crate) offset: usize,
    /// Type in the low byte, attributes above.
    pub(crate) flags: u32,
    /// Two words whose meaning depends on the type; for stubs: first indirect symbol, bytes per stub.
    pub(crate) reserved: [u32; 2],
}

/// One entry of the symbol table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Its name as written, with the underscore.
    pub(crate) name: String,
    /// `n_type`.
    pub(crate) kind: u8,
    /// `n_sect`.
    pub(crate) section: u8,
    /// `n_desc`.
    pub(crate) description: u16,
    /// `n_value`.
    pub(crate) value: u64,
}

impl Symbol {
    /// Whether it names a place in the file, and is not a debugging entry.
    pub(crate) fn is_defined(&self) -> bool {
        self.kind & N_STAB == 0 && self.kind & N_TYPE == N_SECT
    }

    /// Whether it names something that another image must bring.
    pub(crate) fn is_import(&self) -> bool {
        self.kind & (N_STAB | N_TYPE) == 0 && self.kind & N_EXT != 0
    }
}

impl MachO {
    /// Takes a file apart.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<MachO> {
        ensure!(
            word(&bytes, 0)? == 0xfeed_facf,
            "not a thin 64-bit little-endian Mach-O file"
        );
        let mut commands = Vec::new();
        let mut at = HEADER;
        for _ in 0..word(&bytes, 16)? {
            let size = word(&bytes, at + 4)? as usize;
            commands.push(
                bytes
                    .get(at..at + size)
                    .context("a load command is cut")?
                    .to_vec(),
            );
            at += size;
        }
        Ok(MachO {
            cpu: (word(&bytes, 4)?, word(&bytes, 8)?),
            file_type: word(&bytes, 12)?,
            flags: word(&bytes, 24)?,
            commands,
            bytes,
        })
    }

    /// Puts the header and the commands back into the file.
    pub(crate) fn into_bytes(mut self) -> Result<Vec<u8>> {
        let head = self.head();
        let room = self
            .segments()?
            .iter()
            .flat_map(|segment| &segment.sections)
            .map(|section| section.offset)
            .filter(|offset| *offset != 0)
            .min()
            .unwrap_or(self.bytes.len());
        ensure!(
            head.len() <= room,
            "no room for the load commands; link with more -headerpad"
        );
        self.bytes[..room].fill(0);
        self.bytes[..head.len()].copy_from_slice(&head);
        Ok(self.bytes)
    }

    /// The header and the commands as bytes.
    pub(crate) fn head(&self) -> Vec<u8> {
        let commands = self.commands.concat();
        let words = [
            0xfeed_facf,
            self.cpu.0,
            self.cpu.1,
            self.file_type,
            self.commands.len() as u32,
            commands.len() as u32,
            self.flags,
            0,
        ];
        let mut head: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        head.extend(commands);
        head
    }

    /// The first command of a kind.
    pub(crate) fn command(&self, kind: u32) -> Option<&Vec<u8>> {
        self.commands
            .iter()
            .find(|command| kind_of(command) == kind)
    }

    /// Keeps only commands of these kinds.
    pub(crate) fn keep_commands(&mut self, kinds: &[u32]) {
        self.commands
            .retain(|command| kinds.contains(&kind_of(command)));
    }

    /// The segments in file order.
    pub(crate) fn segments(&self) -> Result<Vec<Segment>> {
        let segments = self
            .commands
            .iter()
            .filter(|command| kind_of(command) == LC_SEGMENT_64);
        segments.map(|command| segment(command)).collect()
    }

    /// The symbol table.
    pub(crate) fn symbols(&self) -> Result<Vec<Symbol>> {
        let table = self.command(LC_SYMTAB).context("no symbol table")?;
        let (at, count) = (word(table, 8)? as usize, word(table, 12)? as usize);
        let strings = word(table, 16)? as usize;
        let entries = (0..count).map(|index| {
            let entry = at + 16 * index;
            Ok(Symbol {
                name: string(&self.bytes, strings + word(&self.bytes, entry)? as usize)?,
                kind: self.bytes[entry + 4],
                section: self.bytes[entry + 5],
                description: u16::from_le_bytes([self.bytes[entry + 6], self.bytes[entry + 7]]),
                value: long(&self.bytes, entry + 8)?,
            })
        });
        entries.collect()
    }

    /// The stubs by the name of what they jump to.
    pub(crate) fn stubs(&self) -> Result<BTreeMap<String, u64>> {
        let symbols = self.symbols()?;
        let Some(dynamic) = self.command(LC_DYSYMTAB) else {
            return Ok(BTreeMap::new());
        };
        let indirect = word(dynamic, 56)? as usize;
        let mut stubs = BTreeMap::new();
        for section in self
            .segments()?
            .iter()
            .flat_map(|segment| &segment.sections)
        {
            if section.flags & 0xff != S_SYMBOL_STUBS {
                continue;
            }
            let [first, bytes_per_stub] = section.reserved;
            for index in 0..section.size / u64::from(bytes_per_stub) {
                let entry = indirect + 4 * (first as usize + index as usize);
                let symbol = &symbols[word(&self.bytes, entry)? as usize];
                stubs.insert(
                    symbol.name.clone(),
                    section.address + index * u64::from(bytes_per_stub),
                );
            }
        }
        Ok(stubs)
    }

    /// Sets the UUID.
    pub(crate) fn set_uuid(&mut self, uuid: [u8; 16]) -> Result<()> {
        let mut commands = self.commands.iter_mut();
        let command = commands
            .find(|command| kind_of(command) == LC_UUID)
            .context("no UUID")?;
        command[8..24].copy_from_slice(&uuid);
        Ok(())
    }
}

/// An `LC_SYMTAB` or similar command: kind, size, words.
pub(crate) fn command_of(kind: u32, words: &[u32]) -> Vec<u8> {
    let size = 8 + 4 * words.len() as u32;
    [kind, size]
        .iter()
        .chain(words)
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

/// Symbols as a table of entries and the strings they point into.
pub(crate) fn symbol_table(symbols: &[Symbol]) -> (Vec<u8>, Vec<u8>) {
    let (mut entries, mut strings) = (Vec::new(), vec![0]);
    for symbol in symbols {
        entries.extend((strings.len() as u32).to_le_bytes());
        entries.extend([symbol.kind, symbol.section]);
        entries.extend(symbol.description.to_le_bytes());
        entries.extend(symbol.value.to_le_bytes());
        strings.extend(symbol.name.as_bytes());
        strings.push(0);
    }
    strings.resize(strings.len().next_multiple_of(8), 0);
    (entries, strings)
}

/// The kind of a load command.
pub(crate) fn kind_of(command: &[u8]) -> u32 {
    word(command, 0).unwrap_or_default()
}

/// A 32-bit word at an offset.
pub(crate) fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes
        .get(at..at + 4)
        .with_context(|| format!("needs 4 bytes at {at:#x}"))?;
    Ok(u32::from_le_bytes(word.try_into()?))
}

/// A 64-bit word at an offset.
pub(crate) fn long(bytes: &[u8], at: usize) -> Result<u64> {
    let long = bytes
        .get(at..at + 8)
        .with_context(|| format!("needs 8 bytes at {at:#x}"))?;
    Ok(u64::from_le_bytes(long.try_into()?))
}

fn string(bytes: &[u8], at: usize) -> Result<String> {
    let rest = bytes.get(at..).context("a string outside the file")?;
    let end = rest
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(rest.len());
    Ok(String::from_utf8(rest[..end].to_vec())?)
}

fn fixed(bytes: &[u8]) -> Result<String> {
    string(bytes, 0)
}

fn segment(command: &[u8]) -> Result<Segment> {
    let sections =
        (0..word(command, 64)? as usize).map(|index| section(&command[72 + 80 * index..]));
    Ok(Segment {
        name: fixed(&command[8..24])?,
        address: long(command, 24)?,
        size: long(command, 32)?,
        offset: long(command, 40)? as usize,
        sections: sections.collect::<Result<_>>()?,
    })
}

fn section(bytes: &[u8]) -> Result<Section> {
    Ok(Section {
        name: fixed(&bytes[..16])?,
        address: long(bytes, 32)?,
        size: long(bytes, 40)?,
        offset: word(bytes, 48)? as usize,
        flags: word(bytes, 64)?,
        reserved: [word(bytes, 68)?, word(bytes, 72)?],
    })
}
