//! Text of `spindump(8)`, heavy and timeline layouts.

use kstack_model::{Basis, Fact, Position, Process, Report, Side, Thread};

use super::blocked::{self, Blocked};
use super::fields;
use super::images::ImageRow;
use super::kernel_images::KernelImages;
use super::node::{Content as NodeContent, Form, Node};
use super::tree::Tree;
use crate::formats::budget::Budget;
use crate::lines::{Line, lines, whole_texts};
use crate::pasted::unescaped;
use crate::{Content, Format, Limits, ParseError, Sniff};

/// Call trees of every process, kernel frames included.
pub(crate) const FORMAT: Format = Format {
    name: "spindump-text",
    about: "text of spindump: call trees of every process, weighted by samples",
    content: Content::Text,
    sniff,
    parse,
};

fn sniff(bytes: &[u8]) -> Sniff {
    let mut header = false;
    for text in whole_texts(bytes) {
        header |= fields::thread(text).is_some();
        // Cheap before dear: a node has an address in brackets.
        if !text.contains("[0x") {
            continue;
        }
        let form = Node::read(text).map(|node| node.content);
        if let Some(NodeContent::Frame { form, .. }) = form
            && (form == Form::Offset || header)
        {
            return Sniff::Yes;
        }
    }
    Sniff::No
}

/// Begin what stands between processes.
const ASIDES: [&str; 5] = [
    "Heaviest stack for",
    "Powerstats for:",
    "Kextstat:",
    "----FPS Report",
    "Analysis of sampling",
];

/// Begin what follows all processes.
const ENDS: [&str; 2] = ["Custom Output:", "Spindump binary format"];

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
    /// The machine.
    Header,
    /// A process: its fields, then its threads.
    Process,
    /// The images of a process.
    Images,
    /// Something else between processes: heaviest stacks, power, microstackshots, kextstat.
    Between,
    /// What follows all processes: output of other tools, binary data.
    Tail,
}

/// More fields than any header has before its "Steps:".
const MOST_FIELDS: usize = 32;

struct Reader {
    reports: Vec<Report>,
    report: Report,
    kernel: KernelImages,
    process: Option<Process>,
    thread: Option<(Thread, Tree)>,
    /// The side that a heading gave to the lines below it (10.6 and earlier).
    side: Side,
    section: Section,
    /// Fields that may be the header of the next spindump.
    heading: Option<Vec<(String, String)>>,
    /// Its items are processes, threads and images.
    budget: Budget,
}

impl Reader {
    fn new(limits: &Limits) -> Reader {
        Reader {
            reports: Vec::new(),
            report: empty_report(),
            kernel: KernelImages::default(),
            process: None,
            thread: None,
            side: Side::User,
            section: Section::Header,
            heading: None,
            budget: Budget::new(limits),
        }
    }

    fn line(&mut self, line: Line<'_>) {
        let text = line.text;
        if text.trim_start().is_empty() || self.boundary(text) || self.section == Section::Tail {
            return;
        }
        let taken = self.section == Section::Images && self.image(text);
        if !taken && self.section != Section::Between {
            self.inside(line);
        }
    }

    /// Lines that start and end sections.
    fn boundary(&mut self, text: &str) -> bool {
        // Cheap before dear: all but one of them stand at the margin.
        if text.starts_with([' ', '\t']) {
            let images = self.section == Section::Process && text.trim() == "Binary Images:";
            if images {
                self.end_thread();
                self.section = Section::Images;
            }
            return images;
        }
        let starts = |beginnings: &[&str]| beginnings.iter().any(|it| text.starts_with(it));
        if starts(&ENDS) {
            self.end_process();
            self.section = Section::Tail;
        } else if starts(&ASIDES) {
            self.end_process();
            self.section = Section::Between;
        } else if text.starts_with("Process:") && self.section != Section::Tail {
            self.end_process();
            self.begin_process(text);
        } else {
            return self.next_report(text);
        }
        true
    }

    /// Finds the next spindump of the file. Its header starts like those that other tools write
    /// into the tail of this one, and is only known by its "Steps:".
    fn next_report(&mut self, text: &str) -> bool {
        if self.section == Section::Header {
            return false;
        }
        if text.starts_with("Date/Time:") {
            self.heading = Some(Vec::new());
        }
        let Some(heading) = &mut self.heading else {
            return false;
        };
        match fields::field(text) {
            Some(("Steps", _)) => {
                let heading = std::mem::take(heading);
                self.end_report();
                self.section = Section::Header;
                for (key, value) in heading {
                    self.field(&key, &value);
                }
                false
            }
            Some((key, value)) if heading.len() < MOST_FIELDS => {
                heading.push((key.to_owned(), value.to_owned()));
                true
            }
            _ => {
                self.heading = None;
                false
            }
        }
    }

