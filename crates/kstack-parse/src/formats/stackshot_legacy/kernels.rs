//! The eight generations: which line of kernels wrote which records.

use super::layout::{
    MEMORY_1699, MEMORY_2050, MEMORY_2422, TASK_1504, TASK_1699, TASK_2422, TASK_2782, THREAD_1228,
    THREAD_1486, THREAD_1504, THREAD_1699, THREAD_2050, THREAD_2422, THREAD_2782, THREAD_3248,
};
use super::record::Layout;

/// One form of the trace, as a line of kernels wrote it.
#[derive(Debug)]
pub(in crate::formats) struct Generation {
    /// Short name: "G5".
    pub(in crate::formats) id: &'static str,
    /// The system it comes from.
    pub(super) os: &'static str,
    /// Which releases of that system, where not all.
    pub(super) releases: &'static str,
    pub(super) memory: Option<&'static Layout>,
    pub(in crate::formats) task: Option<&'static Layout>,
    pub(in crate::formats) thread: &'static Layout,
    /// Thread flags that its kernels set.
    pub(super) thread_flags: u64,
    /// Whether pid 0 can list the kernel and the kexts (xnu-2422 and later).
    pub(super) lists_kernel: bool,
    /// Whether thread flag 0x80 says that a stack was cut by unmapped memory (xnu-3247 and later).
    pub(super) flags_cut_stacks: bool,
}

impl Generation {
    /// The layouts of its records.
    pub(super) fn layouts(&self) -> impl Iterator<Item = &'static Layout> + use<> {
        [Some(self.thread), self.task, self.memory]
            .into_iter()
            .flatten()
    }
}

/// Every generation, oldest first.
pub(in crate::formats) static GENERATIONS: &[Generation] = &[
    // xnu-1228.
    Generation {
        id: "G1",
        os: "Mac OS X 10.5",
        releases: "",
        memory: None,
        task: None,
        thread: &THREAD_1228,
        thread_flags: 0,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-1456.1.26 and 1486.2.11.
    Generation {
        id: "G2",
        os: "Mac OS X 10.6",
        releases: ".0 to 10.6.2",
        memory: None,
        task: None,
        thread: &THREAD_1486,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-1504.3.12 to 1504.15.3.
    Generation {
        id: "G3",
        os: "Mac OS X 10.6",
        releases: ".3 to 10.6.8",
        memory: None,
        task: Some(&TASK_1504),
        thread: &THREAD_1504,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-1699.
    Generation {
        id: "G4",
        os: "Mac OS X 10.7",
        releases: "",
        memory: Some(&MEMORY_1699),
        task: Some(&TASK_1699),
        thread: &THREAD_1699,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-2050.
    Generation {
        id: "G5",
        os: "OS X 10.8",
        releases: "",
        memory: Some(&MEMORY_2050),
        task: Some(&TASK_1699),
        thread: &THREAD_2050,
        thread_flags: 0x7,
        lists_kernel: false,
        flags_cut_stacks: false,
    },
    // xnu-2422.
    Generation {
        id: "G6",
        os: "OS X 10.9",
        releases: "",
        memory: Some(&MEMORY_2422),
        task: Some(&TASK_2422),
        thread: &THREAD_2422,
        thread_flags: 0x1f,
        lists_kernel: true,
        flags_cut_stacks: false,
    },
    // xnu-2782.
    Generation {
        id: "G7",
        os: "OS X 10.10",
        releases: "",
        memory: Some(&MEMORY_2422),
        task: Some(&TASK_2782),
        thread: &THREAD_2782,
        thread_flags: 0x7f,
        lists_kernel: true,
        flags_cut_stacks: false,
    },
    // xnu-3247 and 3248, through the old system call only.
    Generation {
        id: "G8",
        os: "OS X 10.11",
        releases: "",
        memory: Some(&MEMORY_2422),
        task: Some(&TASK_2782),
        thread: &THREAD_3248,
        thread_flags: 0xff,
        lists_kernel: true,
        flags_cut_stacks: true,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_every_record_add_up_to_its_size() {
        for generation in GENERATIONS {
            for layout in generation.layouts() {
                let sum: usize = layout.fields().map(|(_, form)| form.size()).sum();
                assert_eq!(sum, layout.size, "{} {}", generation.id, layout.what);
            }
        }
    }

    #[test]
    fn record_sizes_are_those_of_the_kernel_headers() {
        let sizes = |layout: fn(&Generation) -> Option<&'static Layout>| -> Vec<usize> {
            GENERATIONS
                .iter()
                .map(|generation| layout(generation).map_or(0, |layout| layout.size))
                .collect()
        };
        assert_eq!(
            sizes(|generation| Some(generation.thread)),
            [72, 62, 41, 57, 65, 69, 311, 316]
        );
        assert_eq!(
            sizes(|generation| generation.task),
            [0, 0, 30, 66, 66, 113, 293, 293]
        );
        assert_eq!(
            sizes(|generation| generation.memory),
            [0, 0, 0, 32, 45, 61, 61, 61]
        );
    }
}
