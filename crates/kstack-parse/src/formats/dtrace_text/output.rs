//! Output of a script: keys, stacks, counts, line by line.

use std::collections::BTreeMap;

use kstack_model::{At, Basis, Frame, FrameKind, Note, Process, Report, Side, Stack, Thread};

use super::{FORMAT, frame, lockstat};
use crate::Limits;
use crate::formats::budget::Budget;
use crate::formats::numbers::{decimal, leading_decimal};

/// Finds the first stack that is dtrace's beyond doubt.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// How much the frames before this line weigh: one in a module is enough, bare addresses are not.
    weight: usize,
    probe: bool,
    lockstat: bool,
}

impl Finder {
    /// Whether this line completes one.
    pub(super) fn line(&mut self, text: &str) -> bool {
        let text = text.trim_ascii();
        if text.is_empty() {
            return false;
        }
        // Cheap before dear: most lines of most files are neither.
        let may_be_frame = text.starts_with("0x") || text.contains('`');
        if may_be_frame && let Some(traced) = frame::read(text) {
            self.weight += if traced.frame.said.is_some() { 2 } else { 1 };
            return self.probe && self.weight > 1;
        }
        if self.weight > 1 && decimal(text.trim()).is_some()
            || self.lockstat && lockstat::row(text).is_some()
        {
            return true;
        }
        self.lockstat |= lockstat::is_head(text);
        self.weight = 0;
        self.probe = probe(text).is_some() || text.starts_with("CPU") && is_probe_head(text);
        false
    }
}

/// Reads the output of a script.
#[derive(Debug)]
pub(super) struct Output {
    /// A thread for each key beside the stacks: `execname`, probe, or nothing.
    threads: Vec<Thread>,
    by_key: BTreeMap<String, usize>,
    /// The key of the stacks that come.
    key: String,
    /// The parts of the stack read last: `stack()` and `ustack()` of one key.
    parts: Vec<Part>,
    /// Blank lines since the last part.
    blanks: usize,
    /// Counts of a histogram in place of a plain one.
    histogram: Option<u64>,
    /// The title of the lockstat table the lines are in.
    table: Option<String>,
    in_table: bool,
    budget: Budget,
}

/// Frames without a blank line between them.
#[derive(Debug)]
struct Part {
    blanks_before: usize,
    frames: Vec<Frame>,
    kernel_votes: usize,
    user_votes: usize,
}

impl Output {
    pub(super) fn new(limits: &Limits) -> Output {
        Output {
            threads: Vec::new(),
            by_key: BTreeMap::new(),
            key: String::new(),
            parts: Vec::new(),
            blanks: 0,
            histogram: None,
            table: None,
            in_table: false,
            // Its frames are all the items it has.
            budget: Budget::new(&Limits {
                frames: limits.frames.min(limits.items),
                ..*limits
            }),
        }
    }

    pub(super) fn line(&mut self, text: &str) {
        if text.trim().is_empty() {
            self.blanks = self.blanks.saturating_add(1);
            if self.parts.is_empty() {
                // A key stands right above its stack.
                self.key.clear();
            }
            if let Some(samples) = self.histogram.take() {
                self.end(samples);
            }
        } else if let Some(traced) = frame::read(text) {
            self.frame(traced);
        } else if !self.lockstat(text) {
            self.unframed(text);
        }
    }

    /// What stands between stacks.
    fn unframed(&mut self, text: &str) {
        if let Some(samples) = self.count(text) {
            self.end(samples);
        } else if let Some(samples) = self.histogram_row(text) {
            self.histogram = Some(samples);
        } else {
            self.words(text);
        }
    }

    /// A count alone, or behind the rest of its key: `zpool  17`.
    fn count(&self, text: &str) -> Option<u64> {
        if self.parts.is_empty() || self.histogram.is_some() || probe(text).is_some() {
            return None;
        }
        let words = text.split_whitespace().take(5).count();
        let last = text.split_whitespace().next_back()?;
        decimal(last).filter(|_| words < 5)
    }

    fn frame(&mut self, traced: frame::Traced) {
        if !self.budget.take_frames(1) {
            return;
        }
        let blanks = std::mem::take(&mut self.blanks);
        if blanks > 0 || self.parts.is_empty() {
            self.parts.push(Part {
                blanks_before: blanks,
                frames: Vec::new(),
                kernel_votes: 0,
                user_votes: 0,
            });
        }
        if let Some(part) = self.parts.last_mut() {
            part.frames.push(traced.frame);
            part.kernel_votes += usize::from(traced.kernel == Some(true));
            part.user_votes += usize::from(traced.kernel == Some(false));
        }
    }

