//! Which processes and threads are shown, and how many are not.

use kstack_model::{ImageKind, Process, Thread};

use crate::resolve::{Resolution, SpaceId, Trace};

/// What a reader asked to see. The default asks for everything.
///
/// A process is shown when its name or its pid is listed, a thread when its
/// id is; an empty list asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Exact names of processes.
    pub processes: Vec<String>,
    /// Process ids.
    pub pids: Vec<i32>,
    /// Thread ids.
    pub threads: Vec<u64>,
    /// Only threads with a frame in a kext.
    pub only_kexts: bool,
}

impl Selection {
    /// Applies the selection to a trace.
    ///
    /// A process goes with the last of its threads; one that never had any
    /// stays unless threads were asked for.
    #[must_use]
    pub fn of<'a>(&self, trace: &'a Trace) -> Selected<'a> {
        let mut selected = Selected::default();
        for (index, process) in trace.report.processes.iter().enumerate() {
            let threads: Vec<&Thread> = if self.takes_process(process) {
                let all = process.threads.iter();
                all.filter(|thread| self.takes_thread(trace, index, thread))
                    .collect()
            } else {
                Vec::new()
            };
            selected.threads_left_out += process.threads.len() - threads.len();
            let whole = self.takes_process(process) && !self.chooses_threads();
            if threads.is_empty() && !whole {
                selected.processes_left_out += 1;
                continue;
            }
            selected.processes.push(SelectedProcess {
                index,
                process,
                threads,
            });
        }
        selected
    }

    fn chooses_threads(&self) -> bool {
        self.only_kexts || !self.threads.is_empty()
    }

    fn takes_process(&self, process: &Process) -> bool {
        let name = process.name.as_ref();
        (self.processes.is_empty() && self.pids.is_empty())
            || name.is_some_and(|name| self.processes.contains(name))
            || process.pid.is_some_and(|pid| self.pids.contains(&pid))
    }

    fn takes_thread(&self, trace: &Trace, process: usize, thread: &Thread) -> bool {
        let listed =
            self.threads.is_empty() || thread.id.is_some_and(|id| self.threads.contains(&id));
        listed && (!self.only_kexts || has_kext_frame(trace, process, thread))
    }
}

/// What of a trace is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected<'a> {
    /// The processes shown, in the order of the report.
    pub processes: Vec<SelectedProcess<'a>>,
    /// Processes not shown.
    pub processes_left_out: usize,
    /// Threads not shown, those of processes not shown among them.
    pub threads_left_out: usize,
}

/// A process and those of its threads that are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectedProcess<'a> {
    /// Its index in the report.
    pub index: usize,
    /// The process.
    pub process: &'a Process,
    /// The threads shown, in the order of the report.
    pub threads: Vec<&'a Thread>,
}

fn has_kext_frame(trace: &Trace, process: usize, thread: &Thread) -> bool {
    thread.stacks.iter().any(|stack| {
        let space = SpaceId::of(stack.side, process);
        stack.frames.iter().any(|frame| {
            let image = match trace.resolution(space, frame) {
                Resolution::Named { image, .. } | Resolution::ImageOnly { image, .. } => *image,
                Resolution::Nowhere { .. } => return false,
            };
            let image = trace.image(image);
            image.is_some_and(|image| image.image.kind == ImageKind::Kext)
        })
    })
}
