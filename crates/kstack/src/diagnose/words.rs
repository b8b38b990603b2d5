//! Threads and waits in sentences.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use kstack_model::{Address, Side, Thread, ThreadState, WaitInfo, WaitType};

use super::facts;
use super::processor::{self, ProcessorTime};
use super::recorded::{kind_of_wait, owner_in_words};
use super::threads::{ThreadEntry, ThreadIndex, heaviest, process_in_words};
use super::waits::{Node, Strength, Via, WaitEdge};
use super::{Diagnosis, SharedBy};
use crate::resolve::{Resolution, SpaceId, Why};

impl Diagnosis<'_> {
    /// What a thread is doing, as parts of one sentence.
    #[must_use]
    pub fn doing(&self, index: ThreadIndex) -> Vec<String> {
        let Some(entry) = self.threads.get(index) else {
            return Vec::new();
        };
        let thread = entry.thread;
        let mut parts = Vec::new();
        if entry.panicked() {
            parts.push("panicked".to_owned());
        }
        if facts::is_on_processor(thread) {
            parts.push("running on a processor".to_owned());
        } else if let Some(state) = thread.state {
            parts.push(state.in_words());
        }
        parts.extend(running_while_sampled(thread));
        let says_so = |state: ThreadState| state.contains(ThreadState::SUSP);
        if facts::is_process_suspended(entry.process) {
            parts.push("its process is suspended".to_owned());
        } else if facts::is_suspended(thread) && !thread.state.is_some_and(says_so) {
            parts.push("suspended".to_owned());
        }
        parts.extend(self.waiting(index, entry));
        if let Some((side, index)) = entry.waits_at(&self.labels)
            && let Some(at) = entry.label(side, index)
            && let Some(label) = self.labels.get(at)
            && label.is_meaningful()
        {
            // A name is the report's own, and as good as that.
            let uncertain = match label.name().is_none() && self.is_uncertain(entry, side, index) {
                true => " (uncertain)",
                false => "",
            };
            parts.push(format!("at {}{uncertain}", label.in_words()));
        }
        if let Some(label) = entry.continuation.and_then(|id| self.labels.get(id))
            && label.name().is_some()
        {
            parts.push(format!("will continue in {}", label.in_words()));
        }
        if let Some(idle) = entry.idle {
            parts.push(idle.to_owned());
        }
        parts.extend(self.priority(index, entry));
        parts
    }

    /// Whether a frame of the heaviest stack is in its image only as far as no other is known to lie there.
    fn is_uncertain(&self, entry: &ThreadEntry<'_>, side: Side, index: usize) -> bool {
        let stack = heaviest(entry.thread, side);
        let frame = stack.and_then(|stack| stack.frames.get(index));
        let space = SpaceId::of(side, entry.process_index);
        frame.is_some_and(|frame| {
            matches!(
                self.trace.resolution(space, frame),
                Resolution::ImageOnly {
                    why: Why::NearestImageBelow,
                    ..
                }
            )
        })
    }

    /// What threads with one stack are doing: what all of them do, and what differs by how many do it, the
    /// most common first.
    #[must_use]
    pub fn doing_together(&self, threads: &[ThreadIndex]) -> (Vec<String>, Vec<(usize, String)>) {
        let all: Vec<Vec<String>> = threads.iter().map(|index| self.doing(*index)).collect();
        let mut common = all.first().cloned().unwrap_or_default();
        common.retain(|part| all.iter().all(|parts| parts.contains(part)));
        let mut rest: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (position, mut parts) in all.into_iter().enumerate() {
            parts.retain(|part| !common.contains(part));
            if !parts.is_empty() {
                let (count, _) = rest.entry(parts.join("; ")).or_insert((0, position));
                *count += 1;
            }
        }
        let mut rest: Vec<(String, (usize, usize))> = rest.into_iter().collect();
        rest.sort_by_key(|(_, (count, position))| (Reverse(*count), *position));
        let rest = rest.into_iter().map(|(words, (count, _))| (count, words));
        (common, rest.collect())
    }

    /// How long threads had a processor, all together; `None` where the report does not tell of one of them.
    #[must_use]
    pub fn processor_time(&self, threads: &[ThreadIndex]) -> Option<ProcessorTime> {
        let mut times = threads
            .iter()
            .map(|index| self.threads.get(*index)?.processor_time);
        let first = times.next()??;
        times.try_fold(first, |sum, time| sum.and(time?))
    }

    /// The same in words, and what a sampler saw of one thread.
    #[must_use]
    pub fn processor_time_in_words(&self, threads: &[ThreadIndex]) -> Option<String> {
        if let Some(all) = self.processor_time(threads) {
            let together = if threads.len() > 1 { " together" } else { "" };
            return Some(format!("{all} of processor time{together}"));
        }
        let [only] = threads else { return None };
        let sampled = processor::while_sampled(self.threads.get(*only)?.thread)?;
        Some(format!("{sampled} of processor time while sampled"))
    }

    fn waiting(&self, index: ThreadIndex, entry: &ThreadEntry<'_>) -> Vec<String> {
        let mut parts = Vec::new();
        for edge in self.waits.from(index) {
            parts.push(self.edge(edge));
        }
        let info = self.waits.info.get(index).copied().flatten();
        match info {
            Some(info) if parts.is_empty() => parts.push(self.lonely_wait(index, &info)),
            Some(_) => {}
            None if parts.is_empty() => parts.extend(self.wait_without_record(entry)),
            None => {}
        }
        parts
    }

    /// An edge as part of a sentence: `waits for KernelMutex 0x…, owned by thread 0x4e2 of zpool (PID 156)`.
    #[must_use]
    pub fn edge(&self, edge: &WaitEdge) -> String {
        let whom = self.node(edge.to);
        let object = |wait| self.object(edge.from, wait);
        match (&edge.via, edge.strength) {
            (Via::Wait(info), Strength::Certain) => match edge.to {
                Node::Process(_) | Node::LostProcess(_) => {
                    format!("waits for the end of {}", self.whose_turn(edge.to))
                }
                _ => format!("waits for {}, owned by {whom}", object(info)),
            },
            (Via::Wait(info), _) if info.wait_type == WaitType::SEMAPHORE => {
                format!("waits for {}, to be answered by {whom}", object(info))
            }
            // The service is part of what is waited for.
            (Via::Wait(info), _) if matches!(edge.to, Node::Service(_)) => {
                format!("waits for {}", object(info))
            }
            (Via::Wait(info), _) => {
                format!("waits for {}, served by {whom}", object(info))
            }
            (Via::Turnstile(turnstile), Strength::Inherited) => format!(
                "waits for {}; its priority goes through {} turnstiles to {whom}: the direct owner is \
                 between the two",
                self.behind(edge.from),
                turnstile.hops
            ),
            (Via::Turnstile(_), _) => match self.waits.info.get(edge.from) {
                Some(Some(info)) => {
                    format!("waits for {}, by its turnstile for {whom}", object(info))
                }
                _ => format!("waits for {whom} (turnstile)"),
            },
        }
    }

    /// What a thread with a turnstile waits for, when a record tells.
    fn behind(&self, thread: ThreadIndex) -> String {
        match self.waits.info.get(thread) {
            Some(Some(info)) => self.object(thread, info),
            _ => "a turnstile".to_owned(),
        }
    }

    /// What a thread waits for, without whose it is: `KernelMutex 0x…`.
    #[must_use]
    pub fn awaited(&self, edge: &WaitEdge) -> String {
        match &edge.via {
            Via::Wait(info) if info.wait_type == WaitType::ON_PROCESS => {
                "the end of the process".to_owned()
            }
            Via::Wait(info) => self.object(edge.from, info),
            Via::Turnstile(turnstile) => match turnstile.hops {
                0 | 1 => "a turnstile".to_owned(),
                hops => format!("{hops} turnstiles"),
            },
        }
    }

    /// Who somebody is: "thread 0x4e2 of zpool (PID 156)".
    #[must_use]
    pub fn node(&self, node: Node) -> String {
        match node {
            Node::Thread(index) => self.thread(index),
            Node::Process(index) => match self.trace.report.processes.get(index) {
                Some(process) => format!("any thread of {}", process_in_words(process)),
                None => "any thread of a process".to_owned(),
            },
            Node::LostThread(id) => format!("thread {id:#x}, not captured"),
            Node::LostProcess(pid) => format!("the process with PID {pid}, not captured"),
            Node::Service(index) => match self.waits.services.get(index) {
                Some(name) => format!("the service {name}"),
                None => "a service".to_owned(),
            },
            Node::Kernel => "the kernel".to_owned(),
        }
    }

    /// Who it is that all wait for: the same, a process as a whole.
    #[must_use]
    pub fn whose_turn(&self, node: Node) -> String {
        match node {
            Node::Process(index) => {
                let process = self.trace.report.processes.get(index);
                process.map_or_else(|| "a process".to_owned(), process_in_words)
            }
            _ => self.node(node),
        }
    }

    /// Who a thread is.
    #[must_use]
    pub fn thread(&self, index: ThreadIndex) -> String {
        let entry = self.threads.get(index);
        entry.map_or_else(|| "a thread".to_owned(), ThreadEntry::in_words)
    }

    /// What several threads wait for.
    #[must_use]
    pub fn shared_object(&self, by: SharedBy) -> String {
        match by {
            SharedBy::Object {
                wait_type,
                context,
                process,
            } => {
                let kind = kind_of_wait(wait_type);
                match process.and_then(|index| self.trace.report.processes.get(index)) {
                    Some(process) => {
                        format!("{kind} {context:#x} of {}", process_in_words(process))
                    }
                    None => {
                        let at = Address(context);
                        format!("{kind} {context:#x}{}", self.lies_in(at))
                    }
                }
            }
            SharedBy::Event(event) => format!("the event {event}{}", self.lies_in(event)),
            SharedBy::Function(kind, label) => match self.labels.get(label) {
                Some(label) => format!("{} in {}", kind.in_words(), label.in_words()),
                None => kind.in_words().to_owned(),
            },
        }
    }

    /// A wait whose record names nobody.
    fn lonely_wait(&self, index: ThreadIndex, info: &WaitInfo) -> String {
        let object = self.object(index, info);
        let nobody = owner_in_words(info);
        format!("waits for {object}{nobody}")
    }

    /// What a thread waits for, as its process names it.
    fn object(&self, index: ThreadIndex, info: &WaitInfo) -> String {
        let entry = self.threads.get(index);
        match entry.and_then(|entry| self.recorded.get(entry.process_index)) {
            Some(recorded) => recorded.object(info),
            None => kind_of_wait(info.wait_type),
        }
    }

    fn wait_without_record(&self, entry: &ThreadEntry<'_>) -> Option<String> {
        if entry.is_blocked() == Some(false) {
            return None;
        }
        let by_name = entry.wait_by_name(&self.labels);
        let event = entry.thread.wait_event;
        match (by_name, event) {
            (Some(kind), Some(event)) => Some(format!(
                "waits for {} (told by its frames), event {event}{}",
                kind.in_words(),
                self.lies_in(event)
            )),
            (Some(kind), None) => Some(format!(
                "waits for {} (told by its frames)",
                kind.in_words()
            )),
            (None, Some(event)) => Some(format!(
                "waits for the event {event}{}",
                self.lies_in(event)
            )),
            (None, None) => None,
        }
    }

    /// What lies at an address that threads wait at, where a symbol file tells.
    fn lies_in(&self, at: Address) -> String {
        self.trace.awaited_in_words(at, false)
    }

    /// Priority inversions: a waiter above the thread it waits for.
    fn priority(&self, index: ThreadIndex, entry: &ThreadEntry<'_>) -> Option<String> {
        let edge = self.waits.from(index).first()?;
        // Who stands at the end of an inheritance is not the owner.
        let Node::Thread(owner) = edge.to else {
            return None;
        };
        if edge.strength != Strength::Certain {
            return None;
        }
        let owner = self.threads.get(owner)?.thread;
        let mine = facts::priority(entry.thread)?;
        let theirs = facts::priority(owner)?;
        let base = facts::base_priority(owner);
        if mine > theirs {
            Some(format!(
                "priority inversion: its priority is {mine}, the owner's {theirs}"
            ))
        } else if base.is_some_and(|base| mine > base) {
            Some(format!(
                "the owner is raised from priority {} to {theirs}",
                base.unwrap_or_default()
            ))
        } else {
            None
        }
    }
}

/// How often a sampler saw a thread running: at the innermost frame of each stack it says so.
fn running_while_sampled(thread: &Thread) -> Option<String> {
    let (mut running, mut runnable) = (0_u64, 0_u64);
    for stack in &thread.stacks {
        let innermost = stack.frames.first().and_then(|frame| frame.said.as_ref());
        match innermost.and_then(|said| said.remark.as_deref()) {
            Some("running") => running = running.saturating_add(stack.samples),
            Some("runnable") => runnable = runnable.saturating_add(stack.samples),
            _ => {}
        }
    }
    let of = facts::samples(thread).map_or_else(String::new, |all| format!(" of {all}"));
    match (running, runnable) {
        (0, 0) => None,
        (0, ready) => Some(format!("ready to run in {ready}{of} samples")),
        (on, 0) => Some(format!("running in {on}{of} samples")),
        (on, ready) => Some(format!(
            "running in {on}{of} samples, ready to run in {ready}"
        )),
    }
}