    fn lockstat(&mut self, text: &str) -> bool {
        if let Some(title) = lockstat::title(text) {
            self.table = Some(title.to_owned());
            self.in_table = false;
        } else if lockstat::is_head(text) {
            self.in_table = true;
        } else if self.in_table {
            return self.lockstat_row(text);
        } else {
            return false;
        }
        true
    }

    fn lockstat_row(&mut self, text: &str) -> bool {
        if text.trim_start().starts_with("---") {
            return true;
        }
        let Some((count, frame)) = lockstat::row(text) else {
            self.in_table = false;
            return false;
        };
        if !self.budget.take_frames(1) {
            return true;
        }
        self.key = self.table.clone().unwrap_or_default();
        let stack = Stack {
            samples: count,
            ..Stack::new(Side::Kernel, vec![frame])
        };
        self.add(vec![stack]);
        true
    }

    /// Rows of `quantize()`: the stack stands for the sum of their counts.
    fn histogram_row(&self, text: &str) -> Option<u64> {
        if self.parts.is_empty() {
            return None;
        }
        if text.contains("- Distribution -") {
            return Some(0);
        }
        let sum = self.histogram?;
        let (_, bar) = text.split_once('|')?;
        let count = decimal(bar.split_whitespace().last()?)?;
        Some(sum.saturating_add(count))
    }

    /// A key before stacks, a probe that fired, or anything.
    fn words(&mut self, text: &str) {
        // Stacks that a probe prints have no count.
        self.end(1);
        self.blanks = 0;
        self.key = match probe(text) {
            Some(probe) => probe.to_owned(),
            None if is_probe_head(text) => String::new(),
            None => text.trim().chars().take(LONGEST_KEY).collect(),
        };
    }

    /// The stack is complete.
    fn end(&mut self, samples: u64) {
        self.histogram = None;
        let trailing = std::mem::take(&mut self.blanks);
        let parts = std::mem::take(&mut self.parts);
        if parts.is_empty() {
            return;
        }
        let alone = parts.len() == 1;
        let mut stacks = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            let side = part.side(index, alone, trailing);
            let mut frames = part.frames;
            if let Some(first) = frames.first_mut() {
                // Where the probe fired.
                first.kind = FrameKind::InstructionPointer;
            }
            stacks.push(Stack {
                samples,
                ..Stack::new(side, frames)
            });
        }
        self.add(stacks);
    }

    fn add(&mut self, stacks: Vec<Stack>) {
        let key = std::mem::take(&mut self.key);
        let index = match self.by_key.get(&key) {
            Some(index) => *index,
            None => {
                self.threads.push(Thread {
                    name: Some(key.clone()).filter(|key| !key.is_empty()),
                    ..Thread::default()
                });
                let index = self.threads.len() - 1;
                self.by_key.insert(key, index);
                index
            }
        };
        if let Some(thread) = self.threads.get_mut(index) {
            thread.stacks.extend(stacks);
        }
    }

    pub(super) fn finish(mut self) -> Option<Report> {
        let samples = self.histogram.unwrap_or(1);
        self.end(samples);
        if self.threads.is_empty() {
            return None;
        }
        let mut process = Process {
            threads: self.threads,
            ..Process::default()
        };
        process.space.basis = Basis::Slid;
        let mut report = Report {
            format: FORMAT.name,
            processes: vec![process],
            ..Report::default()
        };
        report.kernel.basis = Basis::Slid;
        report.notes.extend(self.budget.note());
        report.notes.extend(unplaced(&report));
        Some(report)
    }
}

impl Part {
    /// Which side the part is of. What it shows decides; else its place in the key: dtrace prints
    /// an empty line for an empty stack, the kernel's stands first in every script that has both.
    fn side(&self, index: usize, alone: bool, blanks_behind: usize) -> Side {
        let user_by_place = if alone {
            blanks_behind == 0 && self.blanks_before > 1
        } else {
            index > 0
        };
        let user = match self.kernel_votes.cmp(&self.user_votes) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => user_by_place,
        };
        if user { Side::User } else { Side::Kernel }
    }
}

/// Tells how many frames have a name only.
fn unplaced(report: &Report) -> Option<Note> {
    let threads = report.processes.iter().flat_map(|process| &process.threads);
    let stacks = threads.flat_map(|thread| &thread.stacks);
    let count = stacks
        .flat_map(|stack| &stack.frames)
        .filter(|frame| frame.at == At::Unknown)
        .count();
    (count > 0).then(|| {
        Note::new(format!(
            "{count} frames are printed as names without addresses; they are shown as said, no symbol file can check them"
        ))
    })
}

