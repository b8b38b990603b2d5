//! Names of classes from what their metaclasses are constructed with.
//!
//! Each class of libkern has one object that describes it, `gMetaClass`, made when the kext starts by
//! `OSMetaClass::OSMetaClass(this, "net_foo_Zvol", super, size)`, and a virtual function
//! `getMetaClass` that returns it (xnu-11417.101.15, `libkern/libkern/c++/OSMetaClass.h`). So the virtual table
//! that holds the function is that of the class with that name, though no symbol says so.

use std::collections::{BTreeMap, BTreeSet};

use kstack_model::Arch;

use super::registers::{Effect, Registers, Use};
use super::words::{Word, Words};
use crate::macho::Image;

/// `OSMetaClass::OSMetaClass(char const*, OSMetaClass const*, unsigned int)`, as bases and whole objects have it.
const CONSTRUCTORS: [&[u8]; 2] = [
    b"__ZN11OSMetaClassC2EPKcPKS_j",
    b"__ZN11OSMetaClassC1EPKcPKS_j",
];

/// A function that only returns an address has fewer instructions, frame and signature included.
const MOST_INSTRUCTIONS: usize = 12;

/// The longest name of a class that is believed.
const LONGEST: usize = 256;

/// The metaclasses of an image, by address.
#[derive(Debug)]
pub(super) struct Metaclasses<'a> {
    image: &'a Image,
    bytes: &'a [u8],
    /// Sections of instructions in ascending order.
    code: Vec<(u64, &'a [u8])>,
    names: BTreeMap<u64, String>,
}

impl<'a> Metaclasses<'a> {
    /// Goes through the code once, if it calls the constructor at all.
    pub(super) fn of(image: &'a Image, bytes: &'a [u8]) -> Metaclasses<'a> {
        let mut code: Vec<_> = image.code_bytes(bytes).collect();
        code.sort_by_key(|(start, _)| *start);
        let mut metaclasses = Metaclasses {
            image,
            bytes,
            code,
            names: BTreeMap::new(),
        };
        let constructors = image.imported(bytes, |name| CONSTRUCTORS.contains(&name));
        if constructors.is_empty() {
            return metaclasses;
        }
        let mut found: BTreeMap<u64, Option<String>> = BTreeMap::new();
        for (start, code) in &metaclasses.code {
            for (object, name) in constructed(image.arch, *start, code, &constructors) {
                let name = metaclasses.text(name);
                let known = found.entry(object).or_insert_with(|| name.clone());
                // Of two names for one object none is believed.
                if *known != name {
                    *known = None;
                }
            }
        }
        let named = found.into_iter();
        metaclasses.names = named
            .filter_map(|(object, name)| Some((object, name?)))
            .collect();
        metaclasses
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The class whose `getMetaClass` is among these functions; `None` for none, or for several.
    pub(super) fn class_of(&self, functions: &[(u32, u64)]) -> Option<&str> {
        let mut returned = functions
            .iter()
            .filter_map(|(_, start)| self.names.get(&self.returned(*start)?));
        let class = returned.next()?;
        returned
            .all(|other| other == class)
            .then_some(class.as_str())
    }

    /// Where in the data functions stand behind two words of 0, as in a virtual table.
    pub(super) fn tables(&self, words: &Words<'_>) -> Vec<(u64, u64)> {
        let mut tables = Vec::new();
        for mapped in &self.image.mapped {
            let end = u64::try_from(mapped.size).unwrap_or(u64::MAX);
            let end = mapped.address.saturating_add(end);
            let mut zeros = 0;
            let Some(mut at) = mapped.address.checked_next_multiple_of(8) else {
                continue;
            };
            while at < end && Image::is_mapped(&mapped.segment) {
                match words.at(at) {
                    Some(Word::Zero) => zeros += 1,
                    Some(Word::Code(_)) if zeros >= 2 => {
                        tables.push((at - 16, end));
                        zeros = 0;
                    }
                    _ => zeros = 0,
                }
                at = at.saturating_add(8);
            }
        }
        tables
    }

    /// The address that a function returns, if it does nothing else.
    fn returned(&self, start: u64) -> Option<u64> {
        let mut registers = Registers::unknown(self.image.arch);
        let mut at = start;
        for _ in 0..MOST_INSTRUCTIONS {
            let (length, effect) = registers.follow(self.code_at(at)?, at)?;
            match effect {
                Effect::Plain => at = at.checked_add(length)?,
                Effect::Return => return registers.get(Use::Result),
                Effect::Call(_) | Effect::Other => return None,
            }
        }
        None
    }

    /// The instructions from an address to the end of their section.
    fn code_at(&self, at: u64) -> Option<&'a [u8]> {
        let above = self.code.partition_point(|(start, _)| *start <= at);
        let (start, code) = self.code.get(above.checked_sub(1)?)?;
        let skipped = usize::try_from(at.checked_sub(*start)?).ok()?;
        code.get(skipped..).filter(|rest| !rest.is_empty())
    }

    /// The name of a class at an address.
    fn text(&self, at: u64) -> Option<String> {
        let rest = self.image.bytes_at(at, self.bytes)?;
        let rest = rest.get(..LONGEST).unwrap_or(rest);
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = rest.get(..end)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let is_class = !name.is_empty() && name.iter().all(is_name);
        is_class.then(|| String::from_utf8_lossy(name).into_owned())
    }
}

/// The object and the name of each call of a constructor that is given both as addresses.
fn constructed(
    arch: Arch,
    start: u64,
    code: &[u8],
    constructors: &BTreeSet<u64>,
) -> Vec<(u64, u64)> {
    let mut constructed = Vec::new();
    let mut registers = Registers::unknown(arch);
    let (mut at, mut rest) = (start, code);
    while let Some((length, effect)) = registers.follow(rest, at) {
        match effect {
            Effect::Plain => {}
            Effect::Call(target) => {
                let is_constructor = constructors.contains(&at)
                    || target.is_some_and(|target| constructors.contains(&target));
                let given = registers.get(Use::First).zip(registers.get(Use::Second));
                constructed.extend(given.filter(|_| is_constructor));
                registers.call();
            }
            Effect::Return | Effect::Other => registers = Registers::unknown(arch),
        }
        let skipped = usize::try_from(length).unwrap_or(usize::MAX);
        at = at.wrapping_add(length);
        rest = rest.get(skipped..).unwrap_or_default();
    }
    constructed
}
