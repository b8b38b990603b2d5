//! What the targets share.

mod ask;
mod pieces;

use std::sync::LazyLock;

use kstack::symbols::{Role, StatedPlace, SymbolSet};
use kstack_model::{Address, Arch, Report};
use kstack_parse::Limits;
use kstack_synth::macho::Program;

pub use ask::{ask, ask_at};
pub use pieces::{Piece, pieces};

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

/// Two kexts with names and lines, at places of their own.
pub static SYMBOLS: LazyLock<SymbolSet> = LazyLock::new(|| {
    let mut symbols = SymbolSet::default();
    for (seed, name) in [(1, "zfs"), (2, "spl")] {
        let mut program = Program::kext(name, Arch::X86_64, seed);
        program.add_many(6);
        let place = StatedPlace {
            segment: None,
            address: Address(0xffff_ff7f_8000_0000 + (u64::from(seed) << 24)),
        };
        symbols.add_bytes(Role::Kext, name, Some(place), program.dsym());
    }
    symbols
});
