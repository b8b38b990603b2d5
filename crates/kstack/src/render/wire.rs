//! The types of the JSON: they own its field names and their order, apart from the model.
//!
//! Written down in `docs/json.md` and `docs/schema/kstack-1.schema.json`.
//! Addresses are strings, because numbers above 2⁵³ lose digits in many
//! readers; counts, sizes and offsets are numbers; what is absent is left out.

use std::collections::BTreeMap;

use kstack_model::{Address, Uuid};
use serde::{Serialize, Serializer};

/// Version of the schema. A field may be added without changing it.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
pub(crate) struct Document<'a, Processes> {
    pub(crate) schema: u32,
    pub(crate) report: Report<'a>,
    pub(crate) images: Vec<Image<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processes: Option<Processes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<LeftOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) inferences: Vec<Inference<'a>>,
    pub(crate) missing: Missing<'a>,
    pub(crate) unused: Vec<Unused<'a>>,
    pub(crate) notes: Vec<Note<'a>>,
}

/// A list whose elements are made as they are written: all of them take as much memory as the text.
pub(crate) struct InTurn<F>(pub(crate) F);

impl<F, I> Serialize for InTurn<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<TraceIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os_build: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) boot_args: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) captured_at: Option<&'a str>,
    pub(crate) kernel_addresses: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kernel_slides: Vec<KernelSlide>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) facts: Option<Facts<'a>>,
    pub(crate) notes: Vec<Note<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Fingerprint {
    pub(crate) id: String,
    pub(crate) of: &'static str,
    pub(crate) frames: usize,
    pub(crate) unnamed: usize,
}

impl From<crate::diagnose::Fingerprint> for Fingerprint {
    fn from(fingerprint: crate::diagnose::Fingerprint) -> Fingerprint {
        Fingerprint {
            id: fingerprint.to_string(),
            of: fingerprint.of.word(),
            frames: fingerprint.frames,
            unnamed: fingerprint.unnamed,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct TraceIndex {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct KernelSlide {
    pub(crate) of: &'static str,
    pub(crate) slide: Hex,
}

#[derive(Debug, Serialize)]
pub(crate) struct Image<'a> {
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) executable: Option<&'a str>,
    pub(crate) kind: &'static str,
    pub(crate) space: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<UuidText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) load_address: Option<Hex>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stated_segments: Vec<StatedSegment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'a str>,
    pub(crate) origin: &'static str,
    pub(crate) frames: usize,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<Used<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<Evidence>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<Refused<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Evidence {
    pub(crate) verdict: &'static str,
    pub(crate) return_addresses: Agreement,
    pub(crate) direct_calls: Agreement,
    pub(crate) interrupted: Agreement,
}

#[derive(Debug, Serialize)]
pub(crate) struct Inference<'a> {
    pub(crate) path: &'a str,
    pub(crate) name: &'a str,
    pub(crate) outcome: &'static str,
    pub(crate) candidates: Vec<Candidate<'a>>,
    /// Candidates not listed.
    pub(crate) more: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Candidate<'a> {
    pub(crate) segment: &'a str,
    pub(crate) address: Hex,
    pub(crate) slide: Hex,
    pub(crate) return_addresses: Agreement,
    pub(crate) direct_calls: Agreement,
    pub(crate) bits: f64,
    pub(crate) bits_left: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Agreement {
    pub(crate) agree: usize,
    pub(crate) of: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct StatedSegment<'a> {
    pub(crate) segment: &'a str,
    pub(crate) address: Hex,
}

#[derive(Debug, Serialize)]
pub(crate) struct Used<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dsym: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_uuid: Option<UuidText>,
    pub(crate) matched_by: &'static str,
    pub(crate) placed_by: &'static str,
    pub(crate) detail: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) other_build: bool,
    pub(crate) segments: Vec<PlacedSegment<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remarks: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PlacedSegment<'a> {
    pub(crate) name: &'a str,
    pub(crate) start: Hex,
    pub(crate) end: Hex,
    pub(crate) slide: Hex,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refused<'a> {
    pub(crate) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<UuidText>,
    pub(crate) why: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Process<'a> {
    pub(crate) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) facts: Option<Facts<'a>>,
    pub(crate) threads: Vec<Thread<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Thread<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) panicked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait_event: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait_event_at: Option<Awaited<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuation: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuation_symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waits: Vec<Wait<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) turnstiles: Vec<Turnstile<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) facts: Option<Facts<'a>>,
    pub(crate) stacks: Vec<Stack<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Wait<'a> {
    #[serde(rename = "type")]
    pub(crate) wait_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context_at: Option<Awaited<'a>>,
    pub(crate) owner: Owner,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) for_a_reply: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<&'a str>,
}

