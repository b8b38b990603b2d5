//! How the payload of a tag is laid out, and reading it at whatever size it has.
//!
//! Structs of kcdata only ever grow at their end, so a field is there when it
//! lies inside the payload; nothing else tells the versions apart.

/// One tag: what it is called and what is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type<'a> {
    pub(crate) tag: u32,
    pub(crate) key: &'a str,
    pub(crate) form: Form,
    pub(crate) fields: &'a [Field<'a>],
}

/// How the fields of a type stand in the container that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Several values under the type's key.
    Struct,
    /// One value under the type's key.
    Scalar,
    /// Values that belong to the container itself.
    Merged,
}

/// One field of a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) unit: Unit,
    /// How many of them; a text has as many as there are.
    pub(crate) count: usize,
    pub(crate) offset: usize,
    pub(crate) look: Look,
}

/// What a field is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Char,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
}

/// How a person reads the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Number,
    /// An address or a set of bits.
    Hex,
    Uuid,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Unsigned(u64),
    Signed(i64),
    /// Up to its NUL.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Numbers(Numbers<'a>),
}

/// Several numbers of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers<'a> {
    unit: Unit,
    bytes: &'a [u8],
}

impl Unit {
    pub(crate) const fn width(self) -> usize {
        match self {
            Unit::Char | Unit::I8 | Unit::U8 => 1,
            Unit::I16 | Unit::U16 => 2,
            Unit::I32 | Unit::U32 => 4,
            Unit::I64 | Unit::U64 => 8,
        }
    }

    const fn is_signed(self) -> bool {
        matches!(self, Unit::I8 | Unit::I16 | Unit::I32 | Unit::I64)
    }

    /// The number in `bytes`, which are as many as the unit is wide.
    pub(crate) fn read(self, bytes: &[u8]) -> Scalar<'static> {
        let unsigned = little_endian(bytes);
        if !self.is_signed() {
            return Scalar::Unsigned(unsigned);
        }
        let unused = 64 - 8 * self.width();
        Scalar::Signed((unsigned << unused).cast_signed() >> unused)
    }
}

impl<'a> Numbers<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Scalar<'a>> + use<'a> {
        let unit = self.unit;
        let chunks = self.bytes.chunks_exact(unit.width());
        chunks.map(move |bytes| unit.read(bytes))
    }
}

impl Field<'_> {
    /// The value as far as it lies inside `data`: an array cut short has fewer elements.
    pub(crate) fn read<'d>(&self, data: &'d [u8]) -> Option<Scalar<'d>> {
        let rest = data.get(self.offset..)?;
        let width = self.unit.width();
        // Nearly every field is one number, and a whole system's stackshot has tens of thousands.
        if self.count == 1 && self.unit != Unit::Char {
            return rest.get(..width).map(|bytes| self.unit.read(bytes));
        }
        let count = self.count.min(rest.len() / width);
        let bytes = rest.get(..count.checked_mul(width)?)?;
        match (self.unit, count) {
            (_, 0) => None,
            (Unit::Char, _) => Some(Scalar::Text(super::item::until_nul(bytes))),
            (unit, 1) => Some(unit.read(bytes)),
            (Unit::U8, _) => Some(Scalar::Bytes(bytes)),
            (unit, _) => Some(Scalar::Numbers(Numbers { unit, bytes })),
        }
    }
}

impl Type<'_> {
    /// The one value of a type that has one, or the first of several.
    pub(crate) fn first<'d>(&self, data: &'d [u8]) -> Option<Scalar<'d>> {
        self.fields.first()?.read(data)
    }
}

impl Scalar<'_> {
    /// The number in the 64 bits that hold it; 0 for what is no number.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Scalar::Unsigned(number) => number,
            Scalar::Signed(number) => number.cast_unsigned(),
            Scalar::Text(_) | Scalar::Bytes(_) | Scalar::Numbers(_) => 0,
        }
    }

    /// The text, with anything that is not UTF-8 replaced; empty for what is no text.
    pub(crate) fn text(self) -> String {
        match self {
            Scalar::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

/// A number of up to eight bytes.
pub(crate) fn little_endian(bytes: &[u8]) -> u64 {
    match *bytes {
        [a, b, c, d, e, f, g, h, ..] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
        _ => {
            let fold = |number, &byte| number << 8 | u64::from(byte);
            bytes.iter().rev().fold(0, fold)
        }
    }
}

/// Gives each field the offset at which it lies when nothing is aligned, as everywhere in kcdata.
pub(crate) const fn packed<const N: usize>(mut fields: [Field<'static>; N]) -> [Field<'static>; N] {
    let (mut index, mut offset) = (0, 0);
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, bounded by the condition"
    )]
    while index < N {
        fields[index].offset = offset;
        offset += fields[index].unit.width() * fields[index].count;
        index += 1;
    }
    fields
}

/// Bytes of a struct with these fields.
pub(crate) const fn size(mut fields: &[Field<'_>]) -> usize {
    let mut size = 0;
    while let [field, rest @ ..] = fields {
        let end = field
            .offset
            .saturating_add(field.unit.width().saturating_mul(field.count));
        size = if end > size { end } else { size };
        fields = rest;
    }
    size
}

macro_rules! numbers {
    ($($name:ident $unit:ident),*) => { $(
        pub(crate) const fn $name(name: &'static str) -> Field<'static> {
            field(name, Unit::$unit, 1, Look::Number)
        }
    )* };
}
numbers!(i8 I8, u8 U8, i16 I16, u16 U16, i32 I32, u32 U32, i64 I64, u64 U64);

const fn field(name: &'static str, unit: Unit, count: usize, look: Look) -> Field<'static> {
    Field {
        name,
        unit,
        count,
        offset: 0,
        look,
    }
}

pub(crate) const fn hex(mut field: Field<'static>) -> Field<'static> {
    field.look = Look::Hex;
    field
}

pub(crate) const fn array(count: usize, mut field: Field<'static>) -> Field<'static> {
    field.count = count;
    field
}

pub(crate) const fn chars(count: usize, name: &'static str) -> Field<'static> {
    field(name, Unit::Char, count, Look::Number)
}

/// A text as long as its item.
pub(crate) const fn string(name: &'static str) -> Field<'static> {
    chars(usize::MAX, name)
}

pub(crate) const fn uuid(name: &'static str) -> Field<'static> {
    field(name, Unit::U8, 16, Look::Uuid)
}

/// The row of a struct.
pub(crate) const fn structure(
    tag: u32,
    key: &'static str,
    fields: &'static [Field<'static>],
) -> Type<'static> {
    Type {
        tag,
        key,
        form: Form::Struct,
        fields,
    }
}

/// The row of a struct whose fields belong to the container.
pub(crate) const fn merged(
    tag: u32,
    key: &'static str,
    fields: &'static [Field<'static>],
) -> Type<'static> {
    Type {
        form: Form::Merged,
        ..structure(tag, key, fields)
    }
}

/// The row of a single value.
pub(crate) const fn scalar(tag: u32, fields: &'static [Field<'static>; 1]) -> Type<'static> {
    let [field] = fields;
    Type {
        form: Form::Scalar,
        ..structure(tag, field.name, fields)
    }
}
