//! What one line of a printed zone log is.
//!
//! | printed by | record | frame |
//! |---|---|---|
//! | gdb's `kgmacros` (xnu-2050) | `ALLOC  ELEMENT : index N : ztime N` | `ADDRESS <name+N>: instruction` |
//! | `zstack`, `findoldest` (xnu-4903, `memory.py`) | `--------ALLOC  ELEMENT : Index N --------` | ``ADDRESS <module`name + N at file:line>`` |
//! | `btlog_find` (xnu-4903) | `-------- ELEMENT OP 1 --------`, the first frame on the same line; `Count: N` before it | as above |
//! | `zstack`, `zstack_findleak`, `zstack_findtop` (xnu-11417, `memory.py`) | `alloc    BACKTRACE   COUNT` | as above |
//! | `zstack_findelem`, `showbtlogrecords -F` (xnu-11417) | `alloc    BACKTRACE`, `INDEX ELEMENT 1 BACKTRACE` | as above |

use kstack_model::{Address, Frame, FrameKind, Said};

use crate::pattern::{Pattern, compile};

/// One line.
pub(super) enum Line {
    /// The head of a record.
    Record {
        /// `ALLOC` or `FREE`.
        kind: &'static str,
        /// Elements it stands for.
        count: u64,
        /// A frame on the same line.
        first: Option<Frame>,
    },
    /// A frame.
    Frame(Frame),
    /// Which record is the oldest.
    Oldest(u64),
    /// Anything else.
    Other,
}

static OLDEST: Pattern = Pattern::new(|| compile(r"(?i)oldest record is at log index:?\s+(\d+)"));
/// A backtrace and how many elements have it; its reference has eight digits, an address more.
static COUNTED: Pattern =
    Pattern::new(|| compile(r"^\s*(alloc|free)\s+0x[0-9a-fA-F]{8}(?:\s+(\d+))?\s*$"));
static ELEMENT: Pattern =
    Pattern::new(|| compile(r"\b(ALLOC|FREE|alloc|free)\b\W+(0x[0-9a-fA-F]{4,16})\b"));
static OPERATION: Pattern = Pattern::new(|| {
    compile(r"^\s*(?:Count:\s*(\d+)\s+)?-+\s*0x[0-9a-fA-F]{4,16}\s+OP\s+([01])\s+-+\s*(.*)$")
});
static INDEXED: Pattern =
    Pattern::new(|| compile(r"^\s*\d+\s+0x[0-9a-fA-F]{4,16}\s+([01])\s+0x[0-9a-fA-F]{8}\s*$"));
static FRAME: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ \s* (?: \#\d+ \s+ | \[ \s* \d+ \] \s* | frame \s \#\d+ : \s* )?
        0x (?<address>[0-9a-fA-F]{1,16})
        (?: \s* < (?<inside>[^>\s].*?) > | \s+ (?<behind> [\w.\-]+ ` [^\s].* ) $ )?",
    )
});
static NAME: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ (?: (?<module>[\w.\-]+) ` )? (?<name>[^\s].*?)
        (?: \s* \+ \s* (?<offset>0x[0-9a-fA-F]+|\d+) )? (?: \s at \s .* )? $",
    )
});

/// Tells what a line is.
pub(super) fn read(text: &str) -> Line {
    if let Some(oldest) = OLDEST.captures(text)
        && let Ok(index) = oldest[1].parse()
    {
        return Line::Oldest(index);
    }
    let record = |kind: &'static str, count: Option<u64>, first| Line::Record {
        kind,
        count: count.unwrap_or(1),
        first,
    };
    if let Some(found) = COUNTED.captures(text) {
        let count = found.get(2).and_then(|count| count.as_str().parse().ok());
        return record(kind(&found[1]), count, None);
    }
    if let Some(found) = OPERATION.captures(text) {
        let count = found.get(1).and_then(|count| count.as_str().parse().ok());
        return record(kind(&found[2]), count, frame(&found[3]));
    }
    if let Some(found) = INDEXED.captures(text) {
        return record(kind(&found[1]), None, None);
    }
    if let Some(found) = ELEMENT.captures(text) {
        return record(kind(&found[1]), None, None);
    }
    frame(text).map_or(Line::Other, Line::Frame)
}

/// The operation: a word, or 1 for an allocation and 0 for a free.
fn kind(operation: &str) -> &'static str {
    match operation {
        "1" | "ALLOC" | "alloc" => "ALLOC",
        _ => "FREE",
    }
}

/// Every address of a record is one that a call returns to.
fn frame(text: &str) -> Option<Frame> {
    let found = FRAME.captures(text)?;
    let address = u64::from_str_radix(found.name("address")?.as_str(), 16).ok()?;
    let words = found.name("inside").or_else(|| found.name("behind"));
    let said = words.map_or_else(Said::default, |words| said(words.as_str()));
    Some(Frame::new(Address(address), FrameKind::ReturnAddress).saying(said))
}

/// What the debugger called an address, with the ways it has to say that it does not know.
fn said(words: &str) -> Said {
    let Some(found) = NAME.captures(words) else {
        return Said::default();
    };
    let word = |name: &str| found.name(name).map(|word| word.as_str().to_owned());
    let symbol = word("name").filter(|name| {
        let is_address = name.starts_with("0x");
        !(is_address || name.starts_with("???") || name.starts_with("unknown:"))
    });
    let offset = found.name("offset").and_then(|offset| {
        let text = offset.as_str();
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    });
    Said {
        image: word("module"),
        offset: offset.filter(|_| symbol.is_some()),
        symbol,
        ..Said::default()
    }
}