/// More of a key than anyone reads.
const LONGEST_KEY: usize = 200;

/// The head of the probes that fired.
fn is_probe_head(text: &str) -> bool {
    text.split_whitespace().eq(["CPU", "ID", "FUNCTION:NAME"])
}

/// The probe of ` 30  76446   zio_wait:entry`.
fn probe(text: &str) -> Option<&str> {
    let (_, rest) = leading_decimal(text.trim_start())?;
    let (_, rest) = leading_decimal(rest.trim_start())?;
    let probe = rest.split_whitespace().next()?;
    (rest.starts_with(' ') && probe.contains(':')).then_some(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Report {
        let mut output = Output::new(&Limits::default());
        for line in text.lines() {
            output.line(line);
        }
        output.finish().unwrap()
    }

    fn shape(report: &Report) -> Vec<(Side, u64, usize)> {
        let threads = report.processes[0].threads.iter();
        let stacks = threads.flat_map(|thread| &thread.stacks);
        stacks
            .map(|it| (it.side, it.samples, it.frames.len()))
            .collect()
    }

    #[test]
    fn a_stack_weighs_what_is_printed_below_it() {
        let report = read(
            "\n   zfs`zio_wait+0x1e\n   mach_kernel`vnode_put+0x9\n   0xffffff8000200010\n     17\n",
        );
        assert_eq!(shape(&report), [(Side::Kernel, 17, 3)]);
        let frames = &report.processes[0].threads[0].stacks[0].frames;
        assert_eq!(frames[0].kind, FrameKind::InstructionPointer);
        assert_eq!(frames[1].kind, FrameKind::ReturnAddress);
    }

    #[test]
    fn the_second_stack_of_a_key_is_the_users() {
        let report = read("\n   zfs`zio_wait+0x1e\n\n   poold`main+0x9\n     2\n");
        assert_eq!(shape(&report), [(Side::Kernel, 2, 1), (Side::User, 2, 1)]);
        let kernel_only = read("\n   zfs`zio_wait+0x1e\n\n     2\n");
        assert_eq!(shape(&kernel_only), [(Side::Kernel, 2, 1)]);
        let user_only = read("\n\n   poold`main+0x1e\n     2\n");
        assert_eq!(shape(&user_only), [(Side::User, 2, 1)]);
    }

    #[test]
    fn keys_and_probes_name_the_threads() {
        let report = read(
            "  zpool\n   zfs`zio_wait+0x1e\n    3\n  txg\n   zfs`a+0x1\n    1\n  zpool\n   zfs`b+0x1\n   idle  1\n  0  123   vn_open:entry \n   zfs`c+0x1\n\n",
        );
        let names: Vec<_> = report.processes[0]
            .threads
            .iter()
            .map(|it| (it.name.as_deref().unwrap(), it.stacks.len()))
            .collect();
        assert_eq!(names, [("zpool", 2), ("txg", 1), ("vn_open:entry", 1)]);
    }

    #[test]
    fn a_histogram_weighs_the_sum_of_its_rows() {
        let report = read(
            "   zfs`zio_wait+0x1e\n   value  ------------- Distribution ------------- count\n    512 |          0\n   1024 |@@@@@     12\n   2048 |@         3\n\n",
        );
        assert_eq!(shape(&report), [(Side::Kernel, 15, 1)]);
    }

    #[test]
    fn lockstat_rows_are_callers() {
        let report = read(
            "Adaptive mutex spin: 20 events in 5.011 seconds (4 events/sec)\n\nCount indv cuml rcnt     nsec Lock                   Caller\n-----------\n  13  65%  65% 0.00       72 0xffffff8020c13d48     zfs`zio_wait+0x12e\n   7  35% 100% 0.00       66 vm_page_lock           vm_page_alloc+0x138\n-----------\n",
        );
        assert_eq!(
            shape(&report),
            [(Side::Kernel, 13, 1), (Side::Kernel, 7, 1)]
        );
        assert!(report.processes[0].threads[0].name.as_deref() == Some("Adaptive mutex spin"));
    }

    #[test]
    fn only_a_count_or_a_probe_makes_frames_dtraces() {
        let finds = |text: &str| {
            let mut finder = Finder::default();
            text.lines().any(|line| finder.line(line))
        };
        assert!(finds(" zfs`a+0x1\n\n 3"));
        assert!(finds(
            "CPU     ID                    FUNCTION:NAME\n\n zfs`a+0x1\n"
        ));
        assert!(!finds(" zfs`a+0x1\nand then 3"));
        assert!(!finds("0xffffff8000200010\n0xffffff8000200020\n"));
    }
}
