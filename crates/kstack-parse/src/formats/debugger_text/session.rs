//! A session: commands, answers and chat, line by line.

use std::collections::BTreeMap;

use kstack_model::{Address, At, Basis, Frame, Process, Report, Side, Stack, Thread};

use super::macros::Head;
use super::space::Space;
use super::stack::{Counted, Gathering, is_beginning};
use super::{FORMAT, gdb, kmods, lldb, macros, uncommented};
use crate::Limits;
use crate::formats::budget::Budget;
use crate::formats::numbers::LOWEST_KERNEL;

/// Reads a session.
#[derive(Debug)]
pub(super) struct Session {
    space: Space,
    processes: Vec<Process>,
    /// Where the processes of the macros' tables are, by the address of their task.
    tasks: BTreeMap<u64, usize>,
    /// Where the threads outside any table go.
    own: Option<usize>,
    /// Where each thread that was seen is.
    threads: BTreeMap<ThreadKey, Seen>,
    open: Option<OpenThread>,
    head: Option<Head>,
    /// The process of the task read last.
    task: Option<usize>,
    /// Whether the lines are between "stacktop" and "stackbottom".
    in_stack: bool,
    asked: Option<Address>,
    in_kmods: bool,
    program: Option<&'static str>,
    /// How often the machine ran on; what is printed twice between is said twice, not seen twice.
    resumed: u64,
    /// Its items are threads and kexts.
    budget: Budget,
}

/// Name of the thread that stands for an answered question.
const ANSWER: &str = "image lookup";

/// What makes a thread the same when it is printed again: process, lldb's number, or the id.
type ThreadKey = (usize, Option<u64>, Option<u64>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    thread: usize,
    resumed: u64,
}

#[derive(Debug)]
struct OpenThread {
    process: usize,
    number: Option<u64>,
    thread: Thread,
    /// Where the thread's own line says it is; a stack says it better.
    at: Option<Counted>,
    stack: Gathering,
}

impl Session {
    pub(super) fn new(limits: &Limits) -> Session {
        Session {
            space: Space::default(),
            processes: Vec::new(),
            tasks: BTreeMap::new(),
            own: None,
            threads: BTreeMap::new(),
            open: None,
            head: None,
            task: None,
            in_stack: false,
            asked: None,
            in_kmods: false,
            program: None,
            resumed: 0,
            budget: Budget::new(limits),
        }
    }

    pub(super) fn line(&mut self, text: &str) {
        let text = uncommented(text);
        if text.trim_start().is_empty() {
            return;
        }
        if self.frame(text) || self.table(text) {
            return;
        }
        if let Some(line) = lldb::thread(text) {
            let process = self.own_process();
            self.begin(process, Some(line.number), line.thread, line.at);
            self.program = Some("lldb");
        } else if let Some(target) = lldb::target(text) {
            self.space.target(target);
        } else {
            self.words(text.trim());
        }
    }

    /// Lines that are frames, whoever printed them.
    fn frame(&mut self, text: &str) -> bool {
        if let Some(counted) = lldb::frame(text) {
            self.program = Some("lldb");
            self.add(counted);
            return true;
        }
        if let Some(counted) = gdb::frame(text) {
            self.program = Some("gdb");
            self.add(counted);
            return true;
        }
        // The macros print no numbers; a thread's frames follow each other.
        let index = self.open.as_ref().map_or(0, |open| open.stack.next_index());
        let Some(counted) = macros::frame(text, self.in_stack, index) else {
            return false;
        };
        self.add(counted);
        true
    }

    fn add(&mut self, counted: Counted) {
        if !self.budget.take_frames(1) {
            return;
        }
        let described = &counted.described;
        if let (Some(name), Some(address), Some(offset)) =
            (&described.said.image, counted.address, described.from_image)
        {
            self.space.offset_in(name, address, offset);
        }
        let is_next = self
            .open
            .as_ref()
            .is_some_and(|open| open.stack.continues(counted.index));
        if !is_next {
            // Another stack, of the same thread for all that is known.
            let (process, number, thread) = match self.open.take() {
                Some(open) => {
                    let again = (open.process, open.number, open.thread.clone());
                    self.end(open);
                    again
                }
                None => (self.own_process(), None, Thread::default()),
            };
            self.begin(process, number, thread, None);
        }
        if let Some(open) = &mut self.open {
            open.stack.push(counted);
        }
    }

    /// Tables of the macros.
    fn table(&mut self, text: &str) -> bool {
        if kmods::is_head(text) {
            self.in_kmods = true;
            return true;
        }
        if self.in_kmods
            && let Some(kext) = kmods::row(text)
        {
            if self.budget.take_item() {
                self.space.kext(kext);
            }
            return true;
        }
        if let Some(head) = macros::head(text) {
            self.close();
            self.head = Some(head);
            return true;
        }
        match self.head {
            Some(Head::Task { command }) => {
                let Some((object, process)) = macros::task(text, command) else {
                    return false;
                };
                self.task = Some(self.process_of(object, process));
                true
            }
            Some(head) => {
                let Some(thread) = macros::thread(text, head) else {
                    return false;
                };
                let process = self.task.unwrap_or_else(|| self.own_process());
                self.begin(process, None, thread, None);
                true
            }
            None => false,
        }
    }

