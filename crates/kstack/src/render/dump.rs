//! A dump of a kcdata file as JSON.
//!
//! One buffer is one object, with the one key that says what it is; several
//! are an array of such objects. That is the shape of the dictionaries that
//! Apple's own decoder makes, so one script reads both. What was left out or
//! damaged stands under [`NOTES`] in the last object, and only then.

use std::io::{self, Write};

use kstack_parse::{Datum, Dictionary, Dump};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json::harmless;

/// The key of notes, one text each. No kcdata key begins so.
pub const NOTES: &str = "kstack_notes";

/// Writes a dump as indented JSON with a line feed at its end.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_json(dump: &Dump, out: &mut dyn Write) -> io::Result<()> {
    let last = dump.buffers.len().saturating_sub(1);
    let root = |(index, buffer)| Root {
        buffer,
        notes: if index == last {
            dump.notes.iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        },
    };
    let roots: Vec<_> = dump.buffers.iter().enumerate().map(root).collect();
    match roots.as_slice() {
        [one] => harmless::write_pretty(one, out)?,
        several => harmless::write_pretty(&several, out)?,
    }
    out.write_all(b"\n")
}

/// One buffer, and what is said of the whole file.
struct Root<'a> {
    buffer: &'a Dictionary,
    notes: Vec<String>,
}

impl Serialize for Root<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries(&mut map, self.buffer)?;
        if !self.notes.is_empty() {
            map.serialize_entry(NOTES, &self.notes)?;
        }
        map.end()
    }
}

struct Value<'a>(&'a Datum);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Datum::Unsigned(number) => serializer.serialize_u64(*number),
            Datum::Signed(number) => serializer.serialize_i64(*number),
            Datum::Text(text) => serializer.serialize_str(text),
            Datum::Bytes(bytes) => serializer.collect_seq(bytes),
            Datum::List(values) => serializer.collect_seq(values.iter().map(Value)),
            Datum::Dictionary(dictionary) => {
                let mut map = serializer.serialize_map(Some(dictionary.entries.len()))?;
                entries(&mut map, dictionary)?;
                map.end()
            }
        }
    }
}

fn entries<M: SerializeMap>(map: &mut M, dictionary: &Dictionary) -> Result<(), M::Error> {
    for (name, value) in &dictionary.entries {
        map.serialize_entry(name, &Value(value))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kstack_parse::{Limits, dump};
    use kstack_synth::kcdata::{self, Buffer};
    use serde_json::json;

    use super::*;

    fn written(bytes: &[u8]) -> serde_json::Value {
        let mut out = Vec::new();
        write_json(&dump(bytes, &Limits::default()).unwrap(), &mut out).unwrap();
        assert_eq!(out.last(), Some(&b'\n'));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn one_buffer_is_one_object_with_its_own_key() {
        let bytes = Buffer::stackshot()
            .named_u64("stackshot_tries", u64::MAX)
            .task(5, |task| {
                task.item(0x907, &(-1_i32).to_le_bytes())
                    .item(0x9ee, &[1, 2])
                    .thread(9, |thread| {
                        thread
                            .text(0x909, "a \"name\"\u{1b}")
                            .array(0x914, &kcdata::words(&[16]))
                    })
            })
            .end();
        assert_eq!(
            written(&bytes),
            json!({ "kcdata_stackshot": {
                "stackshot_tries": u64::MAX,
                "task_snapshots": { "5": {
                    "donating_pids": -1,
                    "Type_0x9ee": [1, 2],
                    "thread_snapshots": { "9": {
                        "pth_name": "a \"name\"\u{1b}",
                        "kernel_stack_frames": [{ "lr": 16 }],
                    } },
                } },
            } })
        );
    }

    #[test]
    fn several_buffers_are_an_array() {
        let file = [Buffer::stackshot().end(), Buffer::delta().end()].concat();
        assert_eq!(
            written(&file),
            json!([{ "kcdata_stackshot": {} }, { "kcdata_delta_stackshot": {} }])
        );
    }

    #[test]
    fn damage_is_said_under_a_key_of_its_own() {
        let notes = json!(["offset 0x10: no end item: the buffer is incomplete"]);
        let cut = Buffer::stackshot().cut();
        assert_eq!(
            written(&cut),
            json!({ "kcdata_stackshot": {}, NOTES: notes })
        );
    }
}