/// What lies at an address of the kernel's space that threads wait at.
#[derive(Debug, Serialize)]
pub(crate) struct Awaited<'a> {
    pub(crate) image: &'a str,
    pub(crate) segment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol_raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) nearest: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) other_build: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Turnstile<'a> {
    pub(crate) end: Owner,
    pub(crate) priority: u8,
    pub(crate) hops: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<&'a str>,
}

/// Who has what a thread waits for; at most one of the numbers is there.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Owner {
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thread: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process_group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) work_queue: Option<Hex>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Stack<'a> {
    pub(crate) side: &'static str,
    pub(crate) samples: u64,
    pub(crate) end: &'static str,
    pub(crate) frames: Vec<Frame<'a>>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Frame<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lookup: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frame_pointer: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset_in_image: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol_raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) nearest: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) unnamed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) other_build: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) contradicted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) made: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entered_through: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tail_called_from: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guess: Option<Guess<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) nearby: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) inlined: Vec<Inlined<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contradicts: Option<&'static str>,
}

/// What a frame without a sure name probably is.
#[derive(Debug, Serialize)]
pub(crate) struct Guess<'a> {
    pub(crate) kind: &'static str,
    pub(crate) linked_at: Hex,
    pub(crate) tables: Vec<Slot<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) more: usize,
}

/// An entry of a virtual table.
#[derive(Debug, Serialize)]
pub(crate) struct Slot<'a> {
    pub(crate) class: &'a str,
    pub(crate) entry: u32,
    pub(crate) named_by: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Inlined<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol_raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) nearby: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source<'a>>,
}

/// Lines of a source file.
#[derive(Debug, Serialize)]
pub(crate) struct Source<'a> {
    pub(crate) first_line: u32,
    pub(crate) lines: &'a [String],
}

#[derive(Debug, Serialize)]
pub(crate) struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) inlined: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remark: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) processes: usize,
    pub(crate) threads: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Missing<'a> {
    pub(crate) images: Vec<MissingImage<'a>>,
    pub(crate) unknown: Vec<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<MissingUser>,
}

#[derive(Debug, Serialize)]
pub(crate) struct MissingImage<'a> {
    pub(crate) image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<UuidText>,
    pub(crate) frames: usize,
    pub(crate) pass: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Unknown {
    pub(crate) region: &'static str,
    pub(crate) frames: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lowest: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) highest: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pass: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct MissingUser {
    pub(crate) images: usize,
    pub(crate) frames: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Unused<'a> {
    pub(crate) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<UuidText>,
    pub(crate) reason: &'static str,
    pub(crate) why: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Note<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) byte: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    pub(crate) text: &'a str,
}

/// Everything else the artefact says, by its own names; a name that comes again has a list.
pub(crate) type Facts<'a> = BTreeMap<&'a str, Fact<'a>>;

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Fact<'a> {
    Number(u64),
    Signed(i64),
    Hex(Hex),
    Text(&'a str),
    Uuid(UuidText),
    Numbers(&'a [u64]),
    Several(Vec<Fact<'a>>),
}

/// A number as `"0x1f40"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex(pub(crate) u64);

impl From<Address> for Hex {
    fn from(address: Address) -> Hex {
        Hex(address.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // There is one for each frame: the digits are set here, not by a formatter.
        let mut text = *b"0x0000000000000000";
        let digits = self.0.checked_ilog2().unwrap_or(0) / 4 + 1;
        let end = 2 + digits as usize;
        let mut rest = self.0;
        for digit in text.iter_mut().take(end).skip(2).rev() {
            let [low, ..] = (rest & 15).to_le_bytes();
            *digit = match low {
                0..10 => b'0' + low,
                _ => b'a' + (low - 10),
            };
            rest >>= 4;
        }
        let text = text.get(..end).and_then(|text| str::from_utf8(text).ok());
        serializer.serialize_str(text.unwrap_or_default())
    }
}

/// A UUID as Apple's tools print it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UuidText(pub(crate) Uuid);

impl Serialize for UuidText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:X}", self.0.hyphenated()))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}
