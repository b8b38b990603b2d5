//! A diagnosis as JSON; `docs/json.md` describes it.

use std::io::{self, Write};

use kstack_model::Side;

use super::super::RenderOptions;
use super::super::json::images::unknown;
use super::super::json::write_document;
use super::super::wire::{Fingerprint, Hex, SCHEMA, UuidText};
use super::wire;
use crate::diagnose::compare::{self, Proof};
use crate::diagnose::{
    Diagnosis, Group, LabelId, Node, Rank, SharedBy, Strength, ThreadIndex, Via, WaitEdge,
    where_from,
};

pub(super) fn write(
    diagnosis: &Diagnosis<'_>,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let one = Writer(diagnosis);
    let notes = diagnosis
        .trace
        .report
        .notes
        .iter()
        .chain(&diagnosis.trace.notes);
    let document = wire::Document {
        schema: SCHEMA,
        kind: "diagnosis",
        format: diagnosis.trace.report.format.to_owned(),
        fingerprint: diagnosis.fingerprint.map(Fingerprint::from),
        faults: diagnosis.faults.clone(),
        waits_recorded: diagnosis.waits.are_recorded(),
        deadlocks: one.deadlocks(),
        roots: one.roots(),
        shared: one.shared(),
        groups: diagnosis
            .groups
            .iter()
            .map(|group| one.group(group))
            .collect(),
        idle: one.idle(),
        missing: one.missing(),
        unknown: diagnosis.missing.unknown.iter().map(unknown).collect(),
        notes: notes.map(ToString::to_string).collect(),
    };
    write_document(&document, options.trace_index, out)
}

pub(super) fn write_comparison(
    before: &Diagnosis<'_>,
    after: &Diagnosis<'_>,
    comparison: &compare::Comparison,
    options: &RenderOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (old, new) = (Writer(before), Writer(after));
    let not_moved = comparison.stuck.iter().map(|stuck| wire::NotMoved {
        thread: new.thread(stuck.after),
        proof: match stuck.proof {
            Proof::LastRun => "last-run",
            Proof::CpuTime => "cpu-time",
            Proof::Frames => "frames",
        },
        doing: after.doing(stuck.after),
    });
    let document = wire::Comparison {
        schema: SCHEMA,
        kind: "comparison",
        not_one_boot: comparison.not_one_boot.clone(),
        fingerprint_before: before.fingerprint.map(Fingerprint::from),
        fingerprint_after: after.fingerprint.map(Fingerprint::from),
        panics: comparison.panics.as_ref().map(panics),
        not_moved: not_moved.collect(),
        idle: comparison.idle,
        moved: comparison
            .moved
            .iter()
            .map(|(_, now)| new.thread(*now))
            .collect(),
        new: comparison
            .new
            .iter()
            .map(|thread| new.thread(*thread))
            .collect(),
        gone: comparison
            .gone
            .iter()
            .map(|thread| old.thread(*thread))
            .collect(),
        cpu_time: comparison
            .grown
            .iter()
            .map(|(thread, more)| wire::Grown {
                thread: new.thread(*thread),
                more: more.count(),
                unit: more.unit(),
            })
            .collect(),
        shrunk: comparison.shrunk,
    };
    write_document(&document, options.trace_index, out)
}

fn panics(panics: &compare::Panics) -> wire::Panics {
    let (before, after) = panics.parts.clone().unwrap_or_default();
    wire::Panics {
        same: panics.are_one(),
        common: panics.common.clone(),
        before,
        after,
    }
}

struct Writer<'a>(&'a Diagnosis<'a>);

