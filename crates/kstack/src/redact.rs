//! A trace without what is private: names of processes, paths, user names, boot arguments.
//!
//! Everything private has a placeholder, `process-3`, the same wherever it
//! stands, so that a redacted trace can still be read. The kernel's side
//! stays: kexts, functions, states, addresses, and the names of kernel threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use kstack_model::{Fact, Note, Process, Said, Thread, Value};

use crate::resolve::{Resolution, SpaceId, Trace, TraceImage};

/// Folders whose paths say nothing of the user.
const SYSTEM: [&str; 7] = [
    "/System/",
    "/usr/lib/",
    "/usr/libexec/",
    "/usr/sbin/",
    "/usr/bin/",
    "/sbin/",
    "/bin/",
];

/// Names shorter than this are not looked for inside sentences: they are parts of too many words.
const SHORTEST: usize = 3;

/// Replaces what is private in traces, with the same placeholders in all of them. Do it before anything is
/// written.
///
/// ```
/// let mut trace = kstack::resolve(Default::default(), &Default::default(), &Default::default());
/// kstack::redact(std::slice::from_mut(&mut trace));
/// ```
pub fn redact(traces: &mut [Trace]) {
    let secrets = Secrets::of(traces);
    for trace in traces {
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
                    *file = secrets.without_folder(file);
                }
            }
        }
    }
}

/// What is private, and what stands in its place.
struct Secrets {
    placeholders: BTreeMap<String, String>,
    finder: Option<AhoCorasick>,
    found: Vec<String>,
}

