//! The same image linked elsewhere: what `kextutil -s` made.
//!
//! Kernel debuggers and symbolizers want a kext at the address where it was
//! loaded. [`relink`] moves segments, sections, symbols and debugging entries
//! of a file, and every address in its debug information. Code and data stay
//! as they are: they are not meant to run.

mod dwarf;
mod lines;
mod link;
mod patch;
mod tables;

pub use link::{Linked, link};

use std::ops::Range;

use goblin::container::{Container, Ctx};
use goblin::mach::header::{self, Header};
use goblin::mach::load_command as lc;
use goblin::mach::parse_magic_and_ctx;
use goblin::mach::segment::Section as RawSection;
use goblin::mach::symbols::{N_SECT, Nlist};
use kstack_model::{Slide, VmAddr};
use scroll::Pread;
use scroll::ctx::SizeWith;

use crate::SymbolErrorKind;
use crate::macho::Image;
use patch::Patch;

/// How far each segment moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves {
    segments: Vec<(String, Range<u64>, u64)>,
}

impl Moves {
    /// Moves a segment, which is linked at `range`, by `slide`.
    pub(crate) fn add(&mut self, segment: &str, range: Range<VmAddr>, slide: Slide) {
        let range = range.start.0..range.end.0;
        self.segments.push((segment.to_owned(), range, slide.0));
    }

    fn of_segment(&self, name: &str) -> Option<u64> {
        let mut segments = self.segments.iter();
        let found = segments.find(|(segment, _, _)| segment == name);
        found.map(|(_, _, delta)| *delta)
    }

    /// Where an address goes; `None` outside of what moves. The end of a segment goes with it.
    fn of(&self, at: u64) -> Option<u64> {
        let holds = |range: &Range<u64>| range.contains(&at);
        let ends = |range: &Range<u64>| range.end == at && !range.is_empty();
        let inside = self.segments.iter().find(|(_, range, _)| holds(range));
        let found = inside.or_else(|| self.segments.iter().find(|(_, range, _)| ends(range)));
        found.map(|(_, _, delta)| at.wrapping_add(*delta))
    }

    /// Whether all segments keep their distances.
    fn is_one_piece(&self) -> bool {
        let mut deltas = self.segments.iter().map(|(_, _, delta)| delta);
        let first = deltas.next();
        deltas.all(|delta| Some(delta) == first)
    }
}

/// Moves a thin 64-bit Mach-O file: a kext, a kernel, or a dSYM.
///
/// # Errors
///
/// When it is not such a file, or its debug information is damaged.
pub(crate) fn relink(file: &[u8], moves: &Moves) -> Result<Vec<u8>, SymbolErrorKind> {
    let damaged = |what: &str| SymbolErrorKind::Damaged(what.to_owned());
    let (_, ctx) = parse_magic_and_ctx(file, 0).map_err(|_| damaged("the header ends early"))?;
    let ctx: Ctx = ctx.ok_or_else(|| damaged("not a thin Mach-O file"))?;
    if ctx.container != Container::Big || !ctx.le.is_little() {
        return Err(damaged(
            "only 64-bit files of Intel and Apple machines can be moved",
        ));
    }
    let header: Header = file
        .pread_with(0, ctx)
        .map_err(|_| damaged("the header ends early"))?;
    if header.filetype == header::MH_FILESET {
        return Err(damaged("the images of a collection are linked already"));
    }
    // Read once more as everyone else reads it, for what it says is wrong with it.
    Image::parse(file)?;
    let mut patch = Patch::of(file);
    let deltas = move_commands(file, header.ncmds, ctx, moves, &mut patch);
    move_symbols(file, ctx, &deltas, &mut patch);
    dwarf::move_all(file, moves, &mut patch).map_err(SymbolErrorKind::Damaged)?;
    Ok(patch.finish())
}

