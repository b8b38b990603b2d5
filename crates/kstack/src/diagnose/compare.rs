//! Two reports of one machine: what moved between them, and where two panics part.

use std::collections::BTreeMap;

use kstack_model::ImageKind;

use super::facts;
use super::fingerprint::meaningful;
use super::threads::{ThreadEntry, ThreadIndex};
use super::{Diagnosis, Fingerprint, ProcessorTime};

/// What changed from one report to a later one.
#[derive(Debug, Default, PartialEq)]
pub struct Comparison {
    /// What their reader calls the two reports: their files.
    pub names: Option<(String, String)>,
    /// Why threads cannot be compared, as a sentence; then only fingerprints and panics are.
    pub not_one_boot: Option<String>,
    /// Busy threads with the same stack in both, the surest first: indices in the first and in the second.
    pub stuck: Vec<Stuck>,
    /// Idle threads with the same stack in both.
    pub idle: usize,
    /// Threads whose stacks differ: indices in the first and in the second.
    pub moved: Vec<(ThreadIndex, ThreadIndex)>,
    /// Threads that only the second has.
    pub new: Vec<ThreadIndex>,
    /// Threads that only the first has.
    pub gone: Vec<ThreadIndex>,
    /// Threads that used a processor in between, the busiest first: index in the second, and how much.
    pub grown: Vec<(ThreadIndex, ProcessorTime)>,
    /// Threads that had a processor for less time in the second report than in the first: none, if the first
    /// is the earlier one.
    pub shrunk: usize,
    /// How two panics compare.
    pub panics: Option<Panics>,
}

/// A thread that has the same stack in two reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Its index in the first report.
    pub before: ThreadIndex,
    /// Its index in the second.
    pub after: ThreadIndex,
    /// How sure it is that it did not move and come back.
    pub proof: Proof,
}

/// Why a thread with the same stack in two reports is taken not to have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// It did not run in between: the kernel's time of its last run is the same.
    LastRun,
    /// It used no processor time in between.
    CpuTime,
    /// The same frames; it may have moved and come back.
    Frames,
}

impl Proof {
    /// How sure it is, for a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Proof::LastRun => "did not run in between",
            Proof::CpuTime => "used no processor time in between",
            Proof::Frames => "has the same frames; it may have moved and come back",
        }
    }
}

/// How two panics compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panics {
    /// The fingerprints of both.
    pub fingerprints: (Option<Fingerprint>, Option<Fingerprint>),
    /// Meaningful frames that are equal, from the innermost on.
    pub common: Vec<String>,
    /// The first frames that differ; `None` where a stack ends.
    pub parts: Option<(Option<String>, Option<String>)>,
}

impl Panics {
    /// Whether both have one fingerprint.
    #[must_use]
    pub fn are_one(&self) -> bool {
        let (one, other) = self.fingerprints;
        one.zip(other)
            .is_some_and(|(one, other)| one.hash == other.hash)
    }
}

/// Compares a report with a later one.
#[must_use]
pub fn compare(before: &Diagnosis<'_>, after: &Diagnosis<'_>) -> Comparison {
    let mut comparison = Comparison {
        not_one_boot: not_one_boot(before, after),
        panics: panics(before, after),
        ..Comparison::default()
    };
    if comparison.not_one_boot.is_some() {
        return comparison;
    }
    let mut left: BTreeMap<Key<'_>, ThreadIndex> = keys(before).collect();
    for (key, now) in keys(after) {
        let Some(then) = left.remove(&key) else {
            comparison.new.push(now);
            continue;
        };
        let pair = before.threads.get(then).zip(after.threads.get(now));
        let Some((old, new)) = pair else { continue };
        comparison.take(then, now, old, new);
    }
    comparison.gone = left.into_values().collect();
    comparison.gone.sort_unstable();
    comparison
        .stuck
        .sort_by_key(|stuck| (stuck.proof, stuck.after));
    comparison
        .grown
        .sort_by_key(|(thread, time)| (std::cmp::Reverse(*time), *thread));
    comparison
}

impl Comparison {
    fn take(
        &mut self,
        then: ThreadIndex,
        now: ThreadIndex,
        old: &ThreadEntry<'_>,
        new: &ThreadEntry<'_>,
    ) {
        let times = old.processor_time.zip(new.processor_time);
        let growth = times.and_then(|(old, new)| new.since(old));
        let is_less =
            times.is_some_and(|(old, new)| old.since(new).is_some_and(|by| by.count() > 0));
        self.shrunk += usize::from(is_less);
        if let Some(growth) = growth
            && growth.count() > 0
        {
            self.grown.push((now, growth));
        }
        if !same_frames(old, new) {
            self.moved.push((then, now));
        } else if new.idle.is_some() {
            self.idle += 1;
        } else {
            let last_run = facts::last_run(old.thread).zip(facts::last_run(new.thread));
            let proof = match (last_run, growth) {
                (Some((old, new)), _) if old == new => Proof::LastRun,
                (None, Some(growth)) if growth.count() == 0 => Proof::CpuTime,
                _ => Proof::Frames,
            };
            self.stuck.push(Stuck {
                before: then,
                after: now,
                proof,
            });
        }
    }
}

/// Process, thread id, and which of several with that id.
type Key<'a> = (Option<i32>, Option<&'a str>, u64);

