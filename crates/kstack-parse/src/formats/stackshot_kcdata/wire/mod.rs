//! Every tag kstack knows, and how its payload is laid out.
//!
//! Names are the kernel's own. Keys are those under which Apple's decoder
//! (`libkdd` in xnu) prints a tag, or in their manner where it knows none.

use super::layout::Type;

mod crash;
mod exclaves;
mod images;
mod latency;
mod system;
mod task;
mod thread;

/// Each sorted by tag.
const GROUPS: [&[Type<'static>]; 7] = [
    thread::TYPES,
    task::TYPES,
    images::TYPES,
    system::TYPES,
    latency::TYPES,
    exclaves::TYPES,
    crash::TYPES,
];

/// What is known of `tag`, for a payload or element of `size` bytes.
pub(crate) fn find(tag: u32, size: usize) -> Option<&'static Type<'static>> {
    if tag == latency::COLLECTION_V2.tag && size >= latency::COLLECTION_V2_SIZE {
        return Some(&latency::COLLECTION_V2);
    }
    GROUPS.iter().find_map(|group| {
        let index = group.binary_search_by_key(&tag, |row| row.tag).ok()?;
        group.get(index)
    })
}

/// The key of a kind of container.
pub(crate) fn container(tag: u32) -> Option<&'static str> {
    Some(match tag {
        containers::TASK => "task_snapshots",
        containers::THREAD => "thread_snapshots",
        containers::TRANSITIONING_TASK => "transitioning_task_snapshots",
        containers::PORTLABEL => "portlabels",
        containers::SHAREDCACHE => "shared_caches",
        0x949 => "threads_exclave",
        0x94a => "thread_exclave",
        0x94c => "exclave_ipcstackentry",
        0x94f => "exclave_addressspace",
        0x952 => "exclave_textlayout",
        _ => return None,
    })
}

/// The kinds of container that a report is made from.
pub(crate) mod containers {
    pub(crate) const TASK: u32 = 0x903;
    pub(crate) const THREAD: u32 = 0x904;
    pub(crate) const TRANSITIONING_TASK: u32 = 0x931;
    pub(crate) const PORTLABEL: u32 = 0x934;
    pub(crate) const SHAREDCACHE: u32 = 0x942;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_sorted_and_no_tag_is_in_two() {
        let mut all: Vec<u32> = Vec::new();
        for group in GROUPS {
            assert!(group.is_sorted_by_key(|row| row.tag));
            all.extend(group.iter().map(|row| row.tag));
        }
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn the_second_form_of_the_latency_record_is_told_by_its_size() {
        let names = |size| find(0x92b, size).unwrap().fields.len();
        assert_eq!((names(32), names(96)), (4, 13));
    }
}