/// Segments and sections. Returns how far each section moves, as symbols count them.
fn move_commands(
    file: &[u8],
    count: usize,
    ctx: Ctx,
    moves: &Moves,
    patch: &mut Patch,
) -> Vec<u64> {
    let mut deltas = Vec::new();
    for (at, command) in commands(file, count, ctx) {
        match command {
            lc::LC_SEGMENT_64 => {
                let Ok(segment) = file.pread_with::<lc::SegmentCommand64>(at, ctx.le) else {
                    continue;
                };
                let name = String::from_utf8_lossy(&segment.segname);
                let name = name.trim_end_matches('\0');
                let delta = moves.of_segment(name).unwrap_or(0);
                patch.add_u64(at + 24, delta);
                let first = at + lc::SIZEOF_SEGMENT_COMMAND_64;
                let size = RawSection::size_with(&ctx);
                for number in 0..usize::try_from(segment.nsects).unwrap_or(0).min(255) {
                    patch.add_u64(first + number * size + 32, delta);
                    deltas.push(delta);
                }
            }
            // Distances from the header, which no longer hold when the segments move apart.
            lc::LC_FUNCTION_STARTS | lc::LC_DYLD_EXPORTS_TRIE if !moves.is_one_piece() => {
                patch.set_u32(at + 12, 0);
            }
            _ => {}
        }
    }
    deltas
}

fn commands(file: &[u8], count: usize, ctx: Ctx) -> Vec<(usize, u32)> {
    let mut at = Header::size_with(&ctx);
    let mut commands = Vec::new();
    for _ in 0..count {
        let Ok(command) = file.pread_with::<lc::LoadCommandHeader>(at, ctx.le) else {
            break;
        };
        let size = usize::try_from(command.cmdsize).unwrap_or(0);
        if size < lc::SIZEOF_LOAD_COMMAND || file.len().saturating_sub(at) < size {
            break;
        }
        commands.push((at, command.cmd));
        at += size;
    }
    commands
}

/// Kinds of debugging entries whose value is an address: `N_FUN` with a name, `N_STSYM`, `N_LCSYM`,
/// `N_BNSYM`, `N_SLINE` (cctools-1010.6, `mach-o/stab.h`).
const STABS_WITH_ADDRESS: [u8; 5] = [0x24, 0x26, 0x28, 0x2e, 0x44];
const N_FUN: u8 = 0x24;

fn move_symbols(file: &[u8], ctx: Ctx, deltas: &[u64], patch: &mut Patch) {
    let Ok(header) = file.pread_with::<Header>(0, ctx) else {
        return;
    };
    let all = commands(file, header.ncmds, ctx);
    let symtab = all
        .iter()
        .find(|(_, command)| *command == lc::LC_SYMTAB)
        .and_then(|(at, _)| file.pread_with::<lc::SymtabCommand>(*at, ctx.le).ok());
    let Some(symtab) = symtab else {
        return;
    };
    let size = Nlist::size_with(&ctx);
    let first = usize::try_from(symtab.symoff).unwrap_or(usize::MAX);
    let entries = file.get(first..).unwrap_or_default().chunks_exact(size);
    let count = usize::try_from(symtab.nsyms).unwrap_or(0);
    for (index, entry) in entries.take(count).enumerate() {
        let Ok(symbol) = entry.pread_with::<Nlist>(0, ctx) else {
            continue;
        };
        // The second of a pair of N_FUN holds a size and is in no section.
        let is_size = symbol.n_type == N_FUN && symbol.n_strx == 0;
        let moves = match symbol.is_stab() {
            true => STABS_WITH_ADDRESS.contains(&symbol.n_type) && !is_size,
            false => symbol.get_type() == N_SECT,
        };
        let section = symbol.n_sect.checked_sub(1);
        let delta = section.and_then(|section| deltas.get(section));
        if let (true, Some(delta)) = (moves, delta) {
            patch.add_u64(first + index * size + 8, *delta);
        }
    }
}
