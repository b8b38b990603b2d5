//! What the targets share.

use kstack_model::Report;
use kstack_parse::Limits;

/// Room for every seed, and little enough that a slip shows as memory or time.
pub const LIMITS: Limits = Limits {
    items: 20_000,
    frames: 20_000,
    depth: 16,
    decompressed_bytes: 1 << 20,
};

/// Stops where reports hold more than they may.
pub fn check(reports: &[Report]) {
    for report in reports {
        assert!(!report.format.is_empty());
        let threads = report.processes.iter().flat_map(|process| &process.threads);
        let stacks = threads.flat_map(|thread| &thread.stacks);
        let frames: usize = stacks.map(|stack| stack.frames.len()).sum();
        assert!(
            frames <= LIMITS.frames,
            "{frames} frames in a report of {}",
            report.format
        );
    }
}
