//! `__debug_aranges`: which unit has which addresses (DWARF 5, 6.1.2). gimli writes none.

use super::dwarf::has_debug;
use super::function::Function;
use super::program::Program;
use super::writer::{Writer, is_big_endian, is_wide, round_up};

/// The lists of all units, whose entries are in these sections.
pub(super) fn of(program: &Program, sections: &[(String, Vec<u8>)]) -> Vec<u8> {
    let info = sections.iter().find(|(name, _)| name == "__debug_info");
    let info = info.map_or(&[][..], |(_, info)| info);
    let mut list = Vec::new();
    let mut unit = 0;
    for functions in program.functions.chunks(program.unit_size) {
        let functions: Vec<&Function> = functions.iter().filter(|one| has_debug(one)).collect();
        if !functions.is_empty() {
            list.extend(of_unit(program, unit, &functions));
            unit += 4 + length(program, info, unit);
        }
    }
    list
}

fn of_unit(program: &Program, unit: usize, functions: &[&Function]) -> Vec<u8> {
    let address_size = if is_wide(program.arch) { 8 } else { 4 };
    // Pairs are aligned to their size, counted from the start of the list.
    let header = round_up(12, 2 * address_size);
    let mut list = Writer::for_arch(program.arch);
    let size = header + 2 * address_size * (functions.len() + 1);
    list.u32(size as u32 - 4);
    list.u16(2);
    list.u32(unit as u32);
    list.u8(address_size as u8);
    list.u8(0);
    list.pad_to(header);
    for function in functions {
        list.word(function.start);
        list.word(function.size);
    }
    list.pad_to(size);
    list.finish()
}

/// What the unit says of its length, which does not count itself.
fn length(program: &Program, info: &[u8], unit: usize) -> usize {
    let bytes: [u8; 4] = info[unit..unit + 4].try_into().expect("a unit");
    let length = match is_big_endian(program.arch) {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    };
    length as usize
}
