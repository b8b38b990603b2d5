//! Lines of a panic that stand around its frames: kexts, slides, machine, process.

use kstack_model::{Address, Position};

use super::flow::{Flow, State, Wrapped};
use super::kexts::{TableLine, started};
use super::machine::{Key, key, store};
use super::scan::{hex_after, number_after};
use super::stacks::core_line;

impl Flow<'_> {
    /// Kext tables, lists, and the last kext started.
    pub(super) fn kexts(&mut self, text: &str) -> bool {
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
                self.panic.fact(format!("last {what}"), kext.to_owned());
            }
        }
    }

    /// Lines of the form "key: value", and values on a line of their own.
    pub(super) fn keyed(&mut self, text: &str) -> bool {
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
    pub(super) fn thread(&mut self, text: &str, at: Position) -> bool {
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
            self.announce(text, at);
            if let Some(thread) = hex_after(text, "Panicked thread: ") {
                self.panic.thread_fact("thread", Address(thread));
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
}
