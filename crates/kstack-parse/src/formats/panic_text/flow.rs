//! From lines to panics: which line belongs to what.

use kstack_model::{Address, Fact, Note, Position, StackEnd};

use super::backtrace::{
    Layout, PrintedFrame, address_list, frame_line, is_nameless_frame, with_symbol,
};
use super::heads::{PanicLine, backtrace_head, is_report_head, panic_line, parts};
use super::kexts::{TableLine, started};
use super::machine::{Key, is_date, key, store};
use super::panic::{Panic, core_line};
use super::scan::{hex, hex_after, number_after};
use crate::Limits;
use crate::pasted::PastedLine;

/// Bytes of a message that are kept: some carry whole pages in base64.
const MESSAGE_LIMIT: usize = 4096;

/// Collects panics line by line.
#[derive(Debug)]
pub(super) struct Flow<'l> {
    limits: &'l Limits,
    done: Vec<Panic>,
    panic: Panic,
    state: State,
    wrapped: Wrapped,
    /// A backtrace was announced for this panic.
    announced: bool,
    /// Something came after the frames, so further ones begin another panic.
    frames_closed: bool,
    /// No blank or foreign line since the last line that was taken.
    adjacent: bool,
    frames: usize,
    items: usize,
}

/// What the lines that say nothing by themselves belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Message,
    Backtrace,
    Loaded,
    Unloaded,
    /// The value of this key stands on the next line.
    Value(Key),
}

/// The first half of a line that was wrapped by hand.
#[derive(Debug)]
enum Wrapped {
    Nothing,
    /// The last frame lacks its symbol.
    Symbol,
    /// A row of the kext table lacks its range.
    Row(String),
}

impl<'l> Flow<'l> {
    pub(super) fn new(limits: &'l Limits) -> Flow<'l> {
        Flow {
            limits,
            done: Vec::new(),
            panic: Panic::default(),
            state: State::Idle,
            wrapped: Wrapped::Nothing,
            announced: false,
            frames_closed: false,
            adjacent: false,
            frames: 0,
            items: 0,
        }
    }

    pub(super) fn line(&mut self, line: &PastedLine<'_>) {
        let mut parts = parts(&line.text).peekable();
        while let Some(part) = parts.next() {
            let is_cut = parts.peek().is_some();
            self.part(part, Position::Line(line.number), is_cut);
        }
    }

    /// The panics in the order of the text.
    pub(super) fn finish(mut self) -> Vec<Panic> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        let panic = std::mem::take(&mut self.panic);
        if !panic.is_empty() {
            self.done.push(panic);
        }
        self.state = State::Idle;
        self.wrapped = Wrapped::Nothing;
        self.announced = false;
        self.frames_closed = false;
    }

    fn part(&mut self, text: &str, at: Position, is_cut: bool) {
        if text.is_empty() {
            self.adjacent = false;
            if self.state == State::Message {
                self.state = State::Idle;
            }
            return;
        }
        let taken = self.joined(text)
            || self.begins(text, at)
            || self.backtrace(text, at, is_cut)
            || self.registers(text)
            || self.kexts(text)
            || self.keyed(text)
            || self.thread(text)
            || self.rest(text);
        self.adjacent = taken;
    }

    /// The second half of a wrapped line.
    fn joined(&mut self, text: &str) -> bool {
        match std::mem::replace(&mut self.wrapped, Wrapped::Nothing) {
            Wrapped::Symbol if !text.starts_with("0x") => {
                let said = self
                    .panic
                    .frames
                    .last_mut()
                    .and_then(|frame| frame.said.take());
                if let (Some(said), Some(frame)) = (said, self.panic.frames.last_mut()) {
                    frame.said = Some(with_symbol(said, text));
                }
                true
            }
            Wrapped::Row(row) if text.starts_with("@0x") => {
                self.panic.kexts.table_line(&(row + text)) == TableLine::Taken
            }
            _ => self.joined_version(text),
        }
    }

