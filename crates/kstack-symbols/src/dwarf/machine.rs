//! The machine that runs a line program (DWARF 5, 6.2).
//!
//! gimli has one too. This one can be stopped and started again anywhere for a few bytes of registers, and runs twice
//! as fast, since it leaves out what names no place: statements, blocks, prologues, instruction sets.

use gimli::{Endianity, Error, LineProgramHeader, Result, RunTimeEndian};

use super::Slice;
use crate::guard::{refuse, spend};

/// A line program.
#[derive(Clone, Debug)]
pub(super) struct Program<'a> {
    instructions: &'a [u8],
    endian: RunTimeEndian,
    /// How many operands each standard instruction has, from the first on.
    operands: &'a [u8],
    address_size: u8,
    highest_address: u64,
    instruction_length: u64,
    operations: u64,
    first_special: u8,
    /// What each special instruction does, from the first on: dividing for each row would be half of the time.
    specials: Vec<Special>,
}

/// A special instruction moves line and address at once.
#[derive(Clone, Copy, Debug)]
struct Special {
    lines: i16,
    operations: u8,
}

/// A stopped machine: the registers that place a row, and where its next instruction is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    next: u32,
    row: Row,
    operation: u32,
    /// The linker has left this code out: rows count again from the next address that is set.
    is_dead: bool,
}

/// A place in the source from an address on. Numbers are 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) address: u64,
    /// As the table numbers its files.
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What a run has come to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The machine stands at one.
    Row,
    /// The address behind the last row of a sequence.
    SequenceEnd(u64),
    ProgramEnd,
}

