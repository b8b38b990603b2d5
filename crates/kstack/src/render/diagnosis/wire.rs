//! The types of a diagnosis in JSON: they own its field names.

use serde::Serialize;

use super::super::wire::{Fingerprint, Hex, Unknown, UuidText};
use crate::diagnose;

#[derive(Debug, Serialize)]
pub(super) struct Document {
    pub(super) schema: u32,
    pub(super) kind: &'static str,
    pub(super) format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) faults: Vec<String>,
    pub(super) waits_recorded: bool,
    pub(super) deadlocks: Vec<Deadlock>,
    pub(super) roots: Vec<Root>,
    pub(super) shared: Vec<Shared>,
    pub(super) groups: Vec<Group>,
    pub(super) idle: Vec<Idle>,
    pub(super) missing: Vec<Missing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unknown: Vec<Unknown>,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Deadlock {
    pub(super) certain: bool,
    pub(super) waiters: usize,
    pub(super) waits: Vec<Wait>,
}

#[derive(Debug, Serialize)]
pub(super) struct Root {
    pub(super) who: Who,
    pub(super) waiters: usize,
    pub(super) longest: Vec<Wait>,
}

#[derive(Debug, Serialize)]
pub(super) struct Wait {
    pub(super) thread: Thread,
    #[serde(rename = "for")]
    pub(super) whom: Who,
    pub(super) strength: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait_type_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Hex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hops: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<String>,
    pub(super) text: String,
}

/// Somebody who is waited for.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Who {
    Thread(Thread),
    Process(Process),
    ThreadNotCaptured { id: u64 },
    ProcessNotCaptured { pid: i32 },
    Service { name: Option<String> },
    Kernel,
}

#[derive(Debug, Serialize)]
pub(super) struct Thread {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u64>,
    pub(super) process: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process_name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Process {
    pub(super) process: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process_name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Shared {
    pub(super) inferred: bool,
    pub(super) by: &'static str,
    pub(super) text: String,
    pub(super) threads: Vec<Thread>,
}

#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) rank: &'static str,
    pub(super) threads: usize,
    pub(super) variants: Vec<Variant>,
}

#[derive(Debug, Serialize)]
pub(super) struct Variant {
    pub(super) threads: Vec<Thread>,
    pub(super) doing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) some: Vec<OfSome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) processor_time: Option<ProcessorTime>,
    pub(super) kernel: Vec<String>,
    pub(super) user: Vec<String>,
}

/// What only some of the threads of a group do.
#[derive(Debug, Serialize)]
pub(super) struct OfSome {
    pub(super) threads: usize,
    pub(super) doing: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ProcessorTime {
    count: u64,
    unit: &'static str,
}

impl From<diagnose::ProcessorTime> for ProcessorTime {
    fn from(time: diagnose::ProcessorTime) -> ProcessorTime {
        ProcessorTime {
            count: time.count(),
            unit: time.unit(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Idle {
    pub(super) what: &'static str,
    pub(super) threads: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uuid: Option<UuidText>,
    pub(super) frames: usize,
    pub(super) pass: String,
    pub(super) from: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) schema: u32,
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_one_boot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint_before: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint_after: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) panics: Option<Panics>,
    pub(super) not_moved: Vec<NotMoved>,
    pub(super) idle: usize,
    pub(super) moved: Vec<Thread>,
    pub(super) new: Vec<Thread>,
    pub(super) gone: Vec<Thread>,
    pub(super) cpu_time: Vec<Grown>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) shrunk: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
pub(super) struct Panics {
    pub(super) same: bool,
    pub(super) common: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct NotMoved {
    pub(super) thread: Thread,
    pub(super) proof: &'static str,
    pub(super) doing: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Grown {
    pub(super) thread: Thread,
    pub(super) more: u64,
    pub(super) unit: &'static str,
}