    fn joined_version(&mut self, text: &str) -> bool {
        let Some(version) = &mut self.panic.machine.kernel_version else {
            return false;
        };
        let is_rest = text.starts_with("root:") && version.ends_with(';');
        if is_rest {
            version.push(' ');
            version.push_str(text);
        }
        is_rest
    }

    /// A panic line, or what stands above one in a report.
    fn begins(&mut self, text: &str, at: Position) -> bool {
        if let Some(line) = panic_line(text) {
            self.begin_panic(&line, at);
            return true;
        }
        if is_report_head(text) {
            if self.panic.started {
                self.close();
            }
            return true;
        }
        if !self.panic.started && is_date(text) {
            self.panic.machine.captured_at = Some(text.to_owned());
            return true;
        }
        false
    }

    fn begin_panic(&mut self, line: &PanicLine<'_>, at: Position) {
        let is_repeated = line.caller.is_some()
            && self.panic.caller == line.caller
            && self.panic.frames.is_empty();
        if is_repeated {
            return;
        }
        if self.panic.started {
            self.begin_another(at);
        }
        self.panic.started = true;
        self.panic.cpu = line.cpu;
        self.panic.caller = line.caller;
        self.panic.message.clear();
        self.state = State::Message;
        self.say(line.message);
    }

    /// Begins a panic that shares the log of the one before.
    fn begin_another(&mut self, at: Position) {
        let within_another = self.adjacent && !self.panic.has_tail();
        self.close();
        self.panic.within_another = within_another;
        if within_another {
            self.panic.notes.push(Note::at(
                at,
                "this panic happened while the kernel was still printing another one",
            ));
        }
    }

    fn say(&mut self, text: &str) {
        let message = &mut self.panic.message;
        if !message.is_empty() && !text.starts_with(')') {
            message.push('\n');
        }
        let room = MESSAGE_LIMIT.saturating_sub(message.len());
        let end = text.floor_char_boundary(room);
        message.push_str(text.get(..end).unwrap_or_default());
        if end < text.len() {
            message.push('…');
            self.state = State::Idle;
        }
    }

    /// Heads, frames and ends of backtraces.
    fn backtrace(&mut self, text: &str, at: Position, is_cut: bool) -> bool {
        if let Some(frame) = frame_line(text) {
            self.frame(frame, at, is_cut);
            return true;
        }
        if let Some(rest) = backtrace_head(text, self.panic.started) {
            self.announce(text, at);
            for frame in address_list(rest).unwrap_or_default() {
                self.frame(frame, at, false);
            }
            return true;
        }
        if self.state == State::Backtrace && text.starts_with("0x") {
            // Only PowerPC prints bare lists, and only below its head.
            let list = address_list(text).unwrap_or_default();
            let taken = !list.is_empty();
            for frame in list {
                self.frame(frame, at, false);
            }
            return taken;
        }
        self.backtrace_end(text, at) || self.exception_state(text)
    }

    fn announce(&mut self, text: &str, at: Position) {
        let is_chained = self
            .panic
            .frames
            .last()
            .is_none_or(|frame| frame.layout == Layout::List);
        if self.announced && !is_chained {
            self.begin_another(at);
        } else if !self.announced && !self.panic.frames.is_empty() && self.panic.caller.is_some() {
            self.panic.frames.clear();
            self.panic.notes.push(Note::at(
                at,
                "lines of the message that look like frames are left out: the backtrace begins below them",
            ));
        }
        self.panic.started = true;
        self.announced = true;
        self.frames_closed = false;
        self.state = State::Backtrace;
        if let Some(thread) = hex_after(text, "panicked thread: ") {
            let thread = Address(thread);
            self.panic.thread_facts.push(Fact::new("thread", thread));
        }
    }

