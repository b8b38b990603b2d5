//! Who allocated what a zone log holds.

use std::cmp::Reverse;

use foldhash::{HashMap, HashSet};
use kstack_model::{Frame, Side, Stack};

use crate::diagnose::{Function, Label, Labeller, facts, plain};
use crate::resolve::{Resolution, SpaceId, Trace};

/// The records of a zone log by stack and by function.
#[derive(Debug, Default)]
pub struct Leaks<'a> {
    /// Records of each kind, allocations first.
    pub kinds: Vec<LeakKind<'a>>,
    /// Where in the log the oldest record is, when the debugger was asked.
    pub oldest: Option<u64>,
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
    /// Functions, inlined ones too, with how many records have them in their backtrace; the most common
    /// first: `zfs_kmem_alloc (in zfs)`.
    pub functions: Vec<(String, u64)>,
}

impl<'a> Leaks<'a> {
    /// Counts the records of a trace that was read from a zone log.
    ///
    /// A function counts once for each record, however often a recursion repeats it and whether it was
    /// inlined or not.
    #[must_use]
    pub fn of(trace: &'a Trace) -> Leaks<'a> {
        let mut namer = Namer {
            trace,
            labeller: Labeller::new(trace),
        };
        let mut leaks = Leaks {
            oldest: facts::number(&trace.report.facts, &["oldest record"]),
            ..Leaks::default()
        };
        for (index, process) in trace.report.processes.iter().enumerate() {
            for thread in &process.threads {
                let mut kind = LeakKind {
                    name: thread.name.as_deref().unwrap_or("records"),
                    records: 0,
                    stacks: Vec::new(),
                    functions: Vec::new(),
                };
                // The innermost first of those that are equally common: that is how a stack is read.
                let mut functions: HashMap<String, (u64, usize)> = HashMap::default();
                let of_kernel = |stack: &&Stack| stack.side == Side::Kernel;
                for stack in thread.stacks.iter().filter(of_kernel) {
                    for name in namer.functions(index, stack) {
                        let next = functions.len();
                        let (count, _) = functions.entry(name).or_insert((0, next));
                        *count = count.saturating_add(stack.samples);
                    }
                    kind.records = kind.records.saturating_add(stack.samples);
                    kind.stacks.push((stack, stack.samples));
                }
                kind.stacks.sort_by_key(|(_, count)| Reverse(*count));
                let mut functions: Vec<(String, (u64, usize))> = functions.into_iter().collect();
                functions.sort_by_key(|(_, (count, first))| (Reverse(*count), *first));
                let functions = functions.into_iter();
                kind.functions = functions.map(|(name, (count, _))| (name, count)).collect();
                leaks.kinds.push(kind);
            }
        }
        leaks
    }
}

struct Namer<'a> {
    trace: &'a Trace,
    labeller: Labeller<'a>,
}

impl<'a> Namer<'a> {
    /// The functions of a stack, each once, innermost first.
    fn functions(&mut self, process: usize, stack: &'a Stack) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for frame in &stack.frames {
            let id = self.labeller.label(process, stack.side, frame);
            let Some(label) = self.labeller.get(id) else {
                continue;
            };
            let inlined = self.inlined(process, stack.side, frame).map(|name| {
                let function = Function::Named(plain(name));
                Label {
                    function,
                    ..label.clone()
                }
                .in_words()
            });
            names.extend(inlined);
            names.push(label.in_words());
        }
        let mut seen = HashSet::default();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// Names of the functions inlined at a frame, innermost first.
    fn inlined(&self, process: usize, side: Side, frame: &Frame) -> impl Iterator<Item = &'a str> {
        let found = self.trace.resolution(SpaceId::of(side, process), frame);
        let frames = match found {
            Resolution::Named { named, .. } => named.frames.as_slice(),
            Resolution::ImageOnly { .. } | Resolution::Nowhere { .. } => &[],
        };
        // The last is the function itself.
        let inlined = frames.split_last().map_or(&[][..], |(_, inlined)| inlined);
        inlined
            .iter()
            .filter_map(|inlined| inlined.function.as_deref())
    }
}

impl LeakKind<'_> {
    /// A count as a share of the records, in tenths of a percent, rounded.
    #[must_use]
    pub fn per_mille(&self, count: u64) -> u64 {
        match self.records {
            0 => 0,
            records => {
                let (count, records) = (u128::from(count), u128::from(records));
                u64::try_from((count * 1000 + records / 2) / records).unwrap_or(1000)
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
            .map(|(name, count)| (name.clone(), *count, kind.per_mille(*count)))
            .collect();
        assert_eq!(
            counted,
            [
                ("zfs_kmem_alloc".to_owned(), 3, 1000),
                ("arc_buf_alloc".to_owned(), 2, 667),
                ("dbuf_create".to_owned(), 1, 333),
            ]
        );
    }
}
