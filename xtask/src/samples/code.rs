//! What is where in a linked image: functions by name, and the return addresses of their calls.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::{Context as _, Result, ensure};

use super::layout::{Callee, Image};
use crate::macho::MachO;

const CPU_TYPE_ARM64: u32 = 0x0100_000c;

/// The code of a linked image, at its load address.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    load_address: u64,
    size: u64,
    pinned: BTreeMap<&'static str, u64>,
    functions: BTreeMap<String, u64>,
    stubs: BTreeMap<String, u64>,
    text: Vec<u8>,
    text_address: u64,
    arm64: bool,
}

impl Code {
    /// Reads a linked image and slides it to its load address.
    pub(crate) fn read(linked: &MachO, linked_base: u64, image: &Image) -> Result<Code> {
        let slid = |address: u64| address - linked_base + image.load_address;
        let segments = linked.segments()?;
        let mut sections = segments.iter().flat_map(|segment| &segment.sections);
        let text = sections
            .find(|section| section.name == "__text")
            .context("no __text")?;
        let bytes = &linked.bytes[text.offset..][..text.size as usize];
        let inside = text.address..text.address + text.size;
        let symbols = linked.symbols()?;
        let functions = symbols
            .iter()
            .filter(|symbol| symbol.is_defined() && inside.contains(&symbol.value));
        let pins = image.units.iter().flat_map(|unit| unit.pins);
        let loaded = segments
            .iter()
            .filter(|segment| segment.name != "__LINKEDIT");
        let end = loaded.map(|segment| segment.address + segment.size).max();
        Ok(Code {
            load_address: image.load_address,
            size: (end.unwrap_or(linked_base) - linked_base).next_multiple_of(0x1000),
            pinned: pins
                .map(|pin| (pin.function, pin.start + pin.returns_to))
                .collect(),
            functions: functions
                .map(|symbol| (bare(&symbol.name), slid(symbol.value)))
                .collect(),
            stubs: linked
                .stubs()?
                .iter()
                .map(|(name, at)| (bare(name), slid(*at)))
                .collect(),
            text: bytes.to_vec(),
            text_address: slid(text.address),
            arm64: linked.cpu.0 == CPU_TYPE_ARM64,
        })
    }

    /// The same code, loaded elsewhere.
    pub(crate) fn loaded_at(&self, load_address: u64) -> Code {
        let moved = |address: &mut u64| *address = *address - self.load_address + load_address;
        let mut code = self.clone();
        code.functions.values_mut().for_each(moved);
        code.stubs.values_mut().for_each(moved);
        code.pinned.values_mut().for_each(moved);
        moved(&mut code.text_address);
        code.load_address = load_address;
        code
    }

    /// Where it is loaded.
    pub(crate) fn load_address(&self) -> u64 {
        self.load_address
    }

    /// Bytes from the load address to the end of what is kept in memory, in whole pages.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The return address of the pinned call of a function.
    pub(crate) fn pinned(&self, function: &str) -> Result<u64> {
        self.pinned
            .get(function)
            .copied()
            .with_context(|| format!("no pinned call in {function}"))
    }

    /// The function an address lies in, and the distance from its start.
    pub(crate) fn name(&self, address: u64) -> Option<(&str, u64)> {
        if !(self.load_address..self.load_address + self.size).contains(&address) {
            return None;
        }
        let functions = self
            .functions
            .iter()
            .filter(|(_, start)| **start <= address);
        let (name, start) = functions.max_by_key(|(_, start)| **start)?;
        Some((name, address - start))
    }

    /// The first address of a function.
    pub(crate) fn start(&self, function: &str) -> Result<u64> {
        self.functions
            .get(function)
            .copied()
            .with_context(|| format!("no function {function}"))
    }

    /// All function starts, ascending.
    pub(crate) fn starts(&self) -> Vec<u64> {
        let mut starts: Vec<u64> = self.functions.values().copied().collect();
        starts.sort_unstable();
        starts
    }

    /// The return address of the first call from one function to another, direct or through a stub.
    pub(crate) fn call(&self, caller: &str, callee: &str) -> Result<u64> {
        let calls = self.calls(caller, callee)?;
        let first = calls.first().copied();
        first.with_context(|| format!("{caller} does not call {callee}"))
    }

