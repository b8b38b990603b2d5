//! Lines to pieces of a trace.

use std::borrow::Cow;
use std::collections::BTreeSet;

use kstack_model::{Address, Fact, Note, Position, Said, Side, Thread, ThreadState, Value};

use super::frame::Printed;
use super::line::{Kind, OfThread, Word};
use super::piece::{FACTS, Piece, ReadFrame, ReadStack, ReadThread};
use crate::Limits;
use crate::formats::numbers::{LOWEST_KERNEL, hex};
use crate::lines::Line;

/// Takes the lines of a file in turn and keeps those of the format.
#[derive(Debug)]
pub(super) struct Reader {
    limits: Limits,
    items: usize,
    frames: usize,
    pieces: Vec<Piece>,
    piece: Piece,
    /// Thread ids of the open piece.
    ids: BTreeSet<u64>,
    at: At,
    between: Between,
    /// Frames that belong to no stack: how many, and the line of the first.
    stray: (u64, u64),
    /// Said of the file as a whole.
    closing: Vec<Note>,
}

/// What the last line of the format was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Nothing,
    Process,
    Thread,
    Stack,
}

/// What stands between the last line of the format and this one.
#[derive(Debug, Default)]
struct Between {
    blank: bool,
    others: usize,
    /// The first of the others.
    line: u64,
    /// Every line is followed by a blank one, as some mail programs do; blank lines mean nothing then.
    doubled: bool,
}

impl Between {
    fn is_blank(&self) -> bool {
        self.blank && !self.doubled
    }

    /// One strange line inside a trace is damage; more, or one set apart, is somebody talking.
    fn is_talk(&self) -> bool {
        self.others > 1 || (self.others == 1 && self.is_blank())
    }
}

impl Reader {
    pub(super) fn new(limits: Limits) -> Reader {
        Reader {
            limits,
            items: 0,
            frames: 0,
            pieces: Vec::new(),
            piece: Piece::default(),
            ids: BTreeSet::new(),
            at: At::Nothing,
            between: Between::default(),
            stray: (0, 0),
            closing: Vec::new(),
        }
    }

    /// Takes one line; false when a limit is reached and no more is wanted.
    pub(super) fn line(&mut self, line: Line<'_>) -> bool {
        match Kind::of(line.text) {
            Kind::Blank => {
                self.between.blank = true;
                let under_heading = self.thread().and_then(|thread| thread.stacks.last());
                if self.at == At::Stack && under_heading.is_some_and(|it| it.frames.is_empty()) {
                    self.between.doubled = true;
                }
            }
            Kind::Other => self.other(line),
            Kind::Frame(printed) => self.frame(line, *printed),
            Kind::Heading(side) => {
                self.own(line);
                self.heading(line, side);
            }
            Kind::Attribute(Word::Unknown(words), value) => self.fact(line, words, value),
            Kind::Attribute(word, value) => {
                self.own(line);
                self.attribute(line, word, value);
            }
        }
        let within = self.items < self.limits.items && self.frames < self.limits.frames;
        if !within {
            let text = "a limit is reached; the rest of the file is not read";
            self.closing.push(Note::at(line.position(), text));
        }
        within
    }

    /// What was read.
    pub(super) fn pieces(mut self) -> Vec<Piece> {
        self.close();
        if let (count @ 1.., first) = self.stray {
            self.closing.push(Note::at(
                Position::Line(first),
                format!("{count} frames from here on stand without the heading of a stack and are not read"),
            ));
        }
        if let Some(last) = self.pieces.last_mut() {
            last.notes.append(&mut self.closing);
        }
        self.pieces
    }

    fn other(&mut self, line: Line<'_>) {
        if self.between.others == 0 {
            self.between.line = line.number;
        }
        self.between.others += 1;
    }

    /// A line of the format follows: decides what stood before it.
    fn own(&mut self, line: Line<'_>) {
        let between = std::mem::take(&mut self.between);
        self.between.doubled = between.doubled;
        if between.is_talk() {
            self.close();
            self.between.doubled = false;
        } else if between.others == 1 && self.at != At::Nothing {
            let damaged = Line {
                number: between.line,
                text: "",
            };
            self.note(damaged, "this line is not understood and passed over");
        }
        if self.at == At::Nothing {
            self.piece.line = line.number;
        }
    }

