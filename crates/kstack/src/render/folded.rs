//! A trace as folded stacks: one line for each path with its weight, for every tool that draws flame graphs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::paths::{self, Kin};
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
                let mut line = String::new();
                for step in std::iter::once(root.clone()).chain(steps) {
                    if !line.is_empty() {
                        line.push(';');
                    }
                    line.push_str(&step.name);
                    folded.kin.entry(step.name).or_insert(step.kin);
                }
                folded.is_sampled |= samples != 1;
                let weight = folded.weights.entry(line).or_default();
                *weight = weight.saturating_add(samples);
            }
        }
        folded
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
