//! What a processor says about a fault, in words.
//!
//! Pure functions from register values to one sentence. The numbers are those
//! of the processor manuals: Intel SDM volume 3, 6.15 (exceptions) and 4.7
//! (page-fault error code); Arm ARM, D24.2.40 (`ESR_EL1`), and for 32 bits
//! the short-descriptor `DFSR` encodings.

/// Addresses below this are taken for an offset from a null pointer: the first page is never mapped.
const NULL_PAGE: u64 = 0x1000;

/// Puts an x86 trap into words.
///
/// `cr2` is the address of a page fault and stale for every other trap, where
/// it is not used.
///
/// ```
/// use kstack_model::fault;
/// assert_eq!(fault::x86(14, 2, 0x18), "write to an unmapped page at 0x18: a null pointer plus 24");
/// ```
#[must_use]
pub fn x86(trap: u64, error_code: u64, cr2: u64) -> String {
    match trap {
        14 => page_fault(error_code, cr2),
        13 => "general protection fault: most often an access through a pointer whose upper bits are not \
               those of an address; the processor does not say which"
            .to_owned(),
        _ => match X86_TRAPS.iter().find(|(number, _)| *number == trap) {
            Some((_, words)) => (*words).to_owned(),
            None => format!("trap {trap}"),
        },
    }
}

const X86_TRAPS: &[(u64, &str)] = &[
    (0, "division by zero, or a quotient that does not fit"),
    (1, "debug exception"),
    (2, "non-maskable interrupt"),
    (3, "breakpoint instruction"),
    (4, "overflow trap"),
    (5, "bounds check failed"),
    (6, "undefined instruction"),
    (7, "floating-point unit not available"),
    (
        8,
        "double fault: a fault while a fault was being delivered, most often the kernel stack ran out",
    ),
    (10, "invalid task state segment"),
    (11, "segment not present"),
    (12, "stack segment fault"),
    (16, "floating-point error"),
    (17, "misaligned access"),
    (18, "machine check: the hardware reports an error"),
    (19, "SIMD floating-point error"),
];

fn page_fault(error_code: u64, cr2: u64) -> String {
    const PRESENT: u64 = 1;
    const WRITE: u64 = 2;
    const RESERVED: u64 = 8;
    const FETCH: u64 = 16;
    let access = if error_code & FETCH != 0 {
        Access::Execute
    } else if error_code & WRITE != 0 {
        Access::Write
    } else {
        Access::Read
    };
    let page = if error_code & RESERVED != 0 {
        Page::Corrupt
    } else if error_code & PRESENT != 0 {
        Page::Forbidden
    } else {
        Page::Unmapped
    };
    sentence(access, page, cr2)
}

/// Puts an arm64 exception syndrome and fault address into words.
///
/// ```
/// use kstack_model::fault;
/// assert_eq!(fault::arm64(0x9600_0046, 0x18), "write to an unmapped page at 0x18: a null pointer plus 24");
/// ```
#[must_use]
pub fn arm64(esr: u64, far: u64) -> String {
    const WRITE_NOT_READ: u64 = 1 << 6;
    const FAR_NOT_VALID: u64 = 1 << 10;
    let class = esr >> 26 & 0x3f;
    let syndrome = esr & 0x1ff_ffff;
    let access = match class {
        0x20 | 0x21 => Access::Execute,
        0x24 | 0x25 if syndrome & WRITE_NOT_READ != 0 => Access::Write,
        0x24 | 0x25 => Access::Read,
        0x22 => {
            return format!(
                "jump to {far:#x}, which is no multiple of four{}",
                about(far)
            );
        }
        _ => {
            return match ARM64_CLASSES.iter().find(|(number, _)| *number == class) {
                Some((_, words)) => (*words).to_owned(),
                None => format!("exception of class {class:#x}"),
            };
        }
    };
    let page = match syndrome & 0x3f {
        0x00..=0x03 => {
            return format!(
                "{} at {far:#x}: address size fault{}",
                access.noun(),
                about(far)
            );
        }
        0x04..=0x07 => Page::Unmapped,
        0x08..=0x0b => Page::AccessFlag,
        0x0c..=0x0f => Page::Forbidden,
        0x10 => {
            return format!(
                "{}: the memory system answered with an error",
                access.noun()
            );
        }
        0x11 => {
            return format!(
                "{} at {far:#x}: the pointer's memory tag is not that of the memory, as after a free or past an end",
                access.noun()
            );
        }
        0x21 => return format!("misaligned {} at {far:#x}{}", access.noun(), about(far)),
        other => {
            return format!(
                "{} at {far:#x}, fault status {other:#x}{}",
                access.noun(),
                about(far)
            );
        }
    };
    if syndrome & FAR_NOT_VALID != 0 {
        return format!("{} to {}", access.noun(), page.noun());
    }
    sentence(access, page, far)
}

const ARM64_CLASSES: &[(u64, &str)] = &[
    (0x00, "undefined instruction"),
    (0x07, "floating-point or vector unit not available"),
    (0x0e, "illegal execution state"),
    (0x18, "system register access that is not allowed"),
    (
        0x1c,
        "pointer authentication failed: a pointer was overwritten, or signed for another use",
    ),
    (0x26, "stack pointer is misaligned"),
    (0x2c, "floating-point error"),
    (
        0x2f,
        "system error interrupt: the hardware reports an error, perhaps of an earlier access",
    ),
    (0x31, "breakpoint"),
    (0x33, "single step"),
    (0x35, "watchpoint"),
    (0x3c, "trap instruction (brk)"),
];