fn keys<'a>(diagnosis: &'a Diagnosis<'_>) -> impl Iterator<Item = (Key<'a>, ThreadIndex)> {
    let threads = diagnosis.threads.all.iter().enumerate();
    threads.filter_map(|(index, entry)| {
        let process = entry.process;
        Some((
            (process.pid, process.name.as_deref(), entry.thread.id?),
            index,
        ))
    })
}

/// The same addresses, not only the same functions: a loop in one function is a move.
fn same_frames(old: &ThreadEntry<'_>, new: &ThreadEntry<'_>) -> bool {
    let (old, new) = (&old.thread.stacks, &new.thread.stacks);
    let frames = |stacks: &[kstack_model::Stack]| -> usize {
        stacks.iter().map(|stack| stack.frames.len()).sum()
    };
    old.len() == new.len()
        && frames(old) > 0
        && old.iter().zip(new).all(|(old, new)| {
            let said = |frame: &kstack_model::Frame| frame.said.clone();
            let same = |(old, new): (&kstack_model::Frame, &kstack_model::Frame)| {
                old.at == new.at && (old.at != kstack_model::At::Unknown || said(old) == said(new))
            };
            let frames = old.frames.iter().zip(&new.frames);
            old.side == new.side
                && old.frames.len() == new.frames.len()
                && frames.into_iter().all(same)
        })
}

/// Thread ids and addresses mean something only within one boot.
fn not_one_boot(before: &Diagnosis<'_>, after: &Diagnosis<'_>) -> Option<String> {
    let (old, new) = (&before.trace.report, &after.trace.report);
    let boot_times = ["boottime", "bootTime", "stackshot_boottime"];
    let boot = |report: &kstack_model::Report| facts::number(&report.facts, &boot_times);
    if let Some((old, new)) = boot(old).zip(boot(new))
        && old != new
    {
        return Some(
            "the machine was started anew in between: threads are not the same ones".to_owned(),
        );
    }
    if let Some((old, new)) = old.machine.model.as_ref().zip(new.machine.model.as_ref())
        && old != new
    {
        return Some(format!(
            "the machines differ ({old} and {new}): threads are not the same ones"
        ));
    }
    let kernel = |report: &kstack_model::Report| {
        let mut images = report.kernel.images.iter();
        let kernel = images.find(|image| image.kind == ImageKind::Kernel)?;
        kernel.uuid
    };
    if let Some((old, new)) = kernel(old).zip(kernel(new))
        && old != new
    {
        return Some("the kernels are two builds: threads are not the same ones".to_owned());
    }
    if let Some((old, new)) = darwin(old).zip(darwin(new))
        && old != new
    {
        return Some(format!(
            "the systems differ (Darwin {old} and {new}): threads are not the same ones"
        ));
    }
    if before.threads.all.iter().any(ThreadEntry::panicked)
        != after.threads.all.iter().any(ThreadEntry::panicked)
    {
        return Some(
            "one is of a panic, which tells of the thread that panicked and perhaps of no other: threads are not compared"
                .to_owned(),
        );
    }
    let systems = [
        (&old.machine.os_build, &new.machine.os_build),
        (&old.machine.kernel_version, &new.machine.kernel_version),
        (&old.machine.os_version, &new.machine.os_version),
    ];
    for (old, new) in systems
        .into_iter()
        .filter_map(|(old, new)| old.as_ref().zip(new.as_ref()))
    {
        if old != new {
            return Some(format!(
                "the systems differ ({old} and {new}): threads are not the same ones"
            ));
        }
    }
    let slides = (&old.kernel.slides, &new.kernel.slides);
    let differ = !slides.0.is_empty() && !slides.1.is_empty() && slides.0 != slides.1;
    differ.then(|| {
        "the kernel's slides differ, so the machine was started anew in between: threads are not the same ones"
            .to_owned()
    })
}

/// Which Darwin a report is of, as its kernel says or as follows from the version of macOS: formats state one or the
/// other.
fn darwin(report: &kstack_model::Report) -> Option<u32> {
    let machine = &report.machine;
    let number = |text: &str| {
        let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    };
    if let Some(kernel) = &machine.kernel_version {
        let (_, version) = kernel.split_once("Darwin Kernel Version ")?;
        return number(version);
    }
    let system = machine.os_version.as_deref()?;
    // Those of telephones count otherwise.
    let version = ["OS X ", "macOS "].iter().find_map(|name| {
        let (_, version) = system.split_once(name)?;
        Some(version)
    })?;
    match number(version)? {
        10 => Some(number(version.split_once('.')?.1)? + 4),
        major @ 11..=15 => Some(major + 9),
        major @ 26.. => Some(major - 1),
        _ => None,
    }
}

fn panics(before: &Diagnosis<'_>, after: &Diagnosis<'_>) -> Option<Panics> {
    let stack = |diagnosis: &Diagnosis<'_>| -> Option<Vec<String>> {
        let panicked = diagnosis
            .threads
            .all
            .iter()
            .find(|thread| thread.panicked())?;
        let labels = meaningful(panicked, &diagnosis.labels);
        Some(labels.iter().map(|label| label.in_words()).collect())
    };
    let (old, new) = (stack(before)?, stack(after)?);
    let equal = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let next = (old.get(equal).cloned(), new.get(equal).cloned());
    Some(Panics {
        fingerprints: (before.fingerprint, after.fingerprint),
        parts: (next != (None, None)).then_some(next),
        common: old.into_iter().take(equal).collect(),
    })
}