    fn frame(&mut self, line: Line<'_>, printed: Printed) {
        // A frame that could be something else continues a stack only without a gap.
        let certain = printed.is_certain();
        let gap = self.between.is_talk() || (self.between.is_blank() && !certain);
        // The heading can be lost; the address still tells the side.
        let headless = self.at == At::Thread && certain;
        if gap || !(self.at == At::Stack || headless) {
            if certain {
                let (count, first) = self.stray;
                self.stray = (count + 1, if count == 0 { line.number } else { first });
            }
            return self.other(line);
        }
        self.own(line);
        if headless {
            self.heading(line, side_of(printed.address));
        }
        self.frames += 1;
        let said = (printed.said != Said::default()).then(|| Box::new(printed.said));
        let stack = self
            .thread_mut()
            .and_then(|thread| thread.stacks.last_mut());
        if let Some(stack) = stack {
            stack.frames.push(ReadFrame {
                line: line.number,
                address: printed.address,
                said,
            });
        }
    }

    fn heading(&mut self, line: Line<'_>, side: Side) {
        let has_side = |thread: &ReadThread| thread.stacks.iter().any(|stack| stack.side == side);
        if self.at == At::Nothing || self.at == At::Process || self.thread().is_none_or(has_side) {
            self.new_thread(line);
        }
        self.at = At::Stack;
        if let Some(thread) = self.thread_mut() {
            thread.stacks.push(ReadStack {
                side,
                frames: Vec::new(),
            });
        }
    }

    fn attribute(&mut self, line: Line<'_>, word: Word<'_>, value: &str) {
        match word {
            Word::Build => {
                self.close();
                self.piece.line = line.number;
                self.piece.build = Some(value.to_owned());
                self.at = At::Process;
            }
            Word::Pid => {
                // A build or a name directly before it belongs to the same process.
                if self.piece.pid.is_some() || self.at != At::Process {
                    self.close();
                    self.piece.line = line.number;
                }
                self.at = At::Process;
                self.piece.is_named_first = self.piece.name.is_some();
                match value.parse() {
                    Ok(pid) => self.piece.pid = Some(pid),
                    Err(_) => self.unreadable(line, "PID", value),
                }
            }
            Word::Process => {
                // A name before the PID was of a process that is lost when another comes behind it.
                let is_named = self.piece.name.is_some() && !self.piece.is_named_first;
                if is_named || !matches!(self.at, At::Process) {
                    self.close();
                    self.piece.line = line.number;
                }
                self.at = At::Process;
                self.piece.is_named_first = false;
                self.piece.name = Some(value.to_owned()).filter(|name| !name.is_empty());
            }
            Word::Thread(of) => self.thread_attribute(line, of, value),
            Word::Unknown(_) => {}
        }
    }

    fn thread_attribute(&mut self, line: Line<'_>, of: OfThread, value: &str) {
        let is_stated = self.thread().is_some_and(|thread| match of {
            OfThread::Id => thread.thread.id.is_some(),
            OfThread::State => thread.thread.state.is_some(),
            OfThread::WaitEvent | OfThread::Continuation => false,
        });
        if is_stated || self.at != At::Thread {
            self.new_thread(line);
        }
        self.at = At::Thread;
        match of {
            OfThread::Id => match hex(value) {
                Some(id) => self.thread_id(line, id),
                None => self.unreadable(line, "Thread ID", value),
            },
            OfThread::State => self.state(line, value),
            OfThread::WaitEvent => {
                let event = self.code_address(line, "Thread wait_event", value);
                self.with_thread(|thread| thread.wait_event = event);
            }
            OfThread::Continuation => {
                let continuation = self.code_address(line, "Thread continuation", value);
                self.with_thread(|thread| thread.continuation = continuation);
            }
        }
    }

    /// The same thread once more within one piece: another run of the same trace begins.
    fn thread_id(&mut self, line: Line<'_>, id: u64) {
        if self.ids.contains(&id) {
            let thread = self.piece.threads.pop();
            let (pid, name) = (self.piece.pid, self.piece.name.clone());
            self.close();
            self.piece = Piece {
                line: line.number,
                pid,
                name,
                threads: thread.into_iter().collect(),
                ..Piece::default()
            };
            self.at = At::Thread;
        }
        self.ids.insert(id);
        self.with_thread(|thread| thread.id = Some(id));
    }

