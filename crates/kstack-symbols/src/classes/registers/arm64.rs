//! Registers as instructions of arm64 and arm64e leave them.
//!
//! Encodings from the Arm Architecture Reference Manual (DDI 0487), section C4.

use super::{Effect, Registers};

impl Registers {
    pub(super) fn arm64(&mut self, bytes: &[u8], at: u64) -> Option<(u64, Effect)> {
        let word = u32::from_le_bytes(*bytes.first_chunk()?);
        let register = |shift: u32| (word >> shift & 0x1f) as usize;
        let (low, base) = (register(0), register(5));
        let value = if word & 0x1f00_0000 == 0x1000_0000 {
            // adr, adrp
            let offset = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
            let offset = i64::from((offset << 11).cast_signed() >> 11);
            Some(match word >> 31 {
                0 => at.wrapping_add_signed(offset),
                _ => (at & !0xfff).wrapping_add_signed(offset << 12),
            })
        } else if word & 0xff80_0000 == 0x9100_0000 && base != 31 {
            // add with an immediate; register 31 is the stack pointer
            let shift = if word & 0x0040_0000 == 0 { 0 } else { 12 };
            let added = u64::from(word >> 10 & 0xfff) << shift;
            self.at(base).map(|before| before.wrapping_add(added))
        } else if word & 0xffe0_ffe0 == 0xaa00_03e0 {
            // mov of registers
            self.at(register(16))
        } else {
            None
        };
        // Most instructions write the register of their lowest bits; pairs that are loaded another
        // one, and loads and stores may move their base. Stores write none, which costs little.
        let is_memory = word & 0x0a00_0000 == 0x0800_0000;
        let is_pair = word & 0x3a00_0000 == 0x2800_0000;
        let stays =
            word & 0x3b00_0000 == 0x3900_0000 || is_pair && word & 0x0180_0000 == 0x0100_0000;
        if is_pair {
            self.set(register(10), None);
        }
        if is_memory && !stays {
            self.set(base, None);
        }
        let is_store = word & 0x3bc0_0000 == 0x3900_0000;
        let effect = effect(word, at);
        if effect == Effect::Plain && !is_store {
            self.set(low, value.filter(|_| low != 31));
        }
        if effect == Effect::Other {
            *self = Registers::unknown(self.arch);
        }
        Some((4, effect))
    }
}

fn effect(word: u32, at: u64) -> Effect {
    match word {
        // ret, retaa, retab
        0xd65f_03c0 | 0xd65f_0bff | 0xd65f_0fff => Effect::Return,
        _ if word & 0xfc00_0000 == 0x9400_0000 => {
            let offset = i64::from((word << 6).cast_signed() >> 4);
            Effect::Call(Some(at.wrapping_add_signed(offset)))
        }
        // blr and kin
        _ if word & 0xfe60_0000 == 0xd620_0000 => Effect::Call(None),
        // br and kin, b, cbz and kin, tbz and kin, b.cond, and what traps
        _ if word & 0xfe00_0000 == 0xd600_0000
            || word & 0x7c00_0000 == 0x1400_0000
            || word & 0x7c00_0000 == 0x3400_0000
            || word & 0xfe00_0000 == 0x5400_0000
            || word & 0xff00_0000 == 0xd400_0000 =>
        {
            Effect::Other
        }
        _ => Effect::Plain,
    }
}
