//! What a record is made of, and how its fields are read.

use kstack_model::{Fact, Uuid, Value};

use crate::reader::{Endian, Reader};

/// What a field holds, which is also how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::formats) enum Form {
    U8,
    U32,
    I32,
    U64,
    /// Flags in one byte.
    Hex8,
    /// Flags or an address in four bytes.
    Hex32,
    /// An address in eight bytes.
    Hex64,
    /// Four numbers of eight bytes.
    U64x4,
    /// A C string in a field of fixed size.
    Text(usize),
    Uuid,
    /// Alignment, or bytes the kernel reserves and never sets.
    Hole(usize),
}

impl Form {
    pub(in crate::formats) fn size(self) -> usize {
        match self {
            Form::U8 | Form::Hex8 => 1,
            Form::U32 | Form::I32 | Form::Hex32 => 4,
            Form::U64 | Form::Hex64 => 8,
            Form::U64x4 => 32,
            Form::Uuid => 16,
            Form::Text(size) | Form::Hole(size) => size,
        }
    }
}

/// A field under the kernel's own name. Fields lie one after another; holes are fields too.
pub(in crate::formats) type Field = (&'static str, Form);

/// The layout of one record: groups of fields that several generations share.
#[derive(Debug)]
pub(in crate::formats) struct Layout {
    /// What the record is, for a person.
    pub(in crate::formats) what: &'static str,
    /// The first word of the record.
    pub(in crate::formats) magic: u32,
    /// Bytes in all. A test compares it with the sum of the fields.
    pub(in crate::formats) size: usize,
    /// The fields in order.
    pub(in crate::formats) fields: &'static [&'static [Field]],
}

impl Layout {
    pub(in crate::formats) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().copied().flatten()
    }
}

/// The bytes of one whole record.
#[derive(Clone, Copy, Debug)]
pub(in crate::formats) struct Record<'a> {
    layout: &'static Layout,
    bytes: &'a [u8],
    endian: Endian,
}

impl<'a> Record<'a> {
    /// The record at an offset, if its magic is there and none of its bytes is missing.
    pub(in crate::formats) fn at(
        bytes: &'a [u8],
        at: usize,
        layout: &'static Layout,
        endian: Endian,
    ) -> Option<Record<'a>> {
        let bytes = bytes.get(at..)?.get(..layout.size)?;
        let magic = Reader::new(bytes, endian).u32().ok()?;
        (magic == layout.magic).then_some(Record {
            layout,
            bytes,
            endian,
        })
    }

    pub(in crate::formats) fn layout(&self) -> &'static Layout {
        self.layout
    }

    pub(in crate::formats) fn endian(&self) -> Endian {
        self.endian
    }

    /// The unsigned value of a field of up to eight bytes; `None` where this generation lacks it.
    pub(in crate::formats) fn number(&self, name: &str) -> Option<u64> {
        let (mut reader, form) = self.find(name)?;
        match form {
            Form::U8 | Form::Hex8 => reader.u8().ok().map(u64::from),
            Form::U32 | Form::I32 | Form::Hex32 => reader.u32().ok().map(u64::from),
            Form::U64 | Form::Hex64 => reader.u64().ok(),
            Form::U64x4 | Form::Text(_) | Form::Uuid | Form::Hole(_) => None,
        }
    }

    /// The value of a field that counts what follows; zero where this generation lacks it.
    pub(in crate::formats) fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name).unwrap_or(0)).unwrap_or(usize::MAX)
    }

    pub(in crate::formats) fn signed(&self, name: &str) -> Option<i32> {
        self.find(name)?.0.i32().ok()
    }

    /// The text of a field, empty if its first byte is NUL.
    pub(in crate::formats) fn text(&self, name: &str) -> Option<String> {
        match self.find(name)? {
            (mut reader, Form::Text(size)) => reader.c_string(size).ok(),
            _ => None,
        }
    }

    /// Whether a text field holds no control characters before its NUL, as names do.
    pub(in crate::formats) fn is_printable(&self, name: &str) -> bool {
        let Some((mut reader, Form::Text(size))) = self.find(name) else {
            return true;
        };
        reader.bytes(size).is_ok_and(|field| {
            field
                .iter()
                .take_while(|&&byte| byte != 0)
                .all(|byte| !byte.is_ascii_control())
        })
    }

    /// Every field that is not named in `typed`, in order.
    pub(in crate::formats) fn facts(&self, typed: &[&str]) -> Vec<Fact> {
        let mut facts = Vec::with_capacity(self.layout.fields().count());
        let mut reader = Reader::new(self.bytes, self.endian);
        for &(name, form) in self.layout.fields() {
            let start = reader.offset();
            if !typed.contains(&name)
                && let Some(value) = value(&mut reader, form)
            {
                facts.push(Fact::new(name, value));
            }
            reader = reader.seek(start + form.size());
        }
        facts.shrink_to_fit();
        facts
    }

    fn find(&self, name: &str) -> Option<(Reader<'a>, Form)> {
        let mut offset = 0;
        for &(field, form) in self.layout.fields() {
            if field == name {
                let reader = Reader::new(self.bytes, self.endian).within(self.layout.what);
                return Some((reader.seek(offset), form));
            }
            offset += form.size();
        }
        None
    }
}

/// The value of a field; `None` for holes and for a UUID of zeros, which means that there is none.
fn value(reader: &mut Reader<'_>, form: Form) -> Option<Value> {
    Some(match form {
        Form::U8 => u32::from(reader.u8().ok()?).into(),
        Form::U32 => reader.u32().ok()?.into(),
        Form::I32 => reader.i32().ok()?.into(),
        Form::U64 => reader.u64().ok()?.into(),
        Form::Hex8 => Value::Hex(reader.u8().ok()?.into()),
        Form::Hex32 => Value::Hex(reader.u32().ok()?.into()),
        Form::Hex64 => Value::Hex(reader.u64().ok()?),
        Form::U64x4 => {
            let list: Result<Vec<u64>, _> = (0..4).map(|_| reader.u64()).collect();
            list.ok()?.into()
        }
        Form::Text(size) => reader.c_string(size).ok()?.into(),
        Form::Uuid => uuid(reader.array().ok()?)?.into(),
        Form::Hole(_) => return None,
    })
}

/// A UUID, unless it is all zeros: the kernel's way to say that there is none.
pub(in crate::formats) fn uuid(bytes: [u8; 16]) -> Option<Uuid> {
    Some(Uuid::from_bytes(bytes)).filter(|uuid| !uuid.is_nil())
}
