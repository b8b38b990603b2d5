//! Which threads are shown in full, and which are folded.

use crate::render::document::{Document, ProcessBlock, ThreadBlock};

/// Which threads are shown in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// Those with a frame in a kext whose symbol file was given.
    Kexts,
    /// There is none: all that have a name to show, but for the idle ones.
    Named,
}

impl Focus {
    pub(super) fn of(document: &Document<'_>, processes: &[ProcessBlock<'_>]) -> Focus {
        let mut threads = processes.iter().flat_map(|process| &process.threads);
        if threads.any(|thread| thread.is_in_a_given_kext(document)) {
            Focus::Kexts
        } else {
            Focus::Named
        }
    }

    pub(super) fn heading(self) -> &'static str {
        match self {
            Focus::Kexts => "Threads in the given kexts",
            Focus::Named => "Threads with names, idle ones apart",
        }
    }

    /// The one whose panic it is always matters.
    fn takes(self, document: &Document<'_>, thread: &ThreadBlock<'_>) -> bool {
        thread.panicked()
            || match self {
                Focus::Kexts => thread.is_in_a_given_kext(document),
                Focus::Named => !thread.is_idle() && thread.has_names(document),
            }
    }

    /// Processes with the threads in focus, and with those that are not; one can be in both.
    pub(super) fn split<'a>(
        self,
        document: &Document<'_>,
        processes: Vec<ProcessBlock<'a>>,
    ) -> (Vec<ProcessBlock<'a>>, Vec<ProcessBlock<'a>>) {
        let (mut full, mut folded) = (Vec::new(), Vec::new());
        for block in processes {
            let without_threads = block.threads.is_empty();
            let threads = block.threads.into_iter();
            let (inside, outside): (Vec<_>, Vec<_>) =
                threads.partition(|thread| self.takes(document, thread));
            if !inside.is_empty() {
                full.push(ProcessBlock {
                    process: block.process,
                    fields: block.fields.clone(),
                    threads: inside,
                });
            }
            if without_threads || !outside.is_empty() {
                folded.push(ProcessBlock {
                    process: block.process,
                    fields: block.fields,
                    threads: outside,
                });
            }
        }
        (full, folded)
    }
}
