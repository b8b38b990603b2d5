//! Items → the dictionary of a dump.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kstack_model::{Note, Position};

use super::buffer;
use super::item::{Item, tag};
use super::layout::{Form, Numbers, Scalar, Type, size};
use super::tree::{self, Node, children};
use super::typedefs::{Definition, Definitions};
use super::wire;
use crate::dump::{Datum, Dictionary, Dump};
use crate::{Limits, ParseError, ParseErrorKind};

/// Apple's decoder keeps names in fields of 32 bytes with a NUL.
const NAME: usize = 31;

/// Dumps every buffer in `bytes`.
///
/// # Errors
///
/// When no buffer begins where one should.
pub(crate) fn dump(bytes: &[u8], limits: &Limits) -> Result<Dump, ParseError> {
    let mut values = Values {
        limits,
        left: limits.items.saturating_add(limits.frames),
        unpacked_left: limits.decompressed_bytes,
        notes: Vec::new(),
    };
    let buffers = values.buffers(bytes, limits.depth);
    if buffers.is_empty() {
        let what = "no kcdata buffer begins here; only kcdata files can be dumped, `kstack show` reads every format";
        return Err(ParseError {
            kind: ParseErrorKind::Invalid(what.to_owned()),
            position: None,
            within: None,
        });
    }
    Ok(Dump {
        buffers,
        notes: values.notes,
    })
}

/// Makes values, and counts them so that a hostile file cannot ask for more than the limits allow.
struct Values<'l> {
    limits: &'l Limits,
    left: usize,
    unpacked_left: usize,
    notes: Vec<Note>,
}

impl Values<'_> {
    /// `depth` is how many more containers and buffers may lie inside each other.
    fn buffers(&mut self, bytes: &[u8], depth: usize) -> Vec<Dictionary> {
        let (buffers, notes) = buffer::find(bytes, self.limits, &mut self.unpacked_left);
        self.notes.extend(notes);
        let mut dictionaries = Vec::new();
        for buffer in &buffers {
            let tree = tree::read(buffer, self.limits);
            self.notes.extend(tree.notes);
            let mut definitions = Definitions::default();
            let content = self.container(&tree.nodes, &mut definitions, depth);
            let root = (buffer.kind.root_key().into(), Datum::Dictionary(content));
            dictionaries.push(Dictionary {
                entries: vec![root],
            });
        }
        dictionaries
    }

    fn container<'a>(
        &mut self,
        nodes: &[Node<'a>],
        definitions: &mut Definitions<'a>,
        depth: usize,
    ) -> Dictionary {
        let mut entries = Entries::default();
        let mut inner: BTreeMap<u32, Entries> = BTreeMap::new();
        for (item, inside) in children(nodes) {
            if !self.take(1, &item) {
                break;
            }
            match item.tag {
                tag::CONTAINER_BEGIN => {
                    let content = self.container(inside, definitions, depth.saturating_sub(1));
                    let id = item.flags.to_string().into();
                    let of_its_kind = inner.entry(item.container_tag()).or_default();
                    of_its_kind.insert(id, Datum::Dictionary(content));
                }
                tag::TYPE_DEFINITION => {
                    if let Some(definition) = Definition::read(item.payload) {
                        let key = format!("typedef[{}]", definition.key());
                        entries.insert(key.into(), type_definition(&definition));
                        definitions.add(definition);
                    } else {
                        entries.insert(unknown_key(item.tag), bytes(item.payload));
                    }
                }
                tag::NESTED if depth > 0 => {
                    let nested = self.buffers(item.payload, depth - 1);
                    if nested.is_empty() {
                        entries.insert(unknown_key(item.tag), bytes(item.payload));
                    }
                    for (key, value) in nested.into_iter().flat_map(|nested| nested.entries) {
                        entries.insert(key, value);
                    }
                }
                _ if item.is_array() => {
                    let (key, value) = self.array(&item, definitions);
                    entries.insert(key, value);
                }
                _ => plain(&item, definitions, &mut entries),
            }
        }
        for (tag, of_its_kind) in inner {
            let key = wire::container(tag).map_or_else(|| tag.to_string().into(), Cow::from);
            entries.insert(key, Datum::Dictionary(of_its_kind.into()));
        }
        entries.into()
    }

    fn array(
        &mut self,
        item: &Item<'_>,
        definitions: &Definitions<'_>,
    ) -> (Cow<'static, str>, Datum) {
        let Some(array) = item.array() else {
            let text = format!(
                "an array of {:#x} whose numbers do not fit its size is shown as bytes",
                item.flags >> 32
            );
            self.notes
                .push(Note::at(Position::Byte(item.offset as u64), text));
            return (unknown_key(item.tag), bytes(item.payload));
        };
        let known = array.known();
        let own = definitions.find(array.tag);
        let key = match (known, &own) {
            (Some(known), _) => cut(known.key),
            (None, Some(own)) => own.key.to_owned().into(),
            (None, None) => unknown_key(array.tag),
        };
        if !self.take(array.len(), item) {
            return (key, Datum::List(Vec::new()));
        }
        let elements = array.map(|data| match (known, &own) {
            (Some(known), _) => element(known, data, cut),
            (None, Some(own)) => element(own, data, |name| name.to_owned().into()),
            (None, None) => bytes(data),
        });
        (key, Datum::List(elements.collect()))
    }

    /// Whether `count` more values are allowed; when not, says so once.
    fn take(&mut self, count: usize, item: &Item<'_>) -> bool {
        if let Some(left) = self.left.checked_sub(count) {
            self.left = left;
            return true;
        }
        if self.left > 0 {
            self.left = 0;
            let text = format!(
                "the dump ends here at the limit of {} values",
                self.limits.items.saturating_add(self.limits.frames)
            );
            self.notes
                .push(Note::at(Position::Byte(item.offset as u64), text));
        }
        false
    }
}