impl Writer<'_> {
    fn deadlocks(&self) -> Vec<wire::Deadlock> {
        let deadlocks = self.0.deadlocks.iter();
        deadlocks
            .map(|deadlock| wire::Deadlock {
                certain: deadlock.is_certain,
                waiters: self.0.chains.waiters_of(deadlock),
                waits: deadlock.waits.iter().map(|edge| self.wait(edge)).collect(),
            })
            .collect()
    }

    fn roots(&self) -> Vec<wire::Root> {
        let roots = self.0.chains.roots.iter();
        roots
            .map(|root| wire::Root {
                who: self.who(root.node),
                waiters: root.waiters,
                longest: root.longest.iter().map(|edge| self.wait(edge)).collect(),
            })
            .collect()
    }

    fn wait(&self, edge: &WaitEdge) -> wire::Wait {
        let (info, hops) = match &edge.via {
            Via::Wait(info) => (Some(info), None),
            Via::Turnstile(turnstile) => (None, Some(turnstile.hops)),
        };
        wire::Wait {
            thread: self.thread(edge.from),
            whom: self.who(edge.to),
            strength: match edge.strength {
                Strength::Certain => "certain",
                Strength::Inherited => "inherited",
                Strength::Weak => "weak",
            },
            wait_type: info.map(|info| info.wait_type.0),
            wait_type_name: info.and_then(|info| info.wait_type.name()),
            context: info
                .filter(|info| info.context != 0)
                .map(|info| Hex(info.context)),
            hops,
            at: self.at(edge.from),
            text: self.0.edge(edge),
        }
    }

    fn at(&self, thread: ThreadIndex) -> Option<String> {
        let entry = self.0.threads.get(thread)?;
        let (side, index) = entry.waits_at(&self.0.labels)?;
        let label = self.0.labels.get(entry.label(side, index)?)?;
        Some(label.in_words())
    }

    fn who(&self, node: Node) -> wire::Who {
        match node {
            Node::Thread(thread) => wire::Who::Thread(self.thread(thread)),
            Node::Process(index) => {
                let process = self.0.trace.report.processes.get(index);
                wire::Who::Process(wire::Process {
                    process: index,
                    pid: process.and_then(|process| process.pid),
                    process_name: process.and_then(|process| process.name.clone()),
                })
            }
            Node::LostThread(id) => wire::Who::ThreadNotCaptured { id },
            Node::LostProcess(pid) => wire::Who::ProcessNotCaptured { pid },
            Node::Service(index) => wire::Who::Service {
                name: self.0.waits.services.get(index).cloned(),
            },
            Node::Kernel => wire::Who::Kernel,
        }
    }

    fn thread(&self, index: ThreadIndex) -> wire::Thread {
        let entry = self.0.threads.get(index);
        wire::Thread {
            id: entry.and_then(|entry| entry.thread.id),
            process: entry.map_or(0, |entry| entry.process_index),
            pid: entry.and_then(|entry| entry.process.pid),
            process_name: entry.and_then(|entry| entry.process.name.clone()),
        }
    }

    fn shared(&self) -> Vec<wire::Shared> {
        let shared = self.0.shared.iter();
        shared
            .map(|shared| wire::Shared {
                inferred: shared.by.is_inferred(),
                by: match shared.by {
                    SharedBy::Object { .. } => "object",
                    SharedBy::Event(_) => "event",
                    SharedBy::Function(..) => "function",
                },
                text: self.0.shared_object(shared.by),
                threads: shared
                    .threads
                    .iter()
                    .map(|thread| self.thread(*thread))
                    .collect(),
            })
            .collect()
    }

    fn group(&self, group: &Group) -> wire::Group {
        let variant = |threads: &Vec<ThreadIndex>| {
            let first = threads.first().copied().unwrap_or_default();
            let entry = self.0.threads.get(first);
            let stack = |side: Side| -> Vec<String> {
                let ids: &[LabelId] = match (entry, side) {
                    (Some(entry), Side::Kernel) => &entry.kernel,
                    (Some(entry), _) => &entry.user,
                    (None, _) => &[],
                };
                let labels = ids.iter().filter_map(|id| self.0.labels.get(*id));
                labels.map(|label| label.in_words()).collect()
            };
            let (doing, rest) = self.0.doing_together(threads);
            wire::Variant {
                threads: threads.iter().map(|thread| self.thread(*thread)).collect(),
                doing,
                some: rest
                    .into_iter()
                    .map(|(threads, doing)| wire::OfSome { threads, doing })
                    .collect(),
                processor_time: self
                    .0
                    .processor_time(threads)
                    .map(wire::ProcessorTime::from),
                kernel: stack(Side::Kernel),
                user: stack(Side::User),
            }
        };
        wire::Group {
            rank: match group.rank {
                Rank::Panicked => "panicked",
                Rank::GivenKext => "given-kext",
                Rank::OtherKext => "other-kext",
                Rank::Uninterruptible => "uninterruptible",
                Rank::Ordinary => "ordinary",
            },
            threads: group.len(),
            variants: group.variants.iter().map(variant).collect(),
        }
    }

    fn idle(&self) -> Vec<wire::Idle> {
        let idle = self.0.idle.iter();
        idle.map(|group| wire::Idle {
            what: group.what,
            threads: group.threads,
        })
        .collect()
    }

    fn missing(&self) -> Vec<wire::Missing> {
        let images = self.0.missing.images.iter().chain(&self.0.missing.users);
        let missing = images.filter_map(|missing| {
            let image = self.0.trace.image(missing.image)?;
            Some(wire::Missing {
                image: image.name(),
                version: image.image.version.clone(),
                uuid: image.image.uuid.map(UuidText),
                frames: missing.frames,
                pass: missing.pass.clone(),
                from: where_from(image, &self.0.trace.report.machine),
            })
        });
        missing.collect()
    }
}
