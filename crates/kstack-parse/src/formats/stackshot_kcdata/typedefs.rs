//! Types that a buffer defines for itself.
//!
//! Stackshots define none; the self-test buffers of the kernel do
//! (`struct kcdata_type_definition`, `osfmk/kern/kcdata.h`, xnu-11417.121.6).

use std::collections::BTreeMap;

use super::item::{u32_at, until_nul};
use super::layout::{Field, Form, Look, Type, Unit};
use super::wire;

/// Bytes before the first field: tag, number of fields, name.
const HEADER: usize = 40;
/// Bytes of one field's description.
const FIELD: usize = 40;
const IS_ARRAY: u8 = 1;
const FORCE_STRUCT: u8 = 2;
const MERGE: u8 = 4;

/// One definition.
#[derive(Clone, Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) tag: u32,
    /// How many fields it says it has.
    pub(crate) stated_fields: u32,
    pub(crate) name: &'a str,
    pub(crate) described: Vec<Described<'a>>,
    fields: Vec<Field<'a>>,
    form: Form,
}

/// A field as its description states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described<'a> {
    flags: u8,
    code: u8,
    offset: u16,
    size: u16,
    count: u16,
    name: &'a str,
}

/// The definitions seen so far, the first of each tag.
#[derive(Debug, Default)]
pub(crate) struct Definitions<'a> {
    by_tag: BTreeMap<u32, Definition<'a>>,
}

impl<'a> Definitions<'a> {
    /// A definition never replaces a type that is known already.
    pub(crate) fn add(&mut self, definition: Definition<'a>) {
        if wire::find(definition.tag, 0).is_some() {
            return;
        }
        self.by_tag.entry(definition.tag).or_insert(definition);
    }

    pub(crate) fn find(&self, tag: u32) -> Option<Type<'_>> {
        self.by_tag.get(&tag).map(Definition::as_type)
    }
}

impl<'a> Definition<'a> {
    /// Reads the payload of a definition item; `None` if it is too short for a name.
    pub(crate) fn read(payload: &'a [u8]) -> Option<Definition<'a>> {
        let name = payload.get(8..HEADER)?;
        let stated_fields = u32_at(payload, 4);
        let stated = usize::try_from(stated_fields).unwrap_or(usize::MAX);
        let rows = payload.get(HEADER..)?.chunks_exact(FIELD).take(stated);
        let described: Vec<_> = rows.filter_map(Described::read).collect();
        let has = |flag: u8| described.iter().any(|field| field.flags & flag != 0);
        let form = match described.as_slice() {
            [one] if one.flags & FORCE_STRUCT == 0 => Form::Scalar,
            _ if has(MERGE) => Form::Merged,
            _ => Form::Struct,
        };
        Some(Definition {
            tag: u32_at(payload, 0),
            stated_fields,
            name: text(name),
            fields: described.iter().map(Described::field).collect(),
            described,
            form,
        })
    }

    /// A single value goes by the name of its field.
    pub(crate) fn key(&self) -> &'a str {
        match (self.form, self.described.first()) {
            (Form::Scalar, Some(field)) => field.name,
            _ => self.name,
        }
    }

    fn as_type(&self) -> Type<'_> {
        Type {
            tag: self.tag,
            key: self.key(),
            form: self.form,
            fields: &self.fields,
        }
    }
}

impl<'a> Described<'a> {
    fn read(row: &'a [u8]) -> Option<Described<'a>> {
        let (&[flags, code, o0, o1, s0, s1, c0, c1], name) = row.split_first_chunk::<8>()?;
        // The size of an array is packed: its elements' in the low half, their number in the high half.
        let (size, count) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([c0, c1]));
        let count = if flags & IS_ARRAY == 0 { 1 } else { count };
        Some(Described {
            flags,
            code,
            offset: u16::from_le_bytes([o0, o1]),
            size,
            count,
            name: text(name),
        })
    }

    /// How to read the field. A unit without a name, or one of another size than its own, is read as bytes.
    fn field(&self) -> Field<'a> {
        let size = usize::from(self.size);
        let count = usize::from(self.count);
        let (unit, count) = match self.unit() {
            Some((unit, _)) if unit.width() == size => (unit, count),
            _ => (Unit::U8, count.saturating_mul(size)),
        };
        Field {
            name: self.name,
            unit,
            count,
            offset: self.offset.into(),
            look: Look::Number,
        }
    }

    fn unit(&self) -> Option<(Unit, &'static str)> {
        Some(match self.code {
            1 => (Unit::Char, "char"),
            2 => (Unit::I8, "int8_t"),
            3 => (Unit::U8, "uint8_t"),
            4 => (Unit::I16, "int16_t"),
            5 => (Unit::U16, "uint16_t"),
            6 => (Unit::I32, "int32_t"),
            7 => (Unit::U32, "uint32_t"),
            8 => (Unit::I64, "int64_t"),
            9 => (Unit::U64, "uint64_t"),
            _ => return None,
        })
    }

    /// The line Apple's decoder prints for it.
    pub(crate) fn line(&self) -> String {
        let unit = self.unit().map_or("Unknown", |(_, name)| name);
        let size = u32::from(self.size) * u32::from(self.count);
        let (offset, name, count) = (self.offset, self.name, self.count);
        if self.flags & IS_ARRAY == 0 {
            format!("[{offset},{size}] {unit}  {name};")
        } else {
            format!("[{offset},{size}] {unit}  {name}[{count}];")
        }
    }
}

/// The name in a field of fixed size; what is not UTF-8 ends it.
fn text(field: &[u8]) -> &str {
    let field = until_nul(field);
    match std::str::from_utf8(field) {
        Ok(text) => text,
        Err(error) => {
            let valid = field.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    }
}