    /// `0x9 == TH_WAIT |TH_UNINT`: the bits are kept, their names only compared.
    fn state(&mut self, line: Line<'_>, value: &str) {
        let (bits, names) = value.split_once("==").unwrap_or((value, ""));
        let bits = hex(bits.trim()).and_then(|bits| u32::try_from(bits).ok());
        let Some(state) = bits.map(ThreadState) else {
            return self.unreadable(line, "Thread state", value);
        };
        self.with_thread(|thread| thread.state = Some(state));
        let printed: BTreeSet<&str> = names.split('|').map(str::trim).collect();
        let own: Vec<String> = state
            .names()
            .filter(|name| !name.starts_with("0x"))
            .collect();
        let agree = printed
            .iter()
            .copied()
            .eq(own.iter().map(String::as_str).collect::<BTreeSet<_>>());
        if !names.trim().is_empty() && !agree {
            self.note(line, &format!("the names beside the thread state are not those of its bits, {state}; the bits are kept"));
        }
    }

    /// An address, alone or with its symbol as in a frame. Zero is how "none" is printed.
    fn code_address(
        &mut self,
        line: Line<'_>,
        words: &'static str,
        value: &str,
    ) -> Option<Address> {
        let printed = Printed::of(value);
        if printed.as_ref().is_none_or(|it| it.said != Said::default()) {
            let text = Value::Text(value.to_owned());
            self.with_thread(|thread| thread.facts.push(Fact::new(words, text)));
        }
        let address = printed.and_then(|printed| printed.address);
        if address.is_none() {
            self.note(line, &format!("no address is printed as {words}"));
        }
        address.filter(|address| address.0 != 0)
    }

    /// An attribute that is not known is kept as it is, where attributes are.
    fn fact(&mut self, line: Line<'_>, words: &str, value: &str) {
        let gap = self.between.others > 0 || self.between.is_blank();
        if gap || !matches!(self.at, At::Process | At::Thread) || value.is_empty() {
            return self.other(line);
        }
        self.own(line);
        self.items += 1;
        self.push_fact(words, value);
    }

    /// Keeps a value in the artefact's words when it is not what it should be.
    fn unreadable(&mut self, line: Line<'_>, words: &str, value: &str) {
        self.note(
            line,
            &format!("{words} is not a number that can be read; it is kept as text"),
        );
        self.push_fact(words, value);
    }

    fn push_fact(&mut self, words: &str, value: &str) {
        let fact = Fact {
            name: Cow::Owned(words.to_owned()),
            value: Value::Text(value.to_owned()),
        };
        let facts = match self.at {
            At::Thread => self.thread_mut().map(|thread| &mut thread.thread.facts),
            _ => Some(&mut self.piece.facts),
        };
        if let Some(facts) = facts.filter(|facts| facts.len() < FACTS) {
            facts.push(fact);
        }
    }

    fn note(&mut self, line: Line<'_>, text: &str) {
        self.piece.notes.push(Note::at(line.position(), text));
    }

    fn new_thread(&mut self, line: Line<'_>) {
        self.items += 1;
        if self.piece.line == 0 {
            self.piece.line = line.number;
        }
        self.piece.threads.push(ReadThread::default());
    }

    fn thread(&self) -> Option<&ReadThread> {
        self.piece.threads.last()
    }

    fn thread_mut(&mut self) -> Option<&mut ReadThread> {
        self.piece.threads.last_mut()
    }

    fn with_thread(&mut self, change: impl FnOnce(&mut Thread)) {
        if let Some(thread) = self.thread_mut() {
            change(&mut thread.thread);
        }
    }

    /// Ends the open piece and keeps it if something of the format is in it.
    fn close(&mut self) {
        self.at = At::Nothing;
        self.ids.clear();
        let mut piece = std::mem::take(&mut self.piece);
        for thread in &mut piece.threads {
            thread.stacks.retain(|stack| !stack.frames.is_empty());
        }
        let has_pid = piece.pid.is_some();
        piece.threads.retain(|thread| thread.is_evident(has_pid));
        if !piece.threads.is_empty() || (has_pid && piece.name.is_some()) {
            self.items += 1;
            self.pieces.push(piece);
        } else {
            // Somebody may talk between the build and the first process.
            self.piece.build = piece.build;
        }
    }
}

/// The side of a frame whose heading is lost.
fn side_of(address: Option<Address>) -> Side {
    match address {
        Some(Address(address)) if address < LOWEST_KERNEL => Side::User,
        _ => Side::Kernel,
    }
}
