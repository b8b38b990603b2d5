//! Items that no field of the model is made for → facts under the kernel's own names.
//!
//! Fields of structs that are zero are left out: the kernel writes zero for
//! "none" and "does not apply", and three of four fields are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kstack_model::{Fact, Note, Uuid, Value};

use super::item::{Elements, Item, tag};
use super::layout::{Field, Form, Look, Scalar, Type};
use super::tree::{Node, children};
use super::wire;

/// How facts are named.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming<'p> {
    /// By their field alone, for what belongs to one task or thread.
    Field,
    /// By the path from here: `mach_timebase_info.numer`.
    Path(&'p str),
}

/// What could not be made into facts.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    /// Tags without an entry in the tables, and how many items there were of each.
    tags: BTreeMap<u32, u64>,
    /// Arrays whose numbers do not fit their size.
    damaged_arrays: u64,
}

impl Unknown {
    pub(crate) fn count(&mut self, tag: u32) {
        *self.tags.entry(tag).or_default() += 1;
    }

    pub(crate) fn count_damaged_array(&mut self) {
        self.damaged_arrays += 1;
    }

    /// A note for the tags and one for the arrays, where there are any.
    pub(crate) fn notes(&self) -> impl Iterator<Item = Note> {
        let damaged = self.damaged_arrays;
        let arrays = (damaged > 0).then(|| {
            Note::new(format!(
                "arrays left out because their numbers do not fit their size: {damaged}"
            ))
        });
        self.about_tags().into_iter().chain(arrays)
    }

    fn about_tags(&self) -> Option<Note> {
        /// Dyld's private list; known, but not what is in it.
        const DYLD_COMPACTINFO: u32 = 0x937;
        const MOST: usize = 12;
        let tags = self
            .tags
            .iter()
            .filter(|(tag, _)| **tag != DYLD_COMPACTINFO);
        let mut named: Vec<_> = tags
            .map(|(tag, count)| format!("{tag:#x} ({count})"))
            .collect();
        let left_out = named.len().saturating_sub(MOST);
        named.truncate(MOST);
        if left_out > 0 {
            named.push(format!("{left_out} more"));
        }
        (!named.is_empty()).then(|| {
            let named = named.join(", ");
            Note::new(format!(
                "items of types that kstack does not know are left to `kstack dump`: {named}"
            ))
        })
    }
}

/// Adds what an item says. Containers are gone into.
pub(crate) fn add(
    facts: &mut Vec<Fact>,
    item: &Item<'_>,
    inside: &[Node<'_>],
    naming: Naming<'_>,
    unknown: &mut Unknown,
) {
    if item.tag == tag::CONTAINER_BEGIN {
        let tag = item.container_tag();
        let key = wire::container(tag).map_or_else(|| format!("{tag:#x}").into(), Cow::from);
        let path = format!("{}{key}[{}].", naming.path(), item.flags);
        for (item, inside) in children(inside) {
            add(facts, &item, inside, Naming::Path(&path), unknown);
        }
    } else if let Some((name, value)) = item.described() {
        let name = String::from_utf8_lossy(name);
        let is_bits = name.contains("flags") || name.contains("mask");
        let value = self::value(value, if is_bits { Look::Hex } else { Look::Number });
        facts.push(Fact {
            name: format!("{}{name}", naming.path()).into(),
            value,
        });
    } else if item.tag == tag::NESTED {
        // A buffer of its own, and read as such.
    } else if item.is_array() {
        let Some(array) = item.array() else {
            unknown.count_damaged_array();
            return;
        };
        match array.known() {
            Some(of) => elements(facts, of, array, naming),
            None => unknown.count(array.tag),
        }
    } else {
        let data = item.data();
        match wire::find(item.tag, data.len()) {
            Some(of) => single(facts, of, data, naming),
            None => unknown.count(item.tag),
        }
    }
}

/// Adds the fields of one struct, or the one value.
pub(crate) fn single(
    facts: &mut Vec<Fact>,
    of: &'static Type<'static>,
    data: &[u8],
    naming: Naming<'_>,
) {
    if let ([field], Form::Scalar) = (of.fields, of.form) {
        facts.extend(field.read(data).map(|scalar| Fact {
            name: naming.name(of.key),
            value: value(scalar, field.look),
        }));
        return;
    }
    let path;
    let naming = match (naming, of.form) {
        (Naming::Path(parent), Form::Struct) => {
            path = format!("{parent}{}.", of.key);
            Naming::Path(&path)
        }
        _ => naming,
    };
    for field in of.fields {
        if let Some(scalar) = field.read(data) {
            add_field(facts, field, scalar, naming);
        }
    }
}

/// Adds a field unless it is zero.
pub(crate) fn add_field(
    facts: &mut Vec<Fact>,
    field: &Field<'static>,
    scalar: Scalar<'_>,
    naming: Naming<'_>,
) {
    if !is_nothing(scalar) {
        facts.push(Fact {
            name: naming.name(field.name),
            value: value(scalar, field.look),
        });
    }
}

/// Several elements of one type: one list if each is a single number, else a fact for each field of each.
fn elements(
    facts: &mut Vec<Fact>,
    of: &'static Type<'static>,
    all: Elements<'_>,
    naming: Naming<'_>,
) {
    if let [field] = of.fields {
        let name = naming.name(of.key);
        let numbers = all.filter_map(|data| field.read(data)).map(Scalar::bits);
        // A long list may come in several items, one after another.
        match facts.last_mut() {
            Some(Fact {
                name: last,
                value: Value::List(list),
            }) if *last == name => list.extend(numbers),
            _ => facts.push(Fact {
                name,
                value: Value::List(numbers.collect()),
            }),
        }
        return;
    }
    for (index, data) in all.enumerate() {
        let path = format!("{}{}[{index}].", naming.path(), of.key);
        for field in of.fields {
            if let Some(scalar) = field.read(data) {
                add_field(facts, field, scalar, Naming::Path(&path));
            }
        }
    }
}

impl Naming<'_> {
    fn path(&self) -> &str {
        match self {
            Naming::Field => "",
            Naming::Path(path) => path,
        }
    }

    fn name(self, name: &'static str) -> Cow<'static, str> {
        match self {
            Naming::Field | Naming::Path("") => Cow::Borrowed(name),
            Naming::Path(path) => format!("{path}{name}").into(),
        }
    }
}

fn is_nothing(scalar: Scalar<'_>) -> bool {
    match scalar {
        Scalar::Unsigned(number) => number == 0,
        Scalar::Signed(number) => number == 0,
        Scalar::Text(text) => text.is_empty(),
        Scalar::Bytes(bytes) => bytes.iter().all(|&byte| byte == 0),
        Scalar::Numbers(numbers) => numbers.iter().all(|number| number.bits() == 0),
    }
}

fn value(scalar: Scalar<'_>, look: Look) -> Value {
    match scalar {
        Scalar::Unsigned(number) if look == Look::Hex => Value::Hex(number),
        Scalar::Unsigned(number) => Value::Number(number),
        Scalar::Signed(number) => Value::Signed(number),
        Scalar::Text(_) => Value::Text(scalar.text()),
        Scalar::Bytes(bytes) => match <[u8; 16]>::try_from(bytes) {
            Ok(uuid) if look == Look::Uuid => Value::Uuid(Uuid::from_bytes(uuid)),
            _ => Value::List(bytes.iter().map(|&byte| byte.into()).collect()),
        },
        Scalar::Numbers(numbers) => Value::List(numbers.iter().map(Scalar::bits).collect()),
    }
}