impl<'a> Program<'a> {
    pub(super) fn new(header: &LineProgramHeader<Slice<'a>>) -> Result<Program<'a>> {
        let instructions = header.raw_program_buf();
        if u32::try_from(instructions.bytes().len()).is_err() {
            return Err(refuse("a line table has 4 GB"));
        }
        let (first, range) = (header.opcode_base(), header.line_range().max(1));
        let special = |opcode: u8| Special {
            lines: i16::from(header.line_base()) + i16::from((opcode - first) % range),
            operations: (opcode - first) / range,
        };
        Ok(Program {
            instructions: instructions.bytes(),
            endian: gimli::Reader::endian(&instructions),
            operands: header.standard_opcode_lengths().bytes(),
            address_size: header.address_size(),
            highest_address: u64::MAX >> (64 - 8 * u32::from(header.address_size().clamp(1, 8))),
            instruction_length: u64::from(header.minimum_instruction_length()),
            operations: u64::from(header.maximum_operations_per_instruction()),
            first_special: first,
            specials: (first..=u8::MAX).map(special).collect(),
        })
    }

    /// A machine at the first sequence that sets this address right at its start.
    pub(super) fn sequence_from(&self, address: u64) -> Result<Option<Machine>> {
        // The end of the sequence before, and the instruction that sets the address.
        let mut wanted = vec![0, 1, gimli::DW_LNE_end_sequence.0];
        let ended = wanted.len();
        wanted.extend([
            0,
            self.address_size.saturating_add(1),
            gimli::DW_LNE_set_address.0,
        ]);
        let bytes = address.to_le_bytes();
        let bytes = bytes.iter().take(usize::from(self.address_size));
        match self.endian {
            RunTimeEndian::Little => wanted.extend(bytes),
            RunTimeEndian::Big => wanted.extend(bytes.rev()),
        }
        let first = wanted.get(ended..).unwrap_or_default();
        if self.instructions.starts_with(first) {
            return Ok(Some(Machine::at(0)));
        }
        spend(self.instructions.len())?;
        let found = memchr::memmem::find(self.instructions, &wanted);
        let next = found.and_then(|found| u32::try_from(found + ended).ok());
        Ok(next.map(Machine::at))
    }

    /// Runs on to the next row, or the end of a sequence. Whoever runs it says what that [`cost`](Program::spend).
    #[inline(always)]
    pub(super) fn step(&self, machine: &mut Machine) -> Result<Step> {
        let mut input = Input {
            bytes: self.instructions,
            at: machine.next as usize,
        };
        loop {
            let Some(&opcode) = input.bytes.get(input.at) else {
                return Ok(Step::ProgramEnd);
            };
            input.at += 1;
            let Some(kind) = self.execute(opcode, machine, &mut input)? else {
                continue;
            };
            // It fits: the program is shorter than that.
            machine.next = u32::try_from(input.at).unwrap_or(u32::MAX);
            let (address, is_dead) = (machine.row.address, machine.is_dead);
            if kind == Kind::SequenceEnd {
                *machine = Machine::at(machine.next);
            }
            if is_dead {
                continue;
            }
            return Ok(match kind {
                Kind::Row => Step::Row,
                Kind::SequenceEnd => Step::SequenceEnd(address),
            });
        }
    }

    /// Counts the instructions from one place to another as read.
    pub(super) fn spend(&self, from: &Machine, to: &Machine) -> Result<()> {
        spend(to.next.saturating_sub(from.next) as usize)
    }

    /// Executes one instruction; what of the table it makes.
    #[inline(always)]
    fn execute(
        &self,
        opcode: u8,
        machine: &mut Machine,
        input: &mut Input<'a>,
    ) -> Result<Option<Kind>> {
        let special = opcode.checked_sub(self.first_special);
        let special = special.and_then(|index| self.specials.get(usize::from(index)));
        if let Some(&Special { lines, operations }) = special {
            machine.row.move_line(i64::from(lines));
            self.advance(machine, u64::from(operations))?;
            return Ok(Some(Kind::Row));
        }
        match gimli::DwLns(opcode) {
            gimli::DwLns(0) => return self.extended(machine, input),
            gimli::DW_LNS_copy => return Ok(Some(Kind::Row)),
            gimli::DW_LNS_advance_pc => self.advance(machine, input.unsigned()?)?,
            gimli::DW_LNS_advance_line => machine.row.move_line(input.signed()?),
            gimli::DW_LNS_set_file => machine.row.file = number(input.unsigned()?),
            gimli::DW_LNS_set_column => machine.row.column = number(input.unsigned()?),
            gimli::DW_LNS_const_add_pc => {
                let last = self.specials.last();
                self.advance(machine, last.map_or(0, |last| u64::from(last.operations)))?;
            }
            gimli::DW_LNS_fixed_advance_pc => {
                let bytes = u64::from(self.endian.read_u16(input.take(2)?));
                if !machine.is_dead {
                    machine.row.address = self.moved(machine.row.address, bytes)?;
                    machine.operation = 0;
                }
            }
            gimli::DW_LNS_negate_stmt
            | gimli::DW_LNS_set_basic_block
            | gimli::DW_LNS_set_prologue_end
            | gimli::DW_LNS_set_epilogue_begin => {}
            gimli::DW_LNS_set_isa => {
                input.unsigned()?;
            }
            // One of a later version: how many operands it has, the table says itself.
            _ => {
                let operands = self.operands.get(usize::from(opcode).wrapping_sub(1));
                for _ in 0..*operands.ok_or_else(ends_early)? {
                    input.unsigned()?;
                }
            }
        }
        Ok(None)
    }

    fn extended(&self, machine: &mut Machine, input: &mut Input<'a>) -> Result<Option<Kind>> {
        let length = usize::try_from(input.unsigned()?).map_err(|_| ends_early())?;
        let (opcode, operands) = input.take(length)?.split_first().ok_or_else(ends_early)?;
        match gimli::DwLne(*opcode) {
            gimli::DW_LNE_end_sequence => Ok(Some(Kind::SequenceEnd)),
            gimli::DW_LNE_set_address => {
                let size = usize::from(self.address_size);
                let address = operands.get(..size).ok_or_else(ends_early)?;
                let address = match size {
                    1..=8 => { self.endian }.read_uint(address),
                    _ => return Err(Error::UnsupportedAddressSize(self.address_size)),
                };
                // All ones, and one less, stand for code that was left out; and so does, within a sequence, an
                // address before the last one: addresses rise, and some linkers write 0.
                machine.is_dead =
                    address < machine.row.address || address >= self.highest_address - 1;
                if !machine.is_dead {
                    machine.row.address = address;
                    machine.operation = 0;
                }
                Ok(None)
            }
            // Of the others one defines files, which is gone since DWARF 5 and no compiler for macOS wrote.
            _ => Ok(None),
        }
    }

    /// Moves the address by so many operations.
    #[inline]
    fn advance(&self, machine: &mut Machine, operations: u64) -> Result<()> {
        if machine.is_dead {
            return Ok(());
        }
        let instructions = match self.operations {
            0 | 1 => operations,
            several => {
                let all = u64::from(machine.operation).wrapping_add(operations);
                machine.operation = number(all % several);
                all / several
            }
        };
        let bytes = self.instruction_length.wrapping_mul(instructions);
        machine.row.address = self.moved(machine.row.address, bytes)?;
        Ok(())
    }

    #[inline]
    fn moved(&self, address: u64, bytes: u64) -> Result<u64> {
        let moved = address.checked_add(bytes);
        moved
            .filter(|moved| *moved <= self.highest_address)
            .ok_or(Error::AddressOverflow)
    }
}

/// Instructions still to be read. A plain slice: the reader that counts costs as much as the machine.
#[derive(Debug)]
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    #[inline]
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(ends_early)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or_else(ends_early)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(ends_early)?;
        self.at = end;
        Ok(taken)
    }

    /// A ULEB128 number.
    #[inline]
    fn unsigned(&mut self) -> Result<u64> {
        let byte = self.byte()?;
        match byte < 0x80 {
            true => Ok(u64::from(byte)),
            false => self.longer(byte).map(|(value, _)| value),
        }
    }

    /// An SLEB128 number.
    #[inline]
    fn signed(&mut self) -> Result<i64> {
        let byte = self.byte()?;
        let (value, bits) = match byte < 0x80 {
            true => (u64::from(byte), 7),
            false => self.longer(byte)?,
        };
        let unused = 64_u32.saturating_sub(bits);
        Ok((value << unused).cast_signed() >> unused)
    }

    /// The rest of a number of several bytes, and how many bits it has.
    fn longer(&mut self, first: u8) -> Result<(u64, u32)> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value, shift + 7));
            }
        }
        Err(refuse("a number in a line table is too long"))
    }
}

#[cold]
fn ends_early() -> Error {
    refuse("a line table ends within an instruction")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Row,
    SequenceEnd,
}

impl Machine {
    /// Where it stands. Copying this for each row would cost as much as running the program.
    pub(super) fn row(&self) -> &Row {
        &self.row
    }

    /// A machine at the start of a sequence, whose first instruction has this offset.
    pub(super) fn at(next: u32) -> Machine {
        Machine {
            next,
            row: Row {
                address: 0,
                file: 1,
                line: 1,
                column: 0,
            },
            operation: 0,
            is_dead: false,
        }
    }
}

impl Row {
    fn move_line(&mut self, lines: i64) {
        let line = i64::from(self.line).saturating_add(lines);
        self.line = u32::try_from(line.max(0)).unwrap_or(u32::MAX);
    }
}

/// Numbers that do not fit are those of no file and no column.
fn number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