    fn frame(&mut self, frame: PrintedFrame, at: Position, is_cut: bool) {
        let widest = self.panic.frames.iter().map(|frame| frame.digits).max();
        if is_cut && frame.said.is_none() && widest.is_some_and(|widest| frame.digits < widest) {
            self.panic.notes.push(Note::at(
                at,
                "the last address is cut short by another message and left out",
            ));
            return;
        }
        if self.frames_closed && !self.panic.frames.is_empty() {
            self.begin_another(at);
        }
        self.panic.started = true;
        if self.frames >= self.limits.frames {
            return self.refuse(at, "frame");
        }
        self.frames += 1;
        if frame.wants_symbol {
            self.wrapped = Wrapped::Symbol;
        }
        self.panic.frames.push(frame);
        if self.state != State::Message {
            self.state = State::Backtrace;
        }
    }

    fn refuse(&mut self, at: Position, what: &str) {
        let note = Note::at(
            at,
            format!("the {what} limit is reached; what follows is left out"),
        );
        if self.panic.notes.last().map(|last| &last.text) != Some(&note.text) {
            self.panic.notes.push(note);
        }
    }

    fn backtrace_end(&mut self, text: &str, at: Position) -> bool {
        if text.starts_with("Backtrace continues") {
            self.panic.end = StackEnd::Truncated;
        } else if let Some(pointer) =
            text.strip_prefix("Backtrace terminated-invalid frame pointer")
        {
            // A frame pointer of zero is the end of the chain; any other was not expected.
            let pointer = pointer.trim();
            let value = hex(pointer).map_or(u64::from(pointer != "0"), |hex| hex.value);
            if value == 0 {
                self.panic.end = StackEnd::Complete;
            } else {
                self.panic.notes.push(Note::at(
                    at,
                    format!("the kernel stopped the backtrace at frame pointer {pointer}"),
                ));
            }
        } else if text.starts_with("No mapping exists for frame pointer") {
            self.panic.end = StackEnd::Truncated;
        } else if matches!(text, "..." | "[...]" | "…" | "[…]" | "<snip>")
            && self.state == State::Backtrace
        {
            self.panic.notes.push(Note::at(
                at,
                "frames were left out here by whoever pasted this",
            ));
        } else if text.starts_with("Backtracing ") {
            self.panic
                .thread_facts
                .push(Fact::new("backtrace", text.to_owned()));
            if text.starts_with("Backtracing specified thread") {
                self.panic.notes.push(Note::at(
                    at,
                    "the backtrace is of the thread that the panic is about, not of the one that called panic",
                ));
            }
        } else {
            return false;
        }
        true
    }

    /// PowerPC: "PC=0x…; MSR=0x…; …; LR=0x…", the registers of one level of the exception chain.
    fn exception_state(&mut self, text: &str) -> bool {
        let Some(pc) = text.strip_prefix("PC=").and_then(hex) else {
            return false;
        };
        if pc.value != 0 {
            self.panic.frames.push(PrintedFrame {
                address: pc.value,
                frame_pointer: 0,
                said: None,
                layout: Layout::List,
                digits: pc.digits,
                is_pc: true,
                wants_symbol: false,
            });
        }
        if self.panic.registers.is_empty() {
            self.panic.registers.take(text);
        }
        true
    }

    fn registers(&mut self, text: &str) -> bool {
        let taken = self.panic.registers.take(text);
        if taken {
            self.panic.started = true;
            self.end_message();
        }
        taken
    }

    fn end_message(&mut self) {
        if self.state == State::Message {
            self.state = State::Idle;
        }
    }

    fn kexts(&mut self, text: &str) -> bool {
        let is_head = text.starts_with("Kernel Extensions in backtrace")
            || text.starts_with("Kernel loadable modules in backtrace");
        if is_head {
            self.leave_backtrace();
            return true;
        }
        if let Some(list) = text.strip_prefix("loaded kexts:") {
            self.panic.table_skipped = list.contains("skipped");
            self.leave_backtrace();
            self.state = State::Loaded;
            return true;
        }
        if text.starts_with("unloaded kexts:") {
            self.leave_backtrace();
            self.state = State::Unloaded;
            return true;
        }
        if let Some(event) = text.strip_prefix("last ")
            && event.contains(" kext at ")
        {
            self.last_kext(event);
            return true;
        }
        if self.items >= self.limits.items {
            return false;
        }
        let taken = match self.panic.kexts.table_line(text) {
            TableLine::Taken => {
                self.leave_backtrace();
                true
            }
            TableLine::WantsRange => {
                self.wrapped = Wrapped::Row(text.to_owned());
                true
            }
            TableLine::Other => self.state == State::Loaded && self.panic.kexts.list_line(text),
        };
        self.items += usize::from(taken);
        taken
    }

