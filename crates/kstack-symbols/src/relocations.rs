//! What the relocations of an image say: which words are pointers, and who is called elsewhere.

use std::collections::BTreeSet;
use std::ops::Range;

use scroll::{LE, Pread};

use crate::macho::Image;

/// Functions of the kernel that never return.
///
/// `panic` and its kin in xnu-11417.101.15, `osfmk/kern/debug.h` and `kern/assert.h`; the guard of the
/// compiler's stack protector.
const NEVER_RETURN: &[&str] = &[
    "_panic",
    "_panic_plain",
    "_panic_with_options",
    "_panic_with_thread_context",
    "_panic_with_thread_kernel_state",
    "_panic_unimplemented",
    "_panic_require_no_user",
    "_Assert",
    "_Debugger",
    "___stack_chk_fail",
    "___ubsan_trap",
    "_abort",
    "_longjmp",
    "_thread_exception_return",
    "_unix_syscall_return",
    "_handle_debugger_trap",
    "_zalloc_panic",
    "_ml_panic",
    "__ZN8OSObject16taggedRetainPanicEv",
    "___assert_rtn",
];

impl Image {
    /// Linked addresses of the pointers that local relocations name.
    pub(crate) fn local_relocations(&self, bytes: &[u8]) -> Vec<u64> {
        let Some(table) = self.relocations.as_ref() else {
            return Vec::new();
        };
        let entries = entries(bytes, table.locreloff, table.nlocrel);
        // Of eight bytes each, and not scattered, which 64-bit files never are.
        let pointers = entries.filter(|(_, word)| word >> 25 & 3 == 3);
        pointers
            .map(|(address, _)| self.linked_at().0.wrapping_add(u64::from(address)))
            .collect()
    }

    /// Linked addresses of the words that the loader makes point to other images.
    pub(crate) fn external_relocations(&self, bytes: &[u8]) -> Vec<u64> {
        let Some(table) = self.relocations.as_ref() else {
            return Vec::new();
        };
        let entries = entries(bytes, table.extreloff, table.nextrel);
        let pointers = entries.filter(|(_, word)| word >> 25 & 3 == 3);
        pointers
            .map(|(address, _)| self.linked_at().0.wrapping_add(u64::from(address)))
            .collect()
    }

    /// Calls of functions in other images that never return, and stubs that lead to them.
    pub(crate) fn never_returning(&self, bytes: &[u8]) -> BTreeSet<u64> {
        self.imported(bytes, |name| {
            NEVER_RETURN.iter().any(|never| name == never.as_bytes())
        })
    }

    /// Calls of the wanted functions of other images, and stubs that lead to them.
    pub(crate) fn imported(
        &self,
        bytes: &[u8],
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> BTreeSet<u64> {
        let mut calls = BTreeSet::new();
        let wanted = |number: usize| self.name_of_symbol(number, bytes).is_some_and(&is_wanted);
        if let Some(table) = self.relocations.as_ref() {
            for (address, word) in entries(bytes, table.extreloff, table.nextrel) {
                let number = usize::try_from(word & 0xff_ffff).unwrap_or(usize::MAX);
                if wanted(number) {
                    let at = self.linked_at().0.wrapping_add(u64::from(address));
                    // The relocation is of the displacement; on x86-64 the opcode is one byte before it.
                    calls.extend([at, at.wrapping_sub(1)]);
                }
            }
            for stubs in &self.stubs {
                let indirect = stubs.first_symbol;
                for index in 0..stubs.count {
                    let slot = indirect
                        .checked_add(index)
                        .and_then(|slot| slot.checked_mul(4));
                    let offset = slot.and_then(|slot| slot.checked_add(table.indirectsymoff));
                    let number = offset
                        .and_then(|offset| usize::try_from(offset).ok())
                        .and_then(|offset| bytes.pread_with::<u32>(offset, LE).ok());
                    let Some(number) = number else {
                        break;
                    };
                    if wanted(usize::try_from(number).unwrap_or(usize::MAX)) {
                        let skipped = u64::from(stubs.size) * u64::from(index);
                        calls.insert(stubs.address.wrapping_add(skipped));
                    }
                }
            }
        }
        calls
    }
}

/// A section of stubs (`S_SYMBOL_STUBS`): code that jumps to other images.
#[derive(Clone, Debug)]
pub(crate) struct Stubs {
    pub(crate) address: u64,
    /// Size of one stub.
    pub(crate) size: u32,
    pub(crate) count: u32,
    /// Index of the first in the table of indirect symbols.
    pub(crate) first_symbol: u32,
}

impl Stubs {
    /// Where they lie.
    pub(crate) fn range(&self) -> Range<u64> {
        let size = u64::from(self.size) * u64::from(self.count);
        self.address..self.address.saturating_add(size)
    }
}

/// Relocation entries as address and the word behind it.
fn entries(bytes: &[u8], offset: u32, count: u32) -> impl Iterator<Item = (u32, u32)> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let entries = bytes.get(offset..).unwrap_or_default().chunks_exact(8);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    entries.take(count).filter_map(|entry| {
        let address = entry.pread_with(0, LE).ok()?;
        Some((address, entry.pread_with(4, LE).ok()?))
    })
}