/// Puts a 32-bit ARM fault status and address into words.
#[must_use]
pub fn arm32(fsr: u64, far: u64) -> String {
    const WRITE_NOT_READ: u64 = 1 << 11;
    let access = if fsr & WRITE_NOT_READ != 0 {
        Access::Write
    } else {
        // The same code stands for an instruction fetch: the prefetch status has no such bit.
        Access::Touch
    };
    let page = match fsr & 0x40f {
        0x5 | 0x7 => Page::Unmapped,
        0x3 | 0x6 => Page::AccessFlag,
        0x9 | 0xb | 0xd | 0xf => Page::Forbidden,
        0x1 => return format!("misaligned {} at {far:#x}{}", access.noun(), about(far)),
        other => {
            return format!(
                "{} at {far:#x}, fault status {other:#x}{}",
                access.noun(),
                about(far)
            );
        }
    };
    sentence(access, page, far)
}

/// Puts a PowerPC data or instruction access exception into words; `None` for other vectors.
#[must_use]
pub fn ppc(vector: u64, dsisr: u64, dar: u64) -> Option<String> {
    const STORE: u64 = 0x0200_0000;
    const PROTECTION: u64 = 0x0800_0000;
    let access = match vector {
        0x300 if dsisr & STORE != 0 => Access::Write,
        0x300 => Access::Read,
        0x400 => return Some("execution of an unmapped or forbidden page".to_owned()),
        0x600 => return Some(format!("misaligned access at {dar:#x}{}", about(dar))),
        0x700 => return Some("trap or undefined instruction".to_owned()),
        _ => return None,
    };
    let page = if dsisr & PROTECTION != 0 {
        Page::Forbidden
    } else {
        Page::Unmapped
    };
    Some(sentence(access, page, dar))
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
    Execute,
    Touch,
}

impl Access {
    fn noun(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Execute => "execution",
            Access::Touch => "access",
        }
    }
}

#[derive(Clone, Copy)]
enum Page {
    Unmapped,
    Forbidden,
    AccessFlag,
    Corrupt,
}

impl Page {
    fn noun(self) -> &'static str {
        match self {
            Page::Unmapped => "an unmapped page",
            Page::Forbidden => "a page that does not allow it",
            Page::AccessFlag => "a page whose access flag is clear",
            Page::Corrupt => "a page whose table entry is corrupt",
        }
    }
}

fn sentence(access: Access, page: Page, address: u64) -> String {
    let preposition = match access {
        Access::Read => "from",
        Access::Execute => "of",
        Access::Write | Access::Touch => "to",
    };
    format!(
        "{} {preposition} {} at {address:#x}{}",
        access.noun(),
        page.noun(),
        about(address)
    )
}

/// What an address looks like, as the end of a sentence.
fn about(address: u64) -> String {
    let low_word = address & 0xffff_ffff;
    if address == 0 {
        ": a null pointer".to_owned()
    } else if address < NULL_PAGE {
        format!(": a null pointer plus {address}")
    } else if address > u64::MAX - NULL_PAGE {
        format!(": a null pointer minus {}", address.wrapping_neg())
    } else if low_word == 0xdead_beef || address >> 32 == 0xdead_beef {
        ": the pattern that the kernel writes over freed memory".to_owned()
    } else if !is_canonical(address) {
        ": its upper bits are not those of an address".to_owned()
    } else {
        String::new()
    }
}

/// Whether the 17 upper bits of an address are all equal, as those of every 64-bit address are.
#[must_use]
pub fn is_canonical(address: u64) -> bool {
    matches!(address >> 47, 0 | 0x1_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_through_a_null_pointer_says_how_far_from_null() {
        assert_eq!(
            x86(14, 0, 0x20),
            "read from an unmapped page at 0x20: a null pointer plus 32"
        );
    }

    #[test]
    fn a_protection_fault_is_not_an_unmapped_page() {
        assert_eq!(
            x86(14, 3, 0xffff_ff80_0020_0000),
            "write to a page that does not allow it at 0xffffff8000200000"
        );
    }

    #[test]
    fn a_general_protection_fault_does_not_use_the_stale_address() {
        assert!(!x86(13, 0, 0x1234).contains("1234"));
    }

    #[test]
    fn a_tag_check_fault_is_told_from_a_missing_page() {
        assert!(arm64(0x9600_0011, 0xf1ff_fe20_1234_5678).contains("memory tag"));
    }

    #[test]
    fn a_level_zero_translation_fault_of_a_poisoned_pointer_reads_as_such() {
        assert_eq!(
            arm64(0x9600_0044, 0xdead_beef_0000_0010),
            "write to an unmapped page at 0xdeadbeef00000010: the pattern that the kernel writes over freed memory"
        );
    }

    #[test]
    fn a_crooked_jump_is_told_by_its_class() {
        assert!(
            arm64(0x8a00_0000, 0xffff_ffff_1234_5671).starts_with("jump to 0xffffffff12345671")
        );
    }

    #[test]
    fn no_number_is_without_words() {
        for trap in 0..64 {
            assert!(!x86(trap, u64::MAX, u64::MAX).is_empty());
        }
        for class in 0..64 {
            assert!(!arm64(class << 26, 0).is_empty());
        }
    }

    #[test]
    fn a_powerpc_store_to_a_protected_page_is_a_forbidden_write() {
        assert_eq!(
            ppc(0x300, 0x0a00_0000, 0x40).as_deref(),
            Some("write to a page that does not allow it at 0x40: a null pointer plus 64")
        );
    }
}
