//! What the JSON reports of macOS and iOS have in common: a header line, a body, and their keys.
//!
//! Keys and shapes are those of files from iOS 12 to 26 and macOS 10.15 to
//! 26; Apple publishes neither. Header and body hold different keys, so they
//! are read into one document, in whatever order and number they come.

use std::borrow::Cow;

use kstack_model::{At, Fact, Frame, ImageOffset, Machine, Note, Position, Report, Uuid, Value};

use crate::json::{Json, Kind};
use crate::lines::lines;
use crate::{Limits, ParseError, ParseErrorKind, Sniff};

/// Everything read from one file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) bug_type: Option<String>,
    pub(super) machine: Machine,
    /// Panic logs as text, each with the key it stood under.
    pub(super) panics: Vec<(&'static str, String)>,
    pub(super) processes: Vec<RawProcess>,
    pub(super) rows: Vec<Row>,
    pub(super) has_stackshot: bool,
    pub(super) facts: Vec<Fact>,
    pub(super) notes: Vec<Note>,
    damaged_at: Option<Position>,
}

impl Document {
    /// The answer when nothing of a format was read: an error where damage may hide it.
    pub(super) fn nothing(&self) -> Result<Vec<Report>, ParseError> {
        match self.damaged_at {
            None => Ok(Vec::new()),
            position => Err(ParseError {
                kind: ParseErrorKind::Invalid(
                    "the JSON ends or is damaged before any panic or stackshot".to_owned(),
                ),
                position,
                within: None,
            }),
        }
    }
}

/// A row of `binaryImages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `None` for the row of zeros that stands for the address space itself.
    pub(super) uuid: Option<Uuid>,
    pub(super) base: u64,
    pub(super) letter: String,
}

/// A process whose frames still count from rows of `binaryImages`.
#[derive(Debug, Default)]
pub(super) struct RawProcess {
    pub(super) pid: Option<i32>,
    pub(super) name: Option<String>,
    pub(super) threads: Vec<RawThread>,
    pub(super) facts: Vec<Fact>,
}

/// A thread whose frames still count from rows of `binaryImages`.
#[derive(Debug, Default)]
pub(super) struct RawThread {
    pub(super) id: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) state: Vec<String>,
    pub(super) flags: Vec<String>,
    pub(super) kernel: Vec<Spot>,
    pub(super) user: Vec<Spot>,
    pub(super) wait_event: Option<Spot>,
    pub(super) continuation: Option<Spot>,
    pub(super) facts: Vec<Fact>,
}

/// `[row, offset]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) row: u32,
    pub(super) offset: ImageOffset,
}

impl Spot {
    /// Where it is, when the row's base says so.
    pub(super) fn at(self, image: u32) -> At {
        At::InImage {
            image,
            offset: self.offset,
        }
    }
}

/// Keys under which a panic log stands, the one of the machine itself first.
const PANIC_KEYS: &[&str] = &["panicString", "string", "macOSPanicString"];

/// Keys that tell a stackshot.
const STACKSHOT_KEYS: &[&str] = &["processByPid", "binaryImages"];

/// Answers for bytes that hold something in JSON, which is asked of their text.
pub(super) fn sniff(bytes: &[u8], holds: fn(&str) -> bool) -> Sniff {
    // Cheap before dear: most files have no object in them.
    if bytes.contains(&b'{') && holds(&String::from_utf8_lossy(bytes)) {
        Sniff::Yes
    } else {
        Sniff::No
    }
}

/// Whether some bytes hold a JSON report with panic text in it.
pub(super) fn holds_panic(text: &str) -> bool {
    json_part(text).is_some_and(|json| {
        has_key(json, "panicString")
            || has_key(json, "macOSPanicString")
            || (has_key(json, "string") && json.contains("panic(cpu "))
    })
}

/// Whether some bytes hold a JSON report with a stackshot in it.
pub(super) fn holds_stackshot(text: &str) -> bool {
    json_part(text).is_some_and(|json| has_key(json, "processByPid"))
}

/// Whether a key is there, followed by its colon.
fn has_key(json: &str, key: &str) -> bool {
    let quoted = format!("\"{key}\"");
    json.match_indices(&quoted).any(|(at, _)| {
        let behind = json.get(at + quoted.len()..).unwrap_or_default();
        behind.trim_start().starts_with(':')
    })
}

/// The text from the first line that begins an object.
fn json_part(text: &str) -> Option<&str> {
    text.match_indices('{').find_map(|(at, _)| {
        let from = text.get(at..)?;
        let before = text
            .get(..at)?
            .trim_end_matches([' ', '\t', '>', '\u{feff}']);
        let begins_line = before.is_empty() || before.ends_with('\n');
        let holds_key = from
            .get(1..)?
            .trim_start_matches(|space: char| space.is_whitespace() || space == '>')
            .starts_with('"');
        (begins_line && holds_key).then_some(from)
    })
}

