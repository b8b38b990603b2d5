//! What tells a file from others, and from itself after a change.

use std::fmt;
use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that changed so short a time ago may change again without its time telling: file systems count
/// in steps, some of two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// A file as it was when it was opened.
///
/// Size and time alone would not do: a copy can keep the time of another file, as those of `cp -p`, `tar`
/// and `rsync` do, and a build that is made again can have the size of the one before. So where the
/// system numbers its files, number and time of the last change of any kind are part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    /// Since 1970.
    changed: Duration,
    /// Device, number of the file on it, and the time of its last change of any kind: seconds and nanoseconds.
    node: [u64; 4],
}

impl Stamp {
    /// The stamp of a file; `None` where the system keeps no time of change.
    pub(crate) fn of(metadata: &Metadata) -> Option<Stamp> {
        let changed = metadata.modified().ok()?;
        Some(Stamp {
            size: metadata.len(),
            changed: changed.duration_since(UNIX_EPOCH).ok()?,
            node: node(metadata),
        })
    }

    /// Whether another change would surely show: the last one is not of just now.
    pub(crate) fn is_settled(&self) -> bool {
        let changed = UNIX_EPOCH.checked_add(self.changed);
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age >= SETTLED)
    }

    /// Whether this is the same file with other contents. Another file that took its place by a rename is none:
    /// who had the old one open still has it.
    pub(crate) fn is_rewritten(&self, before: &Stamp) -> bool {
        let [device, number, ..] = self.node;
        let [device_before, number_before, ..] = before.node;
        (device, number) == (device_before, number_before)
            && (self.size, self.changed) != (before.size, before.changed)
    }
}

impl fmt::Display for Stamp {
    /// Without spaces, so that it is one word of a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [device, number, seconds, nanoseconds] = self.node;
        let changed = self.changed.as_nanos();
        let size = self.size;
        write!(
            f,
            "{size},{changed},{device},{number},{seconds}.{nanoseconds}"
        )
    }
}

#[cfg(unix)]
fn node(metadata: &Metadata) -> [u64; 4] {
    use std::os::unix::fs::MetadataExt;
    [
        metadata.dev(),
        metadata.ino(),
        metadata.ctime().cast_unsigned(),
        metadata.ctime_nsec().cast_unsigned(),
    ]
}

#[cfg(not(unix))]
fn node(_: &Metadata) -> [u64; 4] {
    [0; 4]
}
