//! The JSON wrapper of a panic: its text goes to `panic_text`, its stackshot to `stackshot_ips`.

use kstack_model::{Machine, Report};

use super::ips::{self, Document};
use super::{panic_text, stackshot_ips};
use crate::{Content, Format, Limits, ParseError};

pub(crate) const FORMAT: Format = Format {
    name: "panic-ips",
    about: "panic report in JSON (.ips, .panic), with or without a stackshot",
    content: Content::Binary,
    sniff: |bytes| ips::sniff(bytes, ips::holds_panic),
    parse,
};

/// The panics first, then the stackshot, each a report of its own: the text's
/// addresses are slid and the stackshot's are not.
fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let mut document = ips::read(&String::from_utf8_lossy(bytes), limits);
    let mut reports = Vec::new();
    // With a T2 the file is the bridge's, and macOS speaks under a key of its own.
    let mut own_panic = None;
    for (key, text) in std::mem::take(&mut document.panics) {
        let mut panics = panic_text::read(&text, FORMAT.name, limits);
        if panics.is_empty() {
            panics.extend(panic_text::message_alone(&text, FORMAT.name));
        }
        for panic in &mut panics {
            complete(panic, &document, key);
        }
        if own_panic.is_none() && !panics.is_empty() {
            own_panic = Some(reports.len());
        }
        reports.append(&mut panics);
    }
    if document.has_stackshot {
        let panic = own_panic.and_then(|at| reports.get(at));
        let stackshot = stackshot_ips::report(document, panic);
        reports.push(stackshot);
    } else if reports.is_empty() {
        return document.nothing();
    }
    Ok(reports)
}

/// Gives the text's report what only the JSON around it says.
fn complete(panic: &mut Report, document: &Document, key: &str) {
    let variant = panic.variant.take().unwrap_or_default();
    panic.variant = Some(match &document.bug_type {
        Some(bug_type) => format!("{variant}, {key} of bug type {bug_type}"),
        None => format!("{variant}, {key}"),
    });
    if key == "macOSPanicString" {
        return;
    }
    let machine = &mut panic.machine;
    let stated: &Machine = &document.machine;
    machine.os_version = machine.os_version.take().or(stated.os_version.clone());
    machine.os_build = machine.os_build.take().or(stated.os_build.clone());
    machine.model = machine.model.take().or(stated.model.clone());
    machine.kernel_version = machine
        .kernel_version
        .take()
        .or(stated.kernel_version.clone());
    machine.captured_at = machine.captured_at.take().or(stated.captured_at.clone());
    let is_alone = !document.has_stackshot;
    if is_alone {
        panic.facts.extend(document.facts.iter().cloned());
        panic.notes.extend(document.notes.iter().cloned());
    }
}
