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
    holds_several: true,
    write,
};

fn write(trace: &Trace, options: &RenderOptions, out: &mut dyn Write) -> io::Result<()> {
    write_lines(&Folded::of(trace, options), out)
}

/// Paths with what they weigh, and what each name in them is.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Names from the process on, joined by semicolons, with their weight: samples, or threads in a snapshot.
    pub(crate) weights: BTreeMap<String, u64>,
    /// What is coloured alike.
    pub(crate) kin: BTreeMap<String, Kin>,
    /// Whether the weights are of samples, not of threads.
    pub(crate) is_sampled: bool,
}

impl Folded {
    pub(crate) fn of(trace: &Trace, options: &RenderOptions) -> Folded {
        let mut folded = Folded::default();
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
        let mut folded = Folded::default();
        let threads = paths::paths(trace, options);
        for (steps, samples) in threads.into_iter().flat_map(|thread| thread.paths) {
            let steps = steps.into_iter().filter(|step| step.kin != Kin::User);
            folded.add(steps, samples);
        }
        folded
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
        self.is_sampled |= samples != 1;
        let weight = self.weights.entry(line).or_default();
        *weight = weight.saturating_add(samples);
    }

    /// Whether there is nothing to draw: no stack, or none with a sample.
    pub(crate) fn weighs_nothing(&self) -> bool {
        self.weights.values().all(|&weight| weight == 0)
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
