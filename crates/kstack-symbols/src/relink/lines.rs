//! Line programs: the operations that set an address.

use gimli::{DebugLine, DebugLineOffset, Reader as _};

use super::dwarf::{Mover, Placed};
use crate::leb128;

const EXTENDED: u8 = 0;
const FIXED_ADVANCE: u8 = 9;
const SET_ADDRESS: u8 = 2;

/// Moves the addresses in the program at an offset of `__debug_line` (DWARF 5, section 6.2.5).
pub(super) fn move_program(
    section: Placed<'_>,
    program: usize,
    mover: &mut Mover<'_, '_>,
) -> gimli::Result<()> {
    let debug_line = DebugLine::from(section.slice());
    let program = debug_line.program(DebugLineOffset(program), 8, None, None)?;
    let header = program.header();
    let instructions = header.raw_program_buf();
    let begin = section.offset + instructions.offset_from(&section.slice());
    let lengths = header.standard_opcode_lengths().to_slice()?;
    let first_special = header.opcode_base();
    // Programs can overlap; this counts what each costs.
    let all = instructions.to_slice()?;
    let mut reader = leb128::Reader::new(&all);
    while let Some(code) = reader.byte() {
        match code {
            EXTENDED => {
                let Some(size) = reader
                    .unsigned()
                    .and_then(|size| usize::try_from(size).ok())
                else {
                    break;
                };
                let at = all.len() - reader.rest().len();
                let Some((body, rest)) = reader.rest().split_at_checked(size) else {
                    break;
                };
                if let Some((&SET_ADDRESS, address)) = body.split_first()
                    && let Ok(address) = address.try_into()
                {
                    mover.move_at(begin + at + 1, u64::from_le_bytes(address));
                }
                reader = leb128::Reader::new(rest);
            }
            FIXED_ADVANCE if first_special > FIXED_ADVANCE => {
                let Some(rest) = reader.rest().get(2..) else {
                    break;
                };
                reader = leb128::Reader::new(rest);
            }
            code if code < first_special => {
                let operands = lengths.get(usize::from(code).wrapping_sub(1));
                for _ in 0..operands.copied().unwrap_or(0) {
                    // Numbers may be longer than fit, and signed ones end as the others do.
                    while reader.byte().is_some_and(|byte| byte & 0x80 != 0) {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}