/// Reads header and body, or either alone, as far as they go.
pub(super) fn read(text: &str, limits: &Limits) -> Document {
    let mut reader = Reader {
        limits,
        document: Document::default(),
        frames: 0,
        items: 0,
    };
    let Some(part) = json_part(text) else {
        return reader.document;
    };
    let unquoted = unquoted(text, part);
    let mut json = Json::new(&unquoted);
    while json.peek() == Kind::Object {
        json.object(|json, key| reader.top(json, key));
    }
    if let Some(at) = json.cut_at() {
        let skipped = text.len() - part.len();
        let position = Position::Byte((skipped + at) as u64);
        reader.document.damaged_at = Some(position);
        reader.document.notes.push(Note::at(
            position,
            "the JSON ends or is damaged here; what stands before it is used",
        ));
    }
    if reader.items >= limits.items || reader.frames >= limits.frames {
        reader.document.notes.push(Note::new(
            "the limit of items or frames is reached; what follows is left out",
        ));
    }
    reader.document
}

/// The JSON without the `> ` of a mail, where its first line has one.
fn unquoted<'a>(text: &str, part: &'a str) -> Cow<'a, str> {
    let before = text.get(..text.len() - part.len()).unwrap_or_default();
    if !before.ends_with(['>', ' ']) || !part.contains("\n>") {
        return Cow::Borrowed(part);
    }
    let texts: Vec<&str> = lines(part).map(|line| line.text).collect();
    Cow::Owned(texts.join("\n"))
}

struct Reader<'l> {
    limits: &'l Limits,
    document: Document,
    frames: usize,
    items: usize,
}

impl Reader<'_> {
    fn top(&mut self, json: &mut Json<'_>, key: &str) {
        let panic_key = PANIC_KEYS.iter().find(|known| **known == key);
        if let Some(key) = panic_key {
            let text = json.text().unwrap_or_default();
            if !text.trim().is_empty() {
                self.document.panics.push((key, text.into_owned()));
            }
            return;
        }
        if STACKSHOT_KEYS.contains(&key) {
            self.document.has_stackshot = true;
        }
        match key {
            "processByPid" => json.object(|json, pid| self.process(json, pid)),
            "binaryImages" => json.array(|json| self.row(json)),
            "bug_type" => self.document.bug_type = scalar(json).or(self.document.bug_type.take()),
            _ if self.machine(json, key) => {}
            _ => {
                let mut facts = std::mem::take(&mut self.document.facts);
                self.fact(json, key, &mut facts, 0);
                self.document.facts = facts;
            }
        }
    }

    /// Keys about the machine.
    fn machine(&mut self, json: &mut Json<'_>, key: &str) -> bool {
        let machine = &mut self.document.machine;
        match key {
            "product" | "modelCode" => machine.model = scalar(json),
            "kernel" => machine.kernel_version = scalar(json),
            "date" => machine.captured_at = scalar(json),
            "timestamp" => machine.captured_at = machine.captured_at.take().or(scalar(json)),
            "build" | "os_version" => {
                if let Some(version) = scalar(json) {
                    let (name, build) = version_and_build(&version);
                    machine.os_version = Some(name);
                    machine.os_build = build.or(machine.os_build.take());
                }
            }
            _ => return false,
        }
        true
    }

    fn process(&mut self, json: &mut Json<'_>, pid: &str) {
        if !self.count_item() {
            return json.skip();
        }
        let mut process = RawProcess {
            pid: pid.parse().ok(),
            ..RawProcess::default()
        };
        json.object(|json, key| match key {
            "procname" | "name" => process.name = json.string().map(Cow::into_owned),
            "pid" => {
                let pid = json.integer().map(u64::cast_signed);
                process.pid = pid.and_then(|pid| pid.try_into().ok()).or(process.pid);
            }
            "threadById" => json.object(|json, id| {
                let thread = self.thread(json, id);
                process.threads.extend(thread);
            }),
            _ => self.fact(json, key, &mut process.facts, 0),
        });
        self.document.processes.push(process);
    }

    fn thread(&mut self, json: &mut Json<'_>, id: &str) -> Option<RawThread> {
        if !self.count_item() {
            json.skip();
            return None;
        }
        let mut thread = RawThread {
            id: id.parse().ok(),
            ..RawThread::default()
        };
        json.object(|json, key| match key {
            "id" => thread.id = json.integer().or(thread.id),
            "name" => thread.name = json.string().map(Cow::into_owned),
            "dispatch_queue_label" => thread.queue = json.string().map(Cow::into_owned),
            "state" => thread.state = words(json),
            "snapshotFlags" => thread.flags = words(json),
            "kernelFrames" => thread.kernel = self.spots(json),
            "userFrames" => thread.user = self.spots(json),
            "waitEvent" => thread.wait_event = spot(json),
            "continuation" => thread.continuation = spot(json),
            _ => self.fact(json, key, &mut thread.facts, 0),
        });
        Some(thread)
    }

    fn spots(&mut self, json: &mut Json<'_>) -> Vec<Spot> {
        let mut spots = Vec::new();
        json.array(|json| {
            if self.frames >= self.limits.frames {
                return json.skip();
            }
            self.frames += 1;
            spots.extend(spot(json));
        });
        spots
    }

    fn row(&mut self, json: &mut Json<'_>) {
        if !self.count_item() {
            return json.skip();
        }
        let mut row = Row {
            uuid: None,
            base: 0,
            letter: String::new(),
        };
        let mut field = 0;
        json.array(|json| {
            match field {
                0 => row.uuid = json.string().and_then(|text| Uuid::parse_str(&text).ok()),
                1 => row.base = json.integer().unwrap_or(0),
                2 => row.letter = json.string().unwrap_or_default().into_owned(),
                _ => json.skip(),
            }
            field += 1;
        });
        row.uuid = row.uuid.filter(|uuid| !uuid.is_nil());
        self.document.rows.push(row);
    }

    /// Keeps a value kstack has no field for; the values of an object under dotted names.
    fn fact(&mut self, json: &mut Json<'_>, key: &str, facts: &mut Vec<Fact>, depth: usize) {
        /// No key of Apple's comes near it; a hostile one would be copied for every value below it.
        const LONGEST_KEY: usize = 256;
        match json.peek() {
            _ if key.len() > LONGEST_KEY => json.skip(),
            Kind::Object if depth < self.limits.depth.min(8) => json.object(|json, inner| {
                if inner.len() < LONGEST_KEY {
                    self.fact(json, &format!("{key}.{inner}"), facts, depth + 1);
                }
            }),
            // Each text by itself: "waitInfo" has one per thread.
            Kind::Array if depth < self.limits.depth.min(8) => {
                json.array(|json| self.fact(json, key, facts, depth + 1));
            }
            _ if !self.count_item() => json.skip(),
            _ => facts.extend(scalar_value(json).map(|value| Fact {
                name: key.to_owned().into(),
                value,
            })),
        }
    }

    fn count_item(&mut self) -> bool {
        let has_room = self.items < self.limits.items;
        self.items += usize::from(has_room);
        has_room
    }
}