impl Secrets {
    fn of(traces: &[Trace]) -> Secrets {
        let mut names = Numbered::new("process");
        let mut paths = Numbered::new("path");
        let mut users = Numbered::new("user");
        let mut executables = Numbered::new("image");
        for trace in traces {
            for process in &trace.report.processes {
                if !is_kernel(process) {
                    names.add(process.name.as_deref());
                }
            }
            let of_processes = trace
                .report
                .processes
                .iter()
                .map(|process| process.path.as_deref());
            let of_images = trace.images.iter().map(|image| image.image.path.as_deref());
            for path in of_processes.chain(of_images).flatten() {
                users.add(user(path));
                paths.add(Some(path).filter(|path| !is_system(path)));
            }
            for image in trace.images.iter().filter(|image| is_private(image)) {
                executables.add(image.image.name.as_deref());
                executables.add(image.image.executable.as_deref());
            }
        }
        let mut placeholders = BTreeMap::new();
        // The first to name something wins: an executable is called as its process is.
        for (secret, placeholder) in [names, paths, users, executables]
            .into_iter()
            .flat_map(|all| all.found)
        {
            placeholders.entry(secret).or_insert(placeholder);
        }
        let searched = placeholders
            .keys()
            .filter(|secret| secret.len() >= SHORTEST);
        let found: Vec<String> = searched.cloned().collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&found);
        Secrets {
            placeholders,
            // Too much to search for at once is more than a file can hold; then sentences go as a whole.
            finder: finder.ok(),
            found,
        }
    }

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
        self.facts(&mut report.facts);
        self.notes(&mut report.notes);
        for image in &mut report.kernel.images {
            self.path(&mut image.path);
        }
        for process in &mut report.processes {
            let is_kernel = is_kernel(process);
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
            for label in &mut process.port_labels {
                if let Some(name) = &mut label.name {
                    *name = self.text(name);
                }
            }
            for thread in &mut process.threads {
                self.thread(thread, is_kernel);
            }
        }
    }

    fn thread(&self, thread: &mut Thread, is_kernel: bool) {
        // Programs put titles and addresses of pages into the names of their threads.
        for name in [&mut thread.name, &mut thread.queue] {
            if let Some(name) = name
                .as_mut()
                .filter(|name| !is_kernel && !name.starts_with("com.apple."))
            {
                *name = "(redacted)".to_owned();
            }
        }
        self.facts(&mut thread.facts);
        for frame in thread.stacks.iter_mut().flat_map(|stack| &mut stack.frames) {
            let Some(said) = &mut frame.said else {
                continue;
            };
            let mut redacted = Said::clone(said);
            self.said(&mut redacted);
            if redacted != **said {
                *said = Arc::new(redacted);
            }
        }
    }

    fn said(&self, said: &mut Said) {
        self.name(&mut said.image);
        for text in [&mut said.file, &mut said.remark].into_iter().flatten() {
            *text = self.text(text);
        }
        for inlined in &mut said.inlined {
            self.said(inlined);
        }
    }

    fn facts(&self, facts: &mut [Fact]) {
        for fact in facts {
            let lower = fact.name.to_ascii_lowercase();
            if let Value::Text(text) = &mut fact.value {
                *text = match lower.replace(['_', '-', ' '], "").contains("bootarg") {
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

    fn name(&self, name: &mut Option<String>) {
        if let Some(name) = name
            && let Some(placeholder) = self.placeholders.get(name)
        {
            name.clone_from(placeholder);
        }
    }

    fn path(&self, path: &mut Option<String>) {
        if let Some(path) = path {
            *path = match self.placeholders.get(path.as_str()) {
                Some(placeholder) => placeholder.clone(),
                None => self.text(path),
            };
        }
    }

    /// The file's own name: whoever reads the trace needs that one.
    fn without_folder(&self, path: &str) -> String {
        // Of a bundle the bundle is what the user knows the file by.
        let inside = path.find(".kext").or_else(|| path.find(".dSYM"));
        let end = inside.unwrap_or(path.len());
        let start = path
            .get(..end)
            .and_then(|head| head.rfind('/'))
            .map_or(0, |at| at + 1);
        self.text(path.get(start..).unwrap_or(path))
    }

    /// A sentence with every secret in it replaced, and every other path outside the system's folders.
    fn text(&self, text: &str) -> String {
        let Some(finder) = &self.finder else {
            return "(redacted)".to_owned();
        };
        let mut shown = String::with_capacity(text.len());
        let mut rest = 0;
        for found in finder.find_iter(text) {
            let secret = self.found.get(found.pattern().as_usize());
            let placeholder = secret.and_then(|secret| self.placeholders.get(secret));
            if let Some(placeholder) = placeholder
                && is_word(text, found.start(), found.end())
            {
                shown.push_str(text.get(rest..found.start()).unwrap_or_default());
                shown.push_str(placeholder);
                rest = found.end();
            }
        }
        shown.push_str(text.get(rest..).unwrap_or_default());
        without_paths(&shown)
    }
}

/// Secrets of one kind with their placeholders, numbered as they come.
struct Numbered {
    kind: &'static str,
    seen: BTreeSet<String>,
    found: Vec<(String, String)>,
}

impl Numbered {
    fn new(kind: &'static str) -> Numbered {
        Numbered {
            kind,
            seen: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn add(&mut self, secret: Option<&str>) {
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
            return;
        };
        if self.seen.insert(secret.to_owned()) {
            let placeholder = format!("{}-{}", self.kind, self.seen.len());
            self.found.push((secret.to_owned(), placeholder));
        }
    }
}

fn is_kernel(process: &Process) -> bool {
    process.pid == Some(0) || process.name.as_deref() == Some("kernel_task")
}

/// Whether an image of user space may tell what its user runs. Names of libraries are everyone's.
fn is_private(image: &TraceImage) -> bool {
    let is_of_system = image.image.path.as_deref().is_some_and(is_system);
    let is_library = |name: &str| name.starts_with("com.apple.") || name.starts_with("lib");
    let is_known = image.image.name.as_deref().is_some_and(is_library);
    image.space != SpaceId::Kernel && !is_of_system && !is_known
}

fn is_system(path: &str) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// Whose home a path is in.
fn user(path: &str) -> Option<&str> {
    let rest = path
        .strip_prefix("/Users/")
        .or_else(|| path.strip_prefix("/home/"))?;
    rest.split('/')
        .next()
        .filter(|user| !user.is_empty() && *user != "Shared")
}

/// Whether nothing of the same word stands on either side.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let before = text
        .get(..start)
        .and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    !before.is_some_and(is_part) && !after.is_some_and(is_part)
}

/// Paths outside the system's folders without their folders.
fn without_paths(text: &str) -> String {
    let ends_path = |c: char| c.is_whitespace() || "\"'`,;()[]<>".contains(c);
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends_path) {
        let path = piece.trim_end_matches(ends_path);
        let end = piece.get(path.len()..).unwrap_or_default();
        let at = path.find('/').unwrap_or(path.len());
        let (before, path) = path.split_at_checked(at).unwrap_or((path, ""));
        shown.push_str(before);
        // One slash is a unit, a date or "and/or"; a path has folders.
        if path.matches('/').count() > 1
            && !is_system(path)
            && (before.is_empty() || !before.ends_with(char::is_alphanumeric))
        {
            shown.push_str("…/");
            shown.push_str(
                path.rsplit('/')
                    .find(|name| !name.is_empty())
                    .unwrap_or_default(),
            );
        } else {
            shown.push_str(path);
        }
        shown.push_str(end);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use kstack_model::{Frame, FrameKind, Report, Side, Stack};

    fn report() -> Report {
        let said = Said {
            image: Some("Secret App".to_owned()),
            symbol: Some("main".to_owned()),
            file: Some("/Users/alice/src/main.c".to_owned()),
            ..Said::default()
        };
        let stack = Stack::new(
            Side::User,
            vec![Frame::unplaced(said, FrameKind::ReturnAddress)],
        );
        let process = |pid, name: &str, path: &str| Process {
            pid: Some(pid),
            name: Some(name.to_owned()),
            path: Some(path.to_owned()),
            threads: vec![Thread {
                name: Some("tab: my bank".to_owned()),
                stacks: vec![stack.clone()],
                ..Thread::default()
            }],
            ..Process::default()
        };
        let mut report = Report {
            processes: vec![
                process(0, "kernel_task", ""),
                process(7, "Secret App", "/Users/alice/Applications/Secret App"),
                process(8, "Secret App", "/usr/libexec/secret"),
            ],
            ..Report::default()
        };
        report.processes[0].threads[0].name = Some("txg_sync".to_owned());
        report.machine.boot_args = Some("keepsyms=1 serial=3".to_owned());
        let panic = "BSD process name: Secret App, of alice, at /Volumes/mine/x/y.c";
        report.facts.push(Fact::new("panic", panic.to_owned()));
        report.notes.push(Note::new("/home/bob/reports/a.log: cut"));
        report
    }

    #[test]
    fn nothing_private_is_left_anywhere() {
        let mut trace = crate::resolve(report(), &Default::default(), &Default::default());
        redact(std::slice::from_mut(&mut trace));
        let shown = format!("{trace:?}");
        for secret in ["Secret", "alice", "bob", "bank", "keepsyms", "mine"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }

    #[test]
    fn one_secret_has_one_placeholder_and_the_kernel_keeps_its_names() {
        let mut trace = crate::resolve(report(), &Default::default(), &Default::default());
        redact(std::slice::from_mut(&mut trace));
        let names: Vec<_> = trace
            .report
            .processes
            .iter()
            .map(|process| process.name.as_deref())
            .collect();
        assert_eq!(
            names,
            [Some("kernel_task"), Some("process-1"), Some("process-1")]
        );
        assert_eq!(
            trace.report.processes[0].threads[0].name.as_deref(),
            Some("txg_sync")
        );
        assert_eq!(
            trace.report.processes[2].path.as_deref(),
            Some("/usr/libexec/secret")
        );
        let Value::Text(panic) = &trace.report.facts[0].value else {
            panic!()
        };
        assert_eq!(panic, "BSD process name: process-1, of user-1, at …/y.c");
    }

    #[test]
    fn words_that_only_look_like_paths_stay() {
        assert_eq!(
            without_paths("and/or, 1/2, /System/Library/x.kext"),
            "and/or, 1/2, /System/Library/x.kext"
        );
        assert_eq!(without_paths("(/Users/a/b.c:12)"), "(…/b.c:12)");
    }
}
