//! Who allocated what a zone log holds.

use std::collections::BTreeMap;

use kstack_model::{Side, Stack};

use crate::diagnose::{Label, LabelId, Labeller, Labels};
use crate::resolve::Trace;

/// The records of a zone log by stack and by function.
#[derive(Debug, Default)]
pub struct Leaks<'a> {
    /// Records of each kind, allocations first.
    pub kinds: Vec<LeakKind<'a>>,
    /// What the frames are called.
    pub labels: Labels,
}

/// The records of one kind: allocations, or frees.
#[derive(Debug)]
pub struct LeakKind<'a> {
    /// "ALLOC" or "FREE".
    pub name: &'a str,
    /// How many records.
    pub records: u64,
    /// Backtraces with how many records have them; the most common first.
    pub stacks: Vec<(&'a Stack, u64)>,
    /// Functions with how many records have them in their backtrace; the most common first.
    pub functions: Vec<(LabelId, u64)>,
}

impl<'a> Leaks<'a> {
    /// Counts the records of a trace that was read from a zone log.
    ///
    /// A function counts once for each record, however often a recursion repeats it.
    #[must_use]
    pub fn of(trace: &'a Trace) -> Leaks<'a> {
        let mut labeller = Labeller::new(trace);
        let mut leaks = Leaks::default();
        for (index, process) in trace.report.processes.iter().enumerate() {
            for thread in &process.threads {
                let mut kind = LeakKind {
                    name: thread.name.as_deref().unwrap_or("records"),
                    records: 0,
                    stacks: Vec::new(),
                    functions: Vec::new(),
                };
                let mut functions: BTreeMap<LabelId, u64> = BTreeMap::new();
                for stack in thread
                    .stacks
                    .iter()
                    .filter(|stack| stack.side == Side::Kernel)
                {
                    let frames = stack.frames.iter();
                    let mut labels: Vec<LabelId> = frames
                        .map(|frame| labeller.label(index, stack.side, frame))
                        .collect();
                    labels.sort_unstable();
                    labels.dedup();
                    for label in labels {
                        let count = functions.entry(label).or_default();
                        *count = count.saturating_add(stack.samples);
                    }
                    kind.records = kind.records.saturating_add(stack.samples);
                    kind.stacks.push((stack, stack.samples));
                }
                kind.stacks
                    .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                kind.functions = functions.into_iter().collect();
                kind.functions
                    .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                leaks.kinds.push(kind);
            }
        }
        leaks.labels = labeller.finish();
        leaks
    }

    /// What a function is called: `zfs_kmem_alloc (in zfs)`.
    #[must_use]
    pub fn function(&self, id: LabelId) -> String {
        self.labels.get(id).map(Label::in_words).unwrap_or_default()
    }
}

impl LeakKind<'_> {
    /// A count as a share of the records, in tenths of a percent.
    #[must_use]
    pub fn per_mille(&self, count: u64) -> u64 {
        match self.records {
            0 => 0,
            records => {
                u64::try_from(u128::from(count) * 1000 / u128::from(records)).unwrap_or(1000)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_counted_once_for_each_record() {
        let record = |caller: &str, at: &str| {
            format!(
                "ALLOC 0xffffff8031110000 : index 1\n\
                 0xffffff7f80e84700 <zfs_kmem_alloc+15>: mov\n\
                 0xffffff7f80e84710 <zfs_kmem_alloc+31>: mov\n\
                 0xffffff7f80e9{at} <{caller}+4>: mov\n\n"
            )
        };
        let text = record("arc_buf_alloc", "0000")
            + &record("arc_buf_alloc", "0000")
            + &record("dbuf_create", "4000");
        let report = kstack_parse::zlog::read(text.as_bytes(), &Default::default()).unwrap();
        let trace = crate::resolve(report, &Default::default(), &Default::default());
        let leaks = Leaks::of(&trace);
        let [kind] = leaks.kinds.as_slice() else {
            panic!()
        };
        assert_eq!((kind.name, kind.records), ("ALLOC", 3));
        let counted = kind.functions.iter();
        let counted: Vec<(String, u64, u64)> = counted
            .map(|(id, count)| (leaks.function(*id), *count, kind.per_mille(*count)))
            .collect();
        assert_eq!(
            counted,
            [
                ("zfs_kmem_alloc".to_owned(), 3, 1000),
                ("arc_buf_alloc".to_owned(), 2, 666),
                ("dbuf_create".to_owned(), 1, 333),
            ]
        );
    }
}