    /// Words of the macros, of lldb, and everybody else's.
    fn words(&mut self, text: &str) {
        if text.starts_with("stacktop") || text.starts_with("kernel_stack") {
            self.in_stack = true;
            // gdb's macros walk the stack and print what was saved there.
            if let Some(open) = &mut self.open
                && text.contains("stack=")
            {
                open.stack.all_return = true;
                self.program = Some("gdb");
            }
        } else if text.starts_with("stackbottom") {
            self.in_stack = false;
        } else if let Some(address) = macros::continuation(text) {
            if let Some(open) = &mut self.open {
                open.thread.continuation = Some(address).filter(|it| it.0 != 0);
            }
        } else if text.starts_with("(lldb)") || text.starts_with("(gdb)") {
            self.prompt(text);
        } else if text.contains("resuming") && text.starts_with("Process ") {
            self.close();
            self.resumed = self.resumed.saturating_add(1);
        } else if let (Some(asked), Some(described)) = (self.asked, lldb::summary(text)) {
            self.answer(asked, described);
        }
    }

    /// A command ends what the one before printed.
    fn prompt(&mut self, text: &str) {
        self.close();
        self.in_stack = false;
        self.in_kmods = false;
        self.head = None;
        self.asked = lldb::asked(text);
    }

    /// An address that was asked about, and what it is, as a stack of one frame.
    fn answer(&mut self, asked: Address, described: super::described::Described) {
        self.asked = None;
        let process = self.own_process();
        let thread = Thread {
            name: Some(ANSWER.to_owned()),
            ..Thread::default()
        };
        let at = Counted {
            address: Some(asked),
            described,
            ..Counted::default()
        };
        self.begin(process, None, thread, Some(at));
        self.close();
    }

    fn own_process(&mut self) -> usize {
        *self.own.get_or_insert_with(|| {
            self.processes.push(Process::default());
            self.processes.len() - 1
        })
    }

    fn process_of(&mut self, object: Address, process: Process) -> usize {
        *self.tasks.entry(object.0).or_insert_with(|| {
            self.processes.push(process);
            self.processes.len() - 1
        })
    }

    fn begin(&mut self, process: usize, number: Option<u64>, thread: Thread, at: Option<Counted>) {
        self.close();
        self.in_stack = false;
        if !self.budget.take_item() {
            return;
        }
        self.open = Some(OpenThread {
            process,
            number,
            thread,
            at,
            stack: Gathering::default(),
        });
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.end(open);
        }
    }

    /// Puts a thread where it belongs.
    fn end(&mut self, open: OpenThread) {
        let mut stack = open.stack;
        if let (true, Some(at)) = (stack.is_empty(), open.at)
            && self.budget.take_frames(1)
        {
            stack.push(at);
        }
        let frames = stack.finish();
        let stack = (!frames.is_empty()).then(|| Stack::new(side(&frames), frames));
        // lldb leaves the id out of most lines, never its own number.
        let id = open.thread.id.filter(|_| open.number.is_none());
        let key = (open.process, open.number, id);
        let Some(process) = self.processes.get_mut(open.process) else {
            return;
        };
        let known = self
            .threads
            .get_mut(&key)
            .filter(|_| open.thread.name.as_deref() != Some(ANSWER));
        if let Some(seen) = known
            && let Some(thread) = process.threads.get_mut(seen.thread)
        {
            let said_again = seen.resumed == self.resumed;
            seen.resumed = self.resumed;
            add_stack(&mut thread.stacks, stack, said_again);
            return;
        }
        let mut thread = open.thread;
        thread.stacks.extend(stack);
        let index = process.threads.len();
        process.threads.push(thread);
        let resumed = self.resumed;
        self.threads.insert(
            key,
            Seen {
                thread: index,
                resumed,
            },
        );
    }

    pub(super) fn finish(mut self) -> Vec<Report> {
        self.close();
        let (machine, kernel) = self.space.finish();
        // A thread of a table without a stack is worth its name; a process without threads is not.
        self.processes.retain(|process| !process.threads.is_empty());
        if self.processes.is_empty() && kernel.images.is_empty() {
            return Vec::new();
        }
        for process in &mut self.processes {
            process.space.basis = Basis::Slid;
        }
        let mut report = Report {
            format: FORMAT.name,
            variant: self.program.map(str::to_owned),
            machine,
            kernel,
            processes: self.processes,
            ..Report::default()
        };
        report.notes.extend(self.budget.note());
        vec![report]
    }
}

/// A stop shows the innermost frame, `bt` then the whole stack: one stack, not two.
fn add_stack(stacks: &mut Vec<Stack>, stack: Option<Stack>, said_again: bool) {
    let Some(stack) = stack else {
        return;
    };
    match stacks.last_mut() {
        Some(last) if said_again && is_beginning(&last.frames, &stack.frames) => *last = stack,
        Some(last) if said_again && is_beginning(&stack.frames, &last.frames) => {}
        _ => stacks.push(stack),
    }
}

/// A stack is the user's if it has addresses no kernel has: above 4 GB, below the kernel's half.
fn side(frames: &[Frame]) -> Side {
    let addresses = || {
        frames.iter().filter_map(|frame| match frame.at {
            At::Absolute(address) => Some(address.0),
            _ => None,
        })
    };
    let kernel = addresses().any(|address| address >= LOWEST_KERNEL);
    let user = addresses().any(|address| address > u64::from(u32::MAX));
    if user && !kernel {
        Side::User
    } else {
        Side::Kernel
    }
}