    /// "last started kext at 1234: name version (addr 0x…, size 1234)".
    fn last_kext(&mut self, event: &str) {
        self.leave_backtrace();
        let Some((what, kext)) = event.split_once(": ") else {
            return;
        };
        let is_there = what.starts_with("started") || what.starts_with("loaded");
        match started(kext) {
            Some(kext) if is_there => self.panic.kexts.started(kext),
            // A kext that was stopped or unloaded lies nowhere any more.
            _ => {
                let what = what.split(" at ").next().unwrap_or_default();
                self.panic.facts.push(Fact {
                    name: format!("last {what}").into(),
                    value: kext.to_owned().into(),
                });
            }
        }
    }

    /// What comes after the frames in every layout.
    fn leave_backtrace(&mut self) {
        self.frames_closed = !self.panic.frames.is_empty();
        self.state = State::Idle;
    }

    /// Lines of the form "key: value", and values on a line of their own.
    fn keyed(&mut self, text: &str) -> bool {
        if self.panic.kernel.take(text) {
            self.leave_backtrace();
            return true;
        }
        if let Some((key, value)) = key(text) {
            // ARM prints these above the frames, Intel below.
            self.leave_backtrace();
            let is_below = matches!(key, Key::OsBuild | Key::KernelVersion) && value.is_empty();
            if is_below {
                self.state = State::Value(key);
            } else {
                self.value(key, value);
            }
            return true;
        }
        if let State::Value(key) = self.state {
            self.state = State::Idle;
            return self.value(key, text);
        }
        false
    }

    fn value(&mut self, key: Key, value: &str) -> bool {
        if key == Key::Process {
            self.panic.process.get_or_insert_with(|| value.to_owned());
            return true;
        }
        store(key, value, &mut self.panic.machine, &mut self.panic.facts)
    }

    /// "Panicked task", "Panicked thread", "CORE n".
    fn thread(&mut self, text: &str) -> bool {
        if let Some(task) = text.strip_prefix("Panicked task ") {
            self.end_message();
            self.panic.started = true;
            if let Some((_, process)) = task.split_once("pid ") {
                self.panic.pid = number_after(task, "pid ").and_then(|pid| pid.try_into().ok());
                let name = process
                    .split_once(": ")
                    .map(|(_, name)| name.trim().to_owned());
                self.panic.process = name.or(self.panic.process.take());
            }
            return true;
        }
        if text.starts_with("Panicked thread: ") {
            self.announce(text, Position::Line(0));
            if let Some(thread) = hex_after(text, "Panicked thread: ") {
                self.panic
                    .thread_facts
                    .push(Fact::new("thread", Address(thread)));
            }
            self.panic.thread_id = number_after(text, "tid: ");
            return true;
        }
        if text.starts_with("CORE ") {
            if let Some(core) = core_line(text)
                && self.items < self.limits.items
            {
                self.items += 1;
                self.panic.cores.push(core);
            }
            return true;
        }
        false
    }

    /// Lines that mean something only where they stand.
    fn rest(&mut self, text: &str) -> bool {
        match self.state {
            State::Message => {
                self.say(text);
                true
            }
            State::Unloaded if started(text).is_some() => {
                self.panic
                    .facts
                    .push(Fact::new("unloaded kext", text.to_owned()));
                true
            }
            _ if is_nameless_frame(text) && self.panic.frames.is_empty() => {
                if self.items < self.limits.items {
                    self.items += 1;
                    self.panic.nameless.push(text.to_owned());
                }
                true
            }
            _ => false,
        }
    }
}