    /// The return addresses of all calls from one function to another, direct or through a stub.
    pub(crate) fn calls(&self, caller: &str, callee: &str) -> Result<Vec<u64>> {
        let calls = self.inside(caller)?.filter(|at| {
            let target = self.direct_target(*at);
            target.is_some_and(|target| self.is_way_to(target, callee))
        });
        Ok(calls.collect())
    }

    /// The return address of the first call through a pointer in a function.
    pub(crate) fn pointer_call(&self, caller: &str) -> Result<u64> {
        self.inside(caller)?
            .find(|at| self.follows_indirect_call(*at))
            .with_context(|| format!("{caller} calls through no pointer"))
    }

    /// Where the first of these bytes stand in a function: an instruction that is known to trap.
    pub(crate) fn bytes_in(&self, function: &str, bytes: &[u8]) -> Result<u64> {
        let start = usize::try_from(self.start(function)? - self.text_address)?;
        let found = self.text[start..]
            .windows(bytes.len())
            .position(|window| window == bytes);
        found
            .map(|offset| self.text_address + (start + offset) as u64)
            .with_context(|| format!("{function} has no {bytes:02x?}"))
    }

    /// Fails unless every pinned function and call of the layout is where it should be.
    pub(crate) fn check(&self, image: &Image) -> Result<()> {
        for pin in image.units.iter().flat_map(|unit| unit.pins) {
            ensure!(
                self.start(pin.function)? == pin.start,
                "{} is at another place",
                pin.function
            );
            let at = pin.start + pin.returns_to;
            let right = match pin.callee {
                Callee::Function(name) => self
                    .direct_target(at)
                    .is_some_and(|to| self.is_way_to(to, name)),
                Callee::Pointer => self.follows_indirect_call(at),
            };
            ensure!(
                right,
                "{at:#x} in {} does not follow the right call",
                pin.function
            );
        }
        Ok(())
    }

    /// Where calls of a function can return to.
    fn inside(&self, function: &str) -> Result<RangeInclusive<u64>> {
        let start = self.start(function)?;
        let end = self.starts().into_iter().find(|next| *next > start);
        Ok(start + 2..=end.unwrap_or(self.text_address + self.text.len() as u64))
    }

    fn is_way_to(&self, target: u64, callee: &str) -> bool {
        let ways = [self.functions.get(callee), self.stubs.get(callee)];
        ways.contains(&Some(&target))
    }

    /// Where the `E8 rel32` or the `BL` before an address goes.
    fn direct_target(&self, at: u64) -> Option<u64> {
        if self.arm64 {
            let call = u32::from_le_bytes(*self.before::<4>(at)?);
            let words = i64::from((call << 6) as i32 >> 6);
            return (call >> 26 == 0b10_0101).then(|| (at - 4).wrapping_add_signed(4 * words));
        }
        let [0xe8, displacement @ ..] = *self.before::<5>(at)? else {
            return None;
        };
        Some(at.wrapping_add_signed(i64::from(i32::from_le_bytes(displacement))))
    }

    /// Whether `BLR`, or `FF /2` through a register or memory with a displacement, stands before an address.
    fn follows_indirect_call(&self, at: u64) -> bool {
        if self.arm64 {
            let call = self.before::<4>(at).copied().map(u32::from_le_bytes);
            return call.is_some_and(|call| call & 0xffff_fc1f == 0xd63f_0000);
        }
        let is_call = |mode: u8, byte: u8| byte >> 6 == mode && byte >> 3 & 7 == 2;
        matches!(self.before::<2>(at), Some([0xff, byte]) if is_call(3, *byte) || is_call(0, *byte))
            || matches!(self.before::<3>(at), Some([0xff, byte, _]) if is_call(1, *byte))
            || matches!(self.before::<6>(at), Some([0xff, byte, ..]) if is_call(2, *byte))
    }

    fn before<const N: usize>(&self, at: u64) -> Option<&[u8; N]> {
        let end = usize::try_from(at.checked_sub(self.text_address)?).ok()?;
        self.text.get(end.checked_sub(N)?..end)?.try_into().ok()
    }
}

fn bare(name: &str) -> String {
    name.strip_prefix('_').unwrap_or(name).to_owned()
}
