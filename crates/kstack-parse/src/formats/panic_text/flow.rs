//! From lines to panics: which line belongs to what.

use kstack_model::{Address, Position, StackEnd};

use super::backtrace::{
    Layout, PrintedFrame, address_list, frame_line, is_nameless_frame, with_symbol,
};
use super::heads::{PanicLine, backtrace_head, is_report_head, panic_line, parts};
use super::kexts::{TableLine, started};
use super::machine::{Key, is_date};
use super::panic::{MESSAGE_LIMIT, Panic};
use super::scan::hex_after;
use crate::Limits;
use crate::formats::numbers::leading_hex;
use crate::pasted::PastedLine;

/// Panics of one file that are kept; more than anybody pastes.
const MOST_PANICS: usize = 1024;

/// Collects panics line by line.
#[derive(Debug)]
pub(super) struct Flow<'l> {
    pub(super) limits: &'l Limits,
    done: Vec<Panic>,
    pub(super) panic: Panic,
    pub(super) state: State,
    pub(super) wrapped: Wrapped,
    /// A backtrace was announced for this panic.
    announced: bool,
    /// Something came after the frames, so further ones begin another panic.
    frames_closed: bool,
    /// No blank or foreign line since the last line that was taken.
    adjacent: bool,
    frames: usize,
    pub(super) items: usize,
    /// Digits of the widest address of this backtrace.
    widest: usize,
    /// The line just read is a frame, with so many digits.
    last_line: Option<(Position, usize)>,
}

/// What the lines that say nothing by themselves belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
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
pub(super) enum Wrapped {
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
            widest: 0,
            last_line: None,
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
        // Apple cuts long logs in the middle of a word, which may be an address.
        if let Some((at, digits)) = self.last_line
            && self.is_short(digits)
        {
            self.panic.frames.pop();
            self.panic
                .note(at, "the last address is cut short and left out");
        }
        self.close();
        self.done
    }

    fn close(&mut self) {
        let panic = std::mem::take(&mut self.panic);
        if !panic.is_empty() && self.done.len() < MOST_PANICS {
            self.done.push(panic);
        }
        self.widest = 0;
        self.state = State::Idle;
        self.wrapped = Wrapped::Nothing;
        self.announced = false;
        self.frames_closed = false;
    }

    fn part(&mut self, text: &str, at: Position, is_cut: bool) {
        self.last_line = None;
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
            || self.thread(text, at)
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
                    frame.said = Some(Box::new(with_symbol(*said, text)));
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
            return text.starts_with("***");
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
            self.panic.note(
                at,
                "this panic happened while the kernel was still printing another one",
            );
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
        self.backtrace_end(text, at) || self.exception_state(text, at)
    }

    pub(super) fn announce(&mut self, text: &str, at: Position) {
        let is_chained = self
            .panic
            .frames
            .last()
            .is_none_or(|frame| frame.layout == Layout::List);
        if self.announced && !is_chained {
            self.begin_another(at);
        } else if !self.announced && !self.panic.frames.is_empty() && self.panic.caller.is_some() {
            self.panic.frames.clear();
            self.panic.note(at, "lines of the message that look like frames are left out: the backtrace begins below them");
        }
        self.panic.started = true;
        self.announced = true;
        self.frames_closed = false;
        self.state = State::Backtrace;
        if let Some(thread) = hex_after(text, "panicked thread: ") {
            let thread = Address(thread);
            self.panic.thread_fact("thread", thread);
        }
    }

    fn frame(&mut self, frame: PrintedFrame, at: Position, is_cut: bool) {
        if is_cut && frame.said.is_none() && self.is_short(frame.digits) {
            let why = "the last address is cut short by another message and left out";
            return self.panic.note(at, why);
        }
        if self.frames_closed && !self.panic.frames.is_empty() && frame.layout != Layout::List {
            self.begin_another(at);
        }
        self.panic.started = true;
        if self.frames >= self.limits.frames {
            return self.refuse(at, "frame");
        }
        self.frames += 1;
        self.last_line = frame.said.is_none().then_some((at, frame.digits));
        self.widest = self.widest.max(frame.digits);
        if frame.wants_symbol {
            self.wrapped = Wrapped::Symbol;
        }
        self.panic.frames.push(frame);
        if self.state != State::Message {
            self.state = State::Backtrace;
        }
    }

    /// Whether an address lost digits. Only 64-bit kernels print all of them always.
    fn is_short(&self, digits: usize) -> bool {
        const WHOLE: usize = 16;
        self.widest == WHOLE && digits < WHOLE
    }

    fn refuse(&mut self, at: Position, what: &str) {
        let text = format!("the {what} limit is reached; what follows is left out");
        if self.panic.notes.last().map(|last| &last.text) != Some(&text) {
            self.panic.note(at, text);
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
            let value = leading_hex(pointer).map_or(u64::from(pointer != "0"), |hex| hex.value);
            if value == 0 {
                self.panic.end = StackEnd::Complete;
            } else {
                self.panic.note(
                    at,
                    format!("the kernel stopped the backtrace at frame pointer {pointer}"),
                );
            }
        } else if text.starts_with("No mapping exists for frame pointer") {
            self.panic.end = StackEnd::Truncated;
        } else if matches!(text, "..." | "[...]" | "…" | "[…]" | "<snip>")
            && self.state == State::Backtrace
        {
            self.panic
                .note(at, "frames were left out here by whoever pasted this");
        } else if text.starts_with("Backtracing ") {
            self.panic.thread_fact("backtrace", text.to_owned());
            if text.starts_with("Backtracing specified thread") {
                self.panic.note(at, "the backtrace is of the thread that the panic is about, not of the one that called panic");
            }
        } else {
            return false;
        }
        true
    }

    /// PowerPC: "PC=0x…; MSR=0x…; …; LR=0x…", the registers of one level of the exception chain.
    fn exception_state(&mut self, text: &str, at: Position) -> bool {
        const HEADS: &[&str] = &[
            "Latest crash info for cpu",
            "Latest stack backtrace for cpu",
            "Proceeding back via exception chain",
            "Exception state (sv=",
            "previously dumped as",
        ];
        if HEADS.iter().any(|head| text.starts_with(head)) {
            self.end_message();
            return true;
        }
        let Some(pc) = text.strip_prefix("PC=").and_then(leading_hex) else {
            return false;
        };
        if pc.value != 0 {
            let frame = PrintedFrame {
                is_pc: true,
                ..PrintedFrame::listed(pc)
            };
            self.frame(frame, at, false);
        }
        if self.panic.registers.is_empty() {
            self.panic.registers.take(text);
        }
        true
    }

    fn registers(&mut self, text: &str) -> bool {
        // Below the backtrace they are those of something else, such as a crashed program.
        if self.frames_closed {
            return false;
        }
        let taken = self.panic.registers.take(text);
        if taken {
            self.panic.started = true;
            self.end_message();
        }
        taken
    }

    pub(super) fn end_message(&mut self) {
        if self.state == State::Message {
            self.state = State::Idle;
        }
    }

    /// What comes after the frames in every layout.
    pub(super) fn leave_backtrace(&mut self) {
        self.frames_closed = !self.panic.frames.is_empty();
        self.state = State::Idle;
    }

    /// Lines that mean something only where they stand.
    fn rest(&mut self, text: &str) -> bool {
        match self.state {
            State::Message => {
                self.say(text);
                true
            }
            State::Unloaded if started(text).is_some() => {
                self.panic.fact("unloaded kext", text.to_owned());
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
