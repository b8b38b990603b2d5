//! A trace as folded stacks: one line for each path with its weight, for every tool that draws flame graphs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::iter;

use super::paths::{self, Kin, Step};
use super::{RenderOptions, Renderer};
use crate::resolve::Trace;

pub(crate) const RENDERER: Renderer = Renderer {
    name: "folded",
    about: "for tools that draw flame graphs: one line for each stack with its weight",
    extension: "folded",
    has_notes: false,
    holds_several: true,
    write,
};

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    write_lines(&Folded::of(trace, options), out)
}

/// Paths with what they weigh, and what each name in them is.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Names from the process on, joined by semicolons, with their weight.
    pub(crate) weights: BTreeMap<String, u64>,
    /// What is coloured alike.
    pub(crate) kin: BTreeMap<String, Kin>,
    /// What the weights count.
    pub(crate) unit: Unit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Threads of a snapshot.
    #[default]
    Threads,
    /// Samples that were taken of a stack.
    Samples,
    /// What a script of dtrace counted, which may be anything.
    Counts,
    /// Records of a zone log.
    Records,
}

impl Unit {
    /// One of them.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Unit::Threads => "thread",
            Unit::Samples => "sample",
            Unit::Counts => "count",
            Unit::Records => "record",
        }
    }

    /// Several of them.
    pub(crate) fn many(self) -> &'static str {
        match self {
            Unit::Threads => "threads",
            Unit::Samples => "samples",
            Unit::Counts => "counts",
            Unit::Records => "records",
        }
    }
}

impl Folded {
    pub(crate) fn of(trace: &Trace, options: &RenderOptions) -> Folded {
        let mut folded = Folded::in_units_of(trace);
        for thread in paths::paths(trace, options) {
            let root = paths::process_step(trace, thread.process_index);
            for (steps, samples) in thread.paths {
                folded.add(iter::once(root.clone()).chain(steps), samples);
            }
        }
        folded
    }

    /// The kernel's side of all processes together.
    pub(crate) fn of_kernel(trace: &Trace, options: &RenderOptions) -> Folded {
        let mut folded = Folded::in_units_of(trace);
        let threads = paths::paths(trace, options);
        for (steps, samples) in threads.into_iter().flat_map(|thread| thread.paths) {
            let steps = steps.into_iter().filter(|step| step.kin != Kin::User);
            folded.add(steps, samples);
        }
        folded
    }

    fn in_units_of(trace: &Trace) -> Folded {
        let unit = match trace.report.format {
            "dtrace-text" => Unit::Counts,
            "zlog" => Unit::Records,
            _ => Unit::Threads,
        };
        Folded {
            unit,
            ..Folded::default()
        }
    }

    fn add(&mut self, steps: impl Iterator<Item = Step>, samples: u64) {
        let mut line = String::new();
        for step in steps {
            if !line.is_empty() {
                line.push(';');
            }
            line.push_str(&step.name);
            self.kin.entry(step.name).or_insert(step.kin);
        }
        if line.is_empty() {
            return;
        }
        if samples != 1 && self.unit == Unit::Threads {
            self.unit = Unit::Samples;
        }
        let weight = self.weights.entry(line).or_default();
        *weight = weight.saturating_add(samples);
    }

    /// Whether there is nothing to draw: no stack, or none with a sample.
    pub(crate) fn weighs_nothing(&self) -> bool {
        self.weights.values().all(|&weight| weight == 0)
    }

    /// All weights together.
    pub(crate) fn weight(&self) -> u64 {
        let add = |sum: u64, weight: &u64| sum.saturating_add(*weight);
        self.weights.values().fold(0, add)
    }

    /// Lines as tools read them: the path, a blank, the weight.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.weights
            .iter()
            .map(|(path, weight)| format!("{path} {weight}"))
    }
}

fn write_lines(folded: &Folded, out: &mut dyn Write) -> io::Result<()> {
    for line in folded.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