/// An item that is neither container nor array.
fn plain(item: &Item<'_>, definitions: &Definitions<'_>, entries: &mut Entries) {
    if let Some((name, value)) = item.described() {
        let name = String::from_utf8_lossy(name).into_owned();
        return entries.insert(name.into(), datum(value));
    }
    let data = item.data();
    if let Some(known) = wire::find(item.tag, data.len()) {
        return typed(known, known_part(item, known, data), cut, entries);
    }
    match definitions.find(item.tag) {
        Some(own) => typed(
            &own,
            known_part(item, &own, data),
            |name| name.to_owned().into(),
            entries,
        ),
        None => entries.insert(unknown_key(item.tag), bytes(data)),
    }
}

/// The data without what may be padding that an old kernel did not record; it can hold stale bytes.
fn known_part<'d>(item: &Item<'_>, of: &Type<'_>, data: &'d [u8]) -> &'d [u8] {
    const RECORDED: u64 = 0x80;
    const MOST_PADDING: usize = 15;
    let size = size(of.fields);
    match data.get(..size) {
        Some(known) if item.flags & RECORDED == 0 && data.len() - size <= MOST_PADDING => known,
        _ => data,
    }
}

fn typed<'t>(
    of: &Type<'t>,
    data: &[u8],
    name: impl Fn(&'t str) -> Cow<'static, str>,
    entries: &mut Entries,
) {
    match (of.form, element(of, data, &name)) {
        (Form::Merged, Datum::Dictionary(fields)) => {
            for (key, value) in fields.entries {
                entries.insert(key, value);
            }
        }
        (_, value) => entries.insert(name(of.key), value),
    }
}

/// The value of an item, or of one element of an array.
fn element<'t>(of: &Type<'t>, data: &[u8], name: impl Fn(&'t str) -> Cow<'static, str>) -> Datum {
    if of.form == Form::Scalar {
        return of
            .first(data)
            .map_or_else(|| Datum::Text(String::new()), datum);
    }
    let present = of.fields.iter().filter(|field| field.offset < data.len());
    let mut entries = Vec::with_capacity(present.count());
    for field in of.fields {
        if let Some(value) = field.read(data) {
            entries.push((name(field.name), datum(value)));
        }
    }
    // A kernel newer than the table has put more at the end.
    let more = data.get(size(of.fields)..).unwrap_or_default();
    if more.iter().any(|&byte| byte != 0) {
        entries.push(("unknown_bytes".into(), Datum::Bytes(more.to_vec())));
    }
    Datum::Dictionary(Dictionary { entries })
}

fn datum(value: Scalar<'_>) -> Datum {
    let all = |numbers: Numbers<'_>| Datum::List(numbers.iter().map(datum).collect());
    match value {
        Scalar::Unsigned(number) => Datum::Unsigned(number),
        Scalar::Signed(number) => Datum::Signed(number),
        Scalar::Text(_) => Datum::Text(value.text()),
        Scalar::Bytes(bytes) => Datum::Bytes(bytes.to_vec()),
        Scalar::Numbers(numbers) => all(numbers),
    }
}

fn type_definition(definition: &Definition<'_>) -> Datum {
    let fields = definition
        .described
        .iter()
        .map(|field| Datum::Text(field.line()));
    let entries = vec![
        ("name".into(), Datum::Text(definition.name.to_owned())),
        ("typeID".into(), Datum::Unsigned(definition.tag.into())),
        (
            "numOfFields".into(),
            Datum::Unsigned(definition.stated_fields.into()),
        ),
        ("fields".into(), Datum::List(fields.collect())),
    ];
    Datum::Dictionary(Dictionary { entries })
}

/// Bytes as Apple's decoder shows what it does not know: a single one is a number.
fn bytes(data: &[u8]) -> Datum {
    match *data {
        [one] => Datum::Unsigned(one.into()),
        _ => Datum::Bytes(data.to_vec()),
    }
}

fn unknown_key(tag: u32) -> Cow<'static, str> {
    format!("Type_{tag:#x}").into()
}

fn cut(name: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(name.get(..NAME).unwrap_or(name))
}

/// A dictionary that grows. A name that is taken gets a number behind it, so that nothing is lost.
#[derive(Default)]
struct Entries {
    entries: Vec<(Cow<'static, str>, Datum)>,
    /// Where each name is, and how often it was wanted.
    index: BTreeMap<Cow<'static, str>, (usize, u64)>,
}

impl Entries {
    fn insert(&mut self, name: Cow<'static, str>, value: Datum) {
        let Some((place, wanted)) = self.index.get_mut(&name) else {
            self.index.insert(name.clone(), (self.entries.len(), 1));
            self.entries.push((name, value));
            return;
        };
        let value = match (self.entries.get_mut(*place), value) {
            // Arrays of one type are one array, however many items they came in.
            (Some((_, Datum::List(all))), Datum::List(more)) => return all.extend(more),
            (_, value) => value,
        };
        *wanted += 1;
        let numbered = format!("{name} ({wanted})");
        self.insert(numbered.into(), value);
    }
}

impl From<Entries> for Dictionary {
    fn from(entries: Entries) -> Dictionary {
        Dictionary {
            entries: entries.entries,
        }
    }
}
