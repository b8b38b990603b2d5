//! Text of `sample(1)`: one process, user frames only.

use kstack_model::{Basis, Process, Report, Side, Thread};

use super::fields;
use super::images::ImageRow;
use super::node::{Content as NodeContent, Counted, Form, Node, counted};
use super::tree::Tree;
use crate::formats::budget::Budget;
use crate::lines::{Line, lines, whole_texts};
use crate::pasted::unescaped;
use crate::{Content, Format, Limits, ParseError, Sniff};

/// Call trees of one process.
pub(crate) const FORMAT: Format = Format {
    name: "sample-text",
    about: "text of sample: call trees of one process, weighted by samples",
    content: Content::Text,
    sniff,
    parse,
};

fn sniff(bytes: &[u8]) -> Sniff {
    let mut threads = false;
    for text in whole_texts(bytes) {
        // Cheap before dear: the header of a thread has an underscore in it.
        threads = threads || text.as_bytes().contains(&b'_') && thread(text).is_some();
        if threads
            && text.contains("[0x")
            && let Some(node) = Node::read(text)
            && let NodeContent::Frame { form: Form::In, .. } = node.content
        {
            return Sniff::Yes;
        }
    }
    Sniff::No
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Report>, ParseError> {
    let text = unescaped(bytes);
    let mut reader = Reader::new(limits);
    for line in lines(&text) {
        reader.line(line);
    }
    Ok(reader.finish())
}

/// What the lines that come belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    /// Another program's, or nobody's.
    Foreign,
    /// Process and machine.
    Header,
    /// The trees.
    Graph,
    /// Summaries of the trees.
    Summary,
    /// The images.
    Images,
}

struct Reader {
    reports: Vec<Report>,
    report: Report,
    process: Process,
    thread: Option<(Thread, Tree)>,
    section: Section,
    /// Its items are threads and images.
    budget: Budget,
}

impl Reader {
    fn new(limits: &Limits) -> Reader {
        Reader {
            reports: Vec::new(),
            report: empty_report(),
            process: empty_process(),
            thread: None,
            section: Section::Foreign,
            budget: Budget::new(limits),
        }
    }

    fn line(&mut self, line: Line<'_>) {
        let text = line.text;
        if text.starts_with("Analysis of sampling") {
            self.end_report();
            self.section = Section::Header;
            self.report.variant = Some("call graph".to_owned());
        } else if text.trim() == "Call graph:" {
            self.section = Section::Graph;
        } else if text.starts_with("Total number in stack") || text.starts_with("Sort by top") {
            self.end_thread();
            self.section = Section::Summary;
        } else if text.trim() == "Binary Images:" && self.section != Section::Foreign {
            self.end_thread();
            self.section = Section::Images;
        } else {
            self.inside(line);
        }
    }

    fn inside(&mut self, line: Line<'_>) {
        match self.section {
            Section::Header => {
                if let Some((key, value)) = fields::field(line.text) {
                    self.field(key, value);
                }
            }
            Section::Images => {
                if let Some(row) = ImageRow::read(line.text)
                    && self.budget.take_item()
                {
                    self.process.space.images.push(row.image);
                }
            }
            Section::Graph | Section::Foreign => self.graph(line),
            Section::Summary => {}
        }
    }

    fn field(&mut self, key: &str, value: &str) {
        match key {
            "Process" => {
                let process = fields::process(value);
                self.process.name = process.name;
                self.process.pid = process.pid;
            }
            "Path" => self.process.path = Some(value.to_owned()),
            "Code Type" => {
                let arch = value.to_lowercase().replace('-', "_");
                fields::machine(&mut self.report.machine, "Architecture", &arch);
            }
            _ if fields::machine(&mut self.report.machine, key, value) => {}
            _ => self.process.facts.push(fields::fact(key, value)),
        }
    }

    fn graph(&mut self, line: Line<'_>) {
        if let Some((thread, samples)) = thread(line.text) {
            self.end_thread();
            self.section = Section::Graph;
            if !self.budget.take_item() {
                return;
            }
            self.thread = Some((thread, Tree::new(Some(samples))));
            return;
        }
        let Some((_, tree)) = &mut self.thread else {
            return;
        };
        if let Some(node) = Node::read(line.text) {
            tree.push(node, Side::User, line.position(), &mut self.budget);
        }
    }

    fn end_thread(&mut self) {
        let Some((mut thread, tree)) = self.thread.take() else {
            return;
        };
        let (stacks, notes) = tree.finish(&mut self.budget);
        thread.stacks = stacks;
        self.report.notes.extend(notes);
        self.process.threads.push(thread);
    }

    fn end_report(&mut self) {
        self.end_thread();
        let mut report = std::mem::replace(&mut self.report, empty_report());
        let process = std::mem::replace(&mut self.process, empty_process());
        report.notes.extend(self.budget.note());
        if process.threads.iter().any(|it| !it.stacks.is_empty()) {
            report.processes.push(process);
            self.reports.push(report);
        }
    }

    fn finish(mut self) -> Vec<Report> {
        self.end_report();
        self.reports
    }
}

/// `    825 Thread_15758523   DispatchQueue_1: org.pool.main  (serial)`, `  825 Thread_1: name`.
fn thread(line: &str) -> Option<(Thread, u64)> {
    let Counted { samples, text, .. } = counted(line)?;
    let rest = text.strip_prefix("Thread_")?;
    let end = rest
        .find(|it: char| !it.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    let (id, rest) = rest.split_at_checked(end)?;
    let mut thread = Thread {
        id: id.parse().ok(),
        ..Thread::default()
    };
    for part in rest.split("  ").map(str::trim) {
        if part.starts_with("DispatchQueue_") {
            thread.queue = part.split_once(": ").map(|(_, label)| label.to_owned());
        } else if let Some(name) = part.strip_prefix(": ") {
            thread.name = Some(name.to_owned());
        }
    }
    Some((thread, samples))
}

fn empty_report() -> Report {
    Report {
        format: FORMAT.name,
        ..Report::default()
    }
}

fn empty_process() -> Process {
    let mut process = Process::default();
    process.space.basis = Basis::Slid;
    process
}
