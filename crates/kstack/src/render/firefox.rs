//! A trace for the Firefox Profiler, in its processed format.
//!
//! A snapshot has no time line: the stacks of a thread stand one millisecond
//! apart, and what counts are their weights.

use std::collections::BTreeMap;
use std::io::{self, Write};

use fxprof_processed_profile::{
    CategoryColor, CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, Profile,
    ReferenceTimestamp, SamplingInterval, ThreadHandle, Timestamp,
};

use super::escape::Visible;
use super::json::harmless;
use super::paths::{self, Kin, Step, ThreadPaths};
use super::{RenderOptions, Renderer};
use crate::diagnose::fingerprint;
use crate::resolve::Trace;

pub(crate) const RENDERER: Renderer = Renderer {
    name: "firefox",
    about: "for profiler.firefox.com, in its processed format",
    extension: "profile.json",
    has_notes: false,
    holds_several: false,
    write,
};

/// Kexts with a category of their own; the profiler lists all of them beside its graphs.
const MOST_CATEGORIES: usize = 24;

const KEXT_COLORS: [CategoryColor; 6] = [
    CategoryColor::Red,
    CategoryColor::Purple,
    CategoryColor::Green,
    CategoryColor::Magenta,
    CategoryColor::Yellow,
    CategoryColor::Brown,
];

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    let report = &trace.report;
    let product = match fingerprint(trace) {
        Some(fingerprint) => format!("{} {fingerprint}", report.format),
        None => report.format.to_owned(),
    };
    // No clock: the same trace gives the same profile.
    let start = ReferenceTimestamp::from_millis_since_unix_epoch(0.0);
    let mut profile = Profile::new(&product, start, SamplingInterval::from_millis(1));
    profile.set_symbolicated(true);
    if let Some(system) = &report.machine.os_version {
        profile.set_os_name(&Visible(system).to_string());
    }
    let threads = paths::paths(trace, options);
    let categories = categories(&mut profile, &threads);
    let mut processes = BTreeMap::new();
    for (number, thread) in (1_u32..).zip(&threads) {
        let process = *processes.entry(thread.process_index).or_insert_with(|| {
            let process = report.processes.get(thread.process_index);
            let name = paths::process_step(trace, thread.process_index).name;
            let pid = process.and_then(|process| process.pid);
            let pid = pid.and_then(|pid| u32::try_from(pid).ok());
            profile.add_process(&name, pid.unwrap_or(0), at(0))
        });
        // Ids of old systems are addresses; the profiler takes 32 bits.
        let id = thread.thread.id.and_then(|id| u32::try_from(id).ok());
        let handle = profile.add_thread(process, id.unwrap_or(number), at(0), false);
        profile.set_thread_name(handle, &thread_name(thread));
        for (time, (steps, samples)) in (0_u64..).zip(&thread.paths) {
            let frames = frames(&mut profile, steps, &categories);
            let stack = profile.intern_stack_frames(handle, frames.into_iter());
            let weight = i32::try_from(*samples).unwrap_or(i32::MAX);
            profile.add_sample(handle, at(time), stack, CpuDelta::ZERO, weight);
        }
        end(&mut profile, handle, thread);
    }
    harmless::write_compact(&profile, out)?;
    out.write_all(b"\n")
}

fn end(profile: &mut Profile, handle: ThreadHandle, thread: &ThreadPaths<'_>) {
    let length = u64::try_from(thread.paths.len()).unwrap_or(u64::MAX);
    profile.set_thread_end_time(handle, at(length));
}

fn thread_name(thread: &ThreadPaths<'_>) -> String {
    let thread = thread.thread;
    let name = thread.name.as_deref().or(thread.queue.as_deref());
    match (name, thread.id) {
        (Some(name), _) => Visible(name).to_string(),
        (None, Some(id)) => format!("thread {id:#x}"),
        (None, None) => "thread".to_owned(),
    }
}

fn categories(profile: &mut Profile, threads: &[ThreadPaths<'_>]) -> BTreeMap<Kin, CategoryHandle> {
    let mut categories = BTreeMap::new();
    let paths = threads.iter().flat_map(|thread| &thread.paths);
    for Step { kin, .. } in paths.flat_map(|(steps, _)| steps) {
        if categories.contains_key(kin) {
            continue;
        }
        let handle = match kin {
            Kin::Kernel => profile.add_category("Kernel", CategoryColor::Orange),
            Kin::User => profile.add_category("User", CategoryColor::Blue),
            Kin::Kext(name) if categories.len() < MOST_CATEGORIES => {
                let color = KEXT_COLORS.get(categories.len() % KEXT_COLORS.len());
                let color = color.copied().unwrap_or(CategoryColor::Red);
                profile.add_category(&Visible(name).to_string(), color)
            }
            Kin::Process | Kin::Kext(_) | Kin::Unknown => CategoryHandle::OTHER,
        };
        categories.insert(kin.clone(), handle);
    }
    categories
}

fn frames(
    profile: &mut Profile,
    steps: &[Step],
    categories: &BTreeMap<Kin, CategoryHandle>,
) -> Vec<FrameInfo> {
    let steps = steps.iter();
    steps
        .map(|step| {
            let category = categories.get(&step.kin).copied();
            FrameInfo {
                frame: Frame::Label(profile.intern_string(&step.name)),
                category_pair: category.unwrap_or(CategoryHandle::OTHER).into(),
                flags: FrameFlags::empty(),
            }
        })
        .collect()
}

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_nanos_since_reference(milliseconds.saturating_mul(1_000_000))
}
