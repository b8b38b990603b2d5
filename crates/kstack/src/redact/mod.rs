//! A trace without what is private: names of processes, paths, user names, boot arguments, ids of the machine.
//!
//! Everything private has a placeholder, `process-3`, the same wherever it
//! stands, so that a redacted trace can still be read. The kernel's side
//! stays: kexts, functions, states, addresses, and the names of kernel threads.

mod pages;
mod paths;
mod secrets;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use kstack_model::{Fact, Note, Report, Said, Side, Thread, Value};

use self::secrets::{Secrets, is_kernel};
use crate::resolve::{Resolution, SpaceId, Trace};
use crate::select::Selection;

/// Facts that tell which machine it was, or which of its boots.
const OF_THE_MACHINE: [&str; 6] = [
    "boot session",
    "anonymous",
    "crashreporter",
    "incident",
    "serial number",
    "host name",
];

/// Replaces what is private in reports that belong together, everywhere by the same placeholders.
///
/// ```
/// let report = kstack::model::Report::default();
/// let redactor = kstack::Redactor::of([&report]);
/// let mut trace = kstack::resolve(report, &Default::default(), &Default::default());
/// redactor.redact(&mut trace);
/// ```
#[derive(Debug)]
pub struct Redactor {
    secrets: Secrets,
}

impl Redactor {
    /// Looks for what is private in all of them.
    #[must_use]
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Redactor {
        Redactor {
            secrets: Secrets::of(reports),
        }
    }

    /// Takes what is private out of the trace of one of the reports. Do it before anything is written.
    pub fn redact(&self, trace: &mut Trace) {
        let secrets = &self.secrets;
        secrets.redact_report(trace);
        secrets.redact_images(trace);
        for file in &mut trace.unused {
            file.path = secrets.without_folder(&file.path);
            file.why = secrets.text(&file.why);
        }
        secrets.notes(&mut trace.notes);
        #[expect(clippy::iter_over_hash_type, reason = "each is changed for itself")]
        for resolution in trace.resolutions.values_mut() {
            if let Resolution::Named { named, .. } = resolution {
                for file in named
                    .frames
                    .iter_mut()
                    .filter_map(|frame| frame.file.as_mut())
                {
                    *file = secrets.without_folder(file).into();
                }
            }
        }
    }

    /// The selection for redacted traces: processes are asked for by the names they had.
    #[must_use]
    pub fn selection(&self, mut selection: Selection) -> Selection {
        for name in &mut selection.processes {
            if let Some(placeholder) = self.secrets.placeholder(name) {
                placeholder.clone_into(name);
            }
        }
        selection
    }
}

/// The version of a kernel without the name of who built it, which for Apple's own is `root`.
fn without_builder(version: &str) -> String {
    if let Some((head, rest)) = version.rsplit_once("; ")
        && let Some((builder, rest)) = rest.split_once(":xnu-")
        && builder != "root"
    {
        return format!("{head}; (redacted):xnu-{rest}");
    }
    version.to_owned()
}

impl Secrets {
    fn redact_images(&self, trace: &mut Trace) {
        for image in &mut trace.images {
            self.path(&mut image.image.path);
            if image.space != SpaceId::Kernel {
                self.name(&mut image.image.name);
                self.name(&mut image.image.executable);
            }
            for refusal in &mut image.refused {
                refusal.path = self.without_folder(&refusal.path);
                refusal.why = self.text(&refusal.why);
            }
            if let Some(used) = &mut image.used {
                for path in &mut used.paths {
                    *path = self.without_folder(path);
                }
                for remark in &mut used.remarks {
                    *remark = self.text(remark);
                }
            }
        }
    }

    fn redact_report(&self, trace: &mut Trace) {
        let report = &mut trace.report;
        if report.machine.boot_args.is_some() {
            report.machine.boot_args = Some("(redacted)".to_owned());
        }
        if let Some(version) = &mut report.machine.kernel_version {
            *version = self.text(&without_builder(version));
        }
        self.facts(&mut report.facts);
        self.notes(&mut report.notes);
        for image in &mut report.kernel.images {
            self.path(&mut image.path);
        }
        for process in &mut report.processes {
            // A zone log is the kernel's own, and what its records are is no secret.
            let is_kernel = report.format == "zlog" || is_kernel(process);
            if !is_kernel {
                self.name(&mut process.name);
            }
            self.path(&mut process.path);
            self.facts(&mut process.facts);
            for image in &mut process.space.images {
                self.path(&mut image.path);
                self.name(&mut image.name);
                self.name(&mut image.executable);
            }
            for name in process
                .port_labels
                .iter_mut()
                .filter_map(|label| label.name.as_mut())
            {
                *name = self.text(name);
            }
            for thread in &mut process.threads {
                self.thread(thread, is_kernel);
            }
        }
    }

    fn thread(&self, thread: &mut Thread, is_kernel: bool) {
        // Programs put titles and addresses of pages into the names of their threads, Apple's their own names.
        let names = [&mut thread.name, &mut thread.queue];
        for name in names.into_iter().flatten().filter(|_| !is_kernel) {
            *name = match name.starts_with("com.apple.") {
                true => self.text(name),
                false => "(redacted)".to_owned(),
            };
        }
        self.facts(&mut thread.facts);
        for stack in &mut thread.stacks {
            let side = stack.side;
            for said in stack
                .frames
                .iter_mut()
                .filter_map(|frame| frame.said.as_mut())
            {
                let mut redacted = Said::clone(said);
                self.said(&mut redacted, side);
                if redacted != **said {
                    *said = Arc::new(redacted);
                }
            }
        }
    }

    fn said(&self, said: &mut Said, side: Side) {
        for text in [&mut said.file, &mut said.remark].into_iter().flatten() {
            *text = self.text(text);
        }
        if side != Side::Kernel {
            self.name(&mut said.image);
            // A program's functions may be called as it is; a function of the kernel that is, is chance.
            if let Some(symbol) = &mut said.symbol {
                *symbol = self.text(symbol);
            }
        }
        for inlined in &mut said.inlined {
            self.said(inlined, side);
        }
    }

    fn facts(&self, facts: &mut [Fact]) {
        for fact in facts {
            let lower = fact.name.to_ascii_lowercase();
            let is_of_machine = OF_THE_MACHINE.iter().any(|name| lower.contains(name));
            if let Value::Text(text) = &mut fact.value {
                *text =
                    match is_of_machine || lower.replace(['_', '-', ' '], "").contains("bootarg") {
                        true => "(redacted)".to_owned(),
                        false => self.text(text),
                    };
            }
        }
    }

    fn notes(&self, notes: &mut [Note]) {
        for note in notes {
            note.text = self.text(&note.text);
        }
    }
}