/// `[row, offset]`; anything else is no place.
fn spot(json: &mut Json<'_>) -> Option<Spot> {
    let mut numbers = [None; 2];
    let mut field = 0;
    json.array(|json| {
        if let Some(slot) = numbers.get_mut(field) {
            *slot = json.integer();
        }
        field += 1;
    });
    let [row, offset] = numbers;
    Some(Spot {
        row: row?.try_into().ok()?,
        offset: ImageOffset(offset?),
    })
}

/// The texts of an array, or a text alone.
fn words(json: &mut Json<'_>) -> Vec<String> {
    let mut words = Vec::new();
    if json.peek() == Kind::Array {
        json.array(|json| words.extend(json.string().map(Cow::into_owned)));
    } else {
        words.extend(json.string().map(Cow::into_owned));
    }
    words
}

/// A text or number as text.
fn scalar(json: &mut Json<'_>) -> Option<String> {
    match json.peek() {
        Kind::String => json.string().map(Cow::into_owned),
        _ => json.word().map(str::to_owned),
    }
}

fn scalar_value(json: &mut Json<'_>) -> Option<Value> {
    if json.peek() == Kind::String {
        return json.string().map(|text| Value::Text(text.into_owned()));
    }
    let word = json.word()?;
    let signed = || word.parse().ok().map(Value::Signed);
    let number = word.parse().ok().map(Value::Number);
    Some(
        number
            .or_else(signed)
            .unwrap_or_else(|| Value::Text(word.to_owned())),
    )
}

/// "iPhone OS 16.2 (20C65)" in its two parts.
fn version_and_build(text: &str) -> (String, Option<String>) {
    match text.split_once(" (") {
        Some((version, build)) => (
            version.to_owned(),
            Some(build.trim_end_matches(')').to_owned()),
        ),
        None => (text.to_owned(), None),
    }
}

/// A frame at a place that its row cannot resolve yet.
pub(super) fn frame(at: At, kind: kstack_model::FrameKind) -> Frame {
    Frame {
        at,
        kind,
        frame_pointer: None,
        said: None,
    }
}