    fn begin_process(&mut self, text: &str) {
        if !self.take_item() {
            return;
        }
        self.section = Section::Process;
        let name = text.strip_prefix("Process:").unwrap_or("");
        let mut process = fields::process(name.trim());
        process.space.basis = Basis::Slid;
        self.process = Some(process);
    }

    /// Takes an item; the rest of the text is passed over when none is left.
    fn take_item(&mut self) -> bool {
        let is_taken = self.budget.take_item();
        if !is_taken {
            self.section = Section::Tail;
        }
        is_taken
    }

    fn image(&mut self, text: &str) -> bool {
        let Some(row) = ImageRow::read(text) else {
            return false;
        };
        if !self.take_item() {
            return true;
        }
        if row.kernel {
            self.kernel.add(row);
        } else if let Some(process) = &mut self.process {
            process.space.images.push(row.image);
        }
        true
    }

    fn inside(&mut self, line: Line<'_>) {
        let text = line.text;
        if let Some((thread, samples)) = fields::thread(text) {
            self.begin_thread(thread, samples);
        } else if let Some(node) = Node::read(text) {
            self.node(node, line.position());
        } else if let Some((key, value)) = fields::field(text) {
            self.field(key, value);
        } else {
            self.words(text.trim());
        }
    }

    fn begin_thread(&mut self, thread: Thread, samples: Option<u64>) {
        self.end_thread();
        if !self.take_item() {
            return;
        }
        // Threads without a process above them are a piece of a spindump.
        self.process.get_or_insert_with(Process::default);
        self.section = Section::Process;
        self.side = Side::User;
        self.thread = Some((thread, Tree::new(samples)));
    }

    fn node(&mut self, node: Node, position: Position) {
        if self.thread.is_none() {
            // A piece of a tree; only lines that no other program writes are taken for one.
            let ours =
                matches!(&node.content, NodeContent::Frame { form, .. } if *form == Form::Offset);
            if !ours {
                return;
            }
            self.begin_thread(Thread::default(), None);
        }
        let side = if node.kernel { Side::Kernel } else { self.side };
        if let Some((_, tree)) = &mut self.thread {
            tree.push(node, side, position, &mut self.budget);
        }
    }

    fn field(&mut self, key: &str, value: &str) {
        if let Some(layout) = key.strip_suffix(" format")
            && value.starts_with("stacks are sorted")
        {
            self.report.variant = Some(layout.to_lowercase());
            return;
        }
        match (&mut self.thread, &mut self.process) {
            (Some(_), _) => {}
            (None, Some(process)) => match key {
                "Path" => process.path = Some(value.to_owned()),
                "Version" if process.pid == Some(0) => {
                    self.report.machine.kernel_version = Some(value.to_owned());
                }
                _ => process.facts.push(fields::fact(key, value)),
            },
            (None, None) => {
                if !fields::machine(&mut self.report.machine, key, value) {
                    self.report.facts.push(fields::fact(key, value));
                }
            }
        }
    }

    /// Words that are neither field nor frame.
    fn words(&mut self, text: &str) {
        if let Some((thread, _)) = &mut self.thread {
            let state = text.strip_prefix('<').and_then(|it| it.strip_suffix('>'));
            match (text, state) {
                ("User stack:", _) => self.side = Side::User,
                ("Kernel stack:", _) => self.side = Side::Kernel,
                (_, Some(state)) => thread.facts.push(Fact::new("state", state.to_owned())),
                _ => {}
            }
        }
    }

    fn end_thread(&mut self) {
        let Some((mut thread, tree)) = self.thread.take() else {
            return;
        };
        let samples = tree.expected();
        let (stacks, notes) = tree.finish(&mut self.budget);
        thread.stacks = stacks;
        self.report.notes.extend(notes);
        if let Some(process) = &mut self.process {
            match blocked::all_the_time(&thread, samples) {
                Some(Blocked::Wait(wait)) => process.waits.push(wait),
                Some(Blocked::Turnstile(turnstile)) => process.turnstiles.push(turnstile),
                None => {}
            }
            process.threads.push(thread);
        }
    }

    fn end_process(&mut self) {
        self.end_thread();
        self.report.processes.extend(self.process.take());
    }

    fn end_report(&mut self) {
        self.end_process();
        self.heading = None;
        let mut report = std::mem::replace(&mut self.report, empty_report());
        report.kernel.images = std::mem::take(&mut self.kernel).into_images();
        report.notes.extend(self.budget.note());
        let has_stacks = report
            .processes
            .iter()
            .any(|process| process.threads.iter().any(|it| !it.stacks.is_empty()));
        if has_stacks {
            self.reports.push(report);
        }
    }

    fn finish(mut self) -> Vec<Report> {
        self.end_report();
        self.reports
    }
}

fn empty_report() -> Report {
    let mut report = Report {
        format: FORMAT.name,
        ..Report::default()
    };
    // A spindump is made of stackshots, whose kernel addresses have no slide.
    report.kernel.basis = Basis::Unslid;
    report
}
