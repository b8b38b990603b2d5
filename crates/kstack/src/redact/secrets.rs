//! What is private in traces, and the placeholder of each.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};
use kstack_model::{LoadedImage, Process, Report, Side, Value};

use super::pages;
use super::paths::{is_system, own_name, user, users_in, without_paths};

/// Names shorter than this are not looked for inside sentences: they are parts of too many words.
const SHORTEST: usize = 3;

/// What is private, and what stands in its place.
#[derive(Debug)]
pub(super) struct Secrets {
    placeholders: BTreeMap<String, String>,
    finder: Option<AhoCorasick>,
    found: Vec<String>,
}

impl Secrets {
    pub(super) fn of<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Secrets {
        let mut names = Numbered::new("process");
        let mut paths = Numbered::new("path");
        let mut users = Numbered::new("user");
        let mut executables = Numbered::new("image");
        let mut services = Numbered::new("service");
        for report in reports {
            for process in &report.processes {
                if !is_kernel(process) {
                    names.add(process.name.as_deref());
                }
            }
            for path in all_paths(report) {
                users.add(user(path));
                paths.add(Some(path).filter(|path| !is_system(path)));
            }
            for user in sentences(report).flat_map(users_in) {
                users.add(Some(user));
            }
            for image in user_images(report).filter(|image| is_private(image)) {
                executables.add(image.name.as_deref());
                executables.add(image.executable.as_deref());
            }
            for image in said_images(report) {
                executables.add(Some(image));
            }
            let labels = report
                .processes
                .iter()
                .flat_map(|process| &process.port_labels);
            for service in labels.filter_map(|label| label.name.as_deref()) {
                services.add(Some(service).filter(|service| !is_common(service)));
            }
        }
        let mut placeholders = BTreeMap::new();
        // The first to name something wins: an executable is called as its process is.
        for (secret, placeholder) in [names, paths, users, executables, services]
            .into_iter()
            .flat_map(|all| all.found)
        {
            let module = module(&secret);
            placeholders
                .entry(secret)
                .or_insert_with(|| placeholder.clone());
            placeholders.entry(module).or_insert(placeholder);
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

    /// What stands in the place of a name.
    pub(super) fn placeholder(&self, name: &str) -> Option<&str> {
        self.placeholders.get(name).map(String::as_str)
    }

    /// A name, if it is one of the secrets.
    pub(super) fn name(&self, name: &mut Option<String>) {
        if let Some(name) = name
            && let Some(placeholder) = self.placeholders.get(name)
        {
            name.clone_from(placeholder);
        }
    }

    /// A path, or what is left of it.
    pub(super) fn path(&self, path: &mut Option<String>) {
        if let Some(path) = path {
            *path = self.text(path);
        }
    }

    /// The file's own name: whoever reads the trace needs that one.
    pub(super) fn without_folder(&self, path: &str) -> String {
        self.text(own_name(path))
    }

    /// A sentence with every secret in it replaced, and every other path outside the system's folders.
    pub(super) fn text(&self, text: &str) -> String {
        let text = &*pages::without(text);
        if let Some(placeholder) = self.placeholder(text) {
            return placeholder.to_owned();
        }
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
                let goes_on = text
                    .get(found.end()..)
                    .is_some_and(|rest| rest.starts_with(is_part));
                match goes_on {
                    true => shown.push_str(&format!("({placeholder})")),
                    false => shown.push_str(placeholder),
                }
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

/// Whether a process is the kernel's own, whose names are everyone's.
pub(super) fn is_kernel(process: &Process) -> bool {
    process.pid == Some(0) || process.name.as_deref() == Some("kernel_task")
}

/// Paths that the report has for themselves.
fn all_paths(report: &Report) -> impl Iterator<Item = &str> {
    let of_processes = report
        .processes
        .iter()
        .map(|process| process.path.as_deref());
    let images = report.kernel.images.iter().chain(user_images(report));
    of_processes
        .chain(images.map(|image| image.path.as_deref()))
        .flatten()
}

fn user_images(report: &Report) -> impl Iterator<Item = &LoadedImage> {
    let processes = report.processes.iter();
    processes.flat_map(|process| &process.space.images)
}

/// What the report says in words of the whole.
fn sentences(report: &Report) -> impl Iterator<Item = &str> {
    let facts = report.facts.iter().filter_map(|fact| match &fact.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    facts.chain(report.notes.iter().map(|note| note.text.as_str()))
}

/// Whether an image of user space may tell what its user runs. Names of libraries are everyone's.
fn is_private(image: &LoadedImage) -> bool {
    let is_of_system = image.path.as_deref().is_some_and(is_system);
    let is_known = image.name.as_deref().is_some_and(is_common);
    !is_of_system && !is_known
}

/// Images that frames name and no list has, outside the kernel.
fn said_images(report: &Report) -> impl Iterator<Item = &str> {
    let listed: BTreeSet<&str> = report
        .kernel
        .images
        .iter()
        .chain(user_images(report))
        .flat_map(|image| [&image.name, &image.executable])
        .filter_map(|name| name.as_deref())
        .collect();
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    let stacks = threads.flat_map(|thread| &thread.stacks);
    let frames = stacks
        .filter(|stack| stack.side != Side::Kernel)
        .flat_map(|stack| &stack.frames);
    frames
        .filter_map(|frame| frame.said.as_ref()?.image.as_deref())
        .filter(move |image| !is_common(image) && !listed.contains(image))
}

/// Names of Apple's services and of libraries.
fn is_common(name: &str) -> bool {
    name.starts_with("com.apple.") || name.starts_with("lib") || name == "dyld"
}

/// A name as a module of a programming language is called.
fn module(name: &str) -> String {
    name.replace(|c: char| !c.is_alphanumeric(), "_")
}

/// Whether nothing of the same word stands on either side. In a mangled name the length of a word stands
/// before it, and the next one follows.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).and_then(|after| after.chars().next());
    let digits = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let length = before.get(digits..).and_then(|digits| digits.parse().ok());
    length == Some(end - start)
        || !before.chars().next_back().is_some_and(is_part) && !after.is_some_and(is_part)
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
