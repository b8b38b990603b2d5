//! Tables of the kernel's zones: `zprint(1)`, and the debugger macros of the same name.
//!
//! All of them print one zone a line. `zprint(1)` puts the name first and its
//! numbers in a fixed order, with K and M behind some; the macros put the
//! address of the zone first, and a line of titles says which number is which
//! (xnu-2050 `kgmacros`, xnu-4903 `tools/lldbmacros/memory.py`).

use kstack_model::{Note, Position};

use crate::error::ParseError;
use crate::lines::lines;

/// One zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Its name. `zprint(1)` puts dots where blanks were.
    pub name: String,
    /// Bytes of one element.
    pub element: u64,
    /// Elements in use.
    pub in_use: u64,
    /// Bytes that the zone has taken, free elements included.
    pub size: u64,
    /// Bytes that it may take at most; `None` where it has no limit, or the table does not say.
    pub most: Option<u64>,
    /// One letter for each property, as printed.
    pub flags: String,
}

impl Zone {
    /// Bytes of the elements in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.element.saturating_mul(self.in_use)
    }
}

/// The zones of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    /// In the order of the table.
    pub zones: Vec<Zone>,
    /// Lines that look like zones and could not be read.
    pub notes: Vec<Note>,
}

/// Reads every zone in a text, whichever of the layouts it has.
///
/// # Errors
///
/// When there is no zone in it.
pub fn read(bytes: &[u8]) -> Result<Zones, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let mut zones = Zones::default();
    let mut titles: Option<Titles> = None;
    for line in lines(&text) {
        if let Some(found) = Titles::of(line.text) {
            titles = Some(found);
            continue;
        }
        let row = match &titles {
            Some(titles) if line.text.trim_start().starts_with("0x") => titles.row(line.text),
            _ => zprint_row(line.text),
        };
        match row {
            Row::Zone(zone) => zones.zones.push(zone),
            Row::Odd(why) => zones.notes.push(odd(line.position(), why)),
            Row::Other => {}
        }
    }
    if zones.zones.is_empty() {
        return Err(ParseError::nothing("zprint"));
    }
    Ok(zones)
}

enum Row {
    Zone(Zone),
    /// It should be one.
    Odd(&'static str),
    Other,
}

/// Which number of a row of a macro is which.
#[derive(Debug)]
struct Titles {
    columns: usize,
    element: usize,
    in_use: usize,
    size: usize,
    most: Option<usize>,
}

impl Titles {
    /// Of a line that starts with ZONE and ends with NAME.
    fn of(text: &str) -> Option<Titles> {
        let is_title = |c: char| c.is_ascii_uppercase() || c == '_';
        let mut words = text
            .split(|c: char| !is_title(c))
            .filter(|word| !word.is_empty());
        if words.next() != Some("ZONE") || !text.trim_end().ends_with("NAME") {
            return None;
        }
        let words: Vec<&str> = words
            .take_while(|word| !matches!(*word, "FLAGS" | "NAME"))
            .collect();
        let column = |names: &[&str]| {
            let mut names = names.iter();
            names.find_map(|name| words.iter().position(|word| word == name))
        };
        Some(Titles {
            columns: words.len(),
            element: column(&["ELT_SZ", "ELEM_SZ"])?,
            in_use: column(&["ALLOC_ELTS", "COUNT"])?,
            size: column(&["TOT_SZ", "CUR_SZ"])?,
            most: column(&["MAX_SZ"]),
        })
    }

    fn row(&self, text: &str) -> Row {
        let mut words = text.split_whitespace().skip(1);
        let mut numbers = Vec::new();
        for _ in 0..self.columns {
            let Some(word) = words.next() else {
                return Row::Odd("fewer columns than the titles say");
            };
            // Some of the macros put brackets around the numbers of one chunk.
            let Some(value) = number(word.trim_matches(['(', ')'])) else {
                return Row::Odd("a column that is no number");
            };
            numbers.push(value);
        }
        let at = |column: usize| numbers.get(column).copied().unwrap_or_default();
        let (flags, name) = flags_and_name(words);
        if name.is_empty() {
            return Row::Odd("no name");
        }
        Row::Zone(Zone {
            name,
            element: at(self.element),
            in_use: at(self.in_use),
            size: at(self.size),
            most: self.most.map(at).filter(|most| *most > 0),
            flags,
        })
    }
}

/// Flags are letters and signs of their own, in groups; the name is what follows.
fn flags_and_name<'a>(words: impl Iterator<Item = &'a str>) -> (String, String) {
    let mut flags = String::new();
    let mut name: Vec<&str> = Vec::new();
    for word in words {
        let is_flags = word
            .chars()
            .all(|c| c.is_ascii_uppercase() || "$@*".contains(c));
        if name.is_empty() && is_flags {
            flags.push_str(word);
        } else if word.starts_with("(max:") {
            break;
        } else {
            name.push(word);
        }
    }
    // A zone can be called by capitals only, such as DEVFS.
    if name.is_empty() {
        return (String::new(), flags);
    }
    (flags, name.join(" "))
}

/// Numbers behind the name: element, current and greatest size, current and greatest count, in use,
/// and of one chunk its size and count.
const ZPRINT_COLUMNS: usize = 8;

/// A row of `zprint(1)`. Older systems print no greatest values as `----`; flags follow the numbers.
fn zprint_row(text: &str) -> Row {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_column = |word: &&str| number(word).is_some() || is_dashes(word);
    // The name may have blanks and numbers in it, so the numbers are counted from the right.
    let flags = words
        .iter()
        .rev()
        .take_while(|word| !is_column(word))
        .count();
    let end = words.len() - flags;
    let Some(start) = end.checked_sub(ZPRINT_COLUMNS).filter(|start| *start > 0) else {
        return Row::Other;
    };
    let (Some(name), Some(columns), Some(flags)) =
        (words.get(..start), words.get(start..end), words.get(end..))
    else {
        return Row::Other;
    };
    if !columns.iter().all(is_column) || flags.iter().any(|word| word.len() > 3) {
        return Row::Other;
    }
    let at = |column: usize| columns.get(column).and_then(|word| number(word));
    match (at(0), at(1), at(5)) {
        (Some(element @ 1..), Some(size), Some(in_use)) => Row::Zone(Zone {
            name: name.join(" "),
            element,
            in_use,
            size,
            most: at(2),
            flags: flags.concat(),
        }),
        _ => Row::Odd("no size or no count"),
    }
}

fn is_dashes(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte == b'-')
}

/// `4096`, `0x1000`, `172K`, `1.5M`, `2G`.
fn number(word: &str) -> Option<u64> {
    if let Some(digits) = word.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (digits, unit) = match word.char_indices().next_back()? {
        (at, 'K') => (word.get(..at)?, 10),
        (at, 'M') => (word.get(..at)?, 20),
        (at, 'G') => (word.get(..at)?, 30),
        _ => (word, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || !digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let value = whole.checked_mul(1 << unit)?;
    if part.is_empty() {
        return Some(value);
    }
    // Tables print one or two digits; more would not matter.
    let part = part.get(..part.len().min(6))?;
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    value.checked_add(part.parse::<u64>().ok()?.checked_mul(1 << unit)? / scale)
}

fn odd(position: Position, why: &str) -> Note {
    Note::at(position, format!("a zone that is not read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ZPRINT: &str = "\
                            elem         cur         max        cur         max         cur  alloc  alloc
zone name                   size        size        size      #elts       #elts       inuse   size  count
----------------------------------------------------------------------------------------------------------
zones                        592         88K        119K        152         206         143     8K     13
kalloc.128                   128      1.5M            2M      12288       16384       12000     4K     32 C
data zone 2                   64          4K        ----         64        ----           9     4K     64 CX
";

    const KGMACROS: &str = "\
ZONE               COUNT   TOT_SZ   MAX_SZ   ELT_SZ ALLOC_SZ         TOT_ALLOC         TOT_FREE NAME
0x000000002800c000    143    90112   121856      592     8192              500              357 zones CX$
0x000000002800c200  12000  1572864        0      128     4096            90000            78000 kalloc.128 X$
";

    const LLDB: &str = "\
       ZONE            TOT_SZ PAGE_COUNT ALLOC_ELTS  FREE_ELTS    FREE_SZ ALL_FREE_PGS     ELT_SZ      ALLOC(  ELTS    PGS  WASTE)      FLAGS      NAME
0xffffff8000c81450      90112         22        143          9       5328          0        592       8192     13      2    496    X$ O   zones
0xffffff8000c81650    1572864        384      12000        288      36864          0        128       4096     32      1      0  CX$     vm objects (max: 123)
";

    fn zone(name: &str, element: u64, in_use: u64, size: u64, most: Option<u64>) -> Zone {
        Zone {
            name: name.to_owned(),
            element,
            in_use,
            size,
            most,
            flags: String::new(),
        }
    }

    fn without_flags(text: &str) -> Vec<Zone> {
        let zones = read(text.as_bytes()).unwrap();
        assert_eq!(zones.notes, []);
        let zones = zones.zones.into_iter();
        zones
            .map(|zone| Zone {
                flags: String::new(),
                ..zone
            })
            .collect()
    }

    #[test]
    fn the_program_prints_units_dashes_and_names_with_blanks() {
        assert_eq!(
            without_flags(ZPRINT),
            [
                zone("zones", 592, 143, 88 << 10, Some(119 << 10)),
                zone("kalloc.128", 128, 12000, 3 << 19, Some(2 << 20)),
                zone("data zone 2", 64, 9, 4 << 10, None),
            ]
        );
        assert_eq!(read(ZPRINT.as_bytes()).unwrap().zones[2].flags, "CX");
    }

    #[test]
    fn the_macros_say_in_their_titles_which_number_is_which() {
        let lldb = without_flags(LLDB);
        assert_eq!(lldb[0], zone("zones", 592, 143, 90112, None));
        assert_eq!(lldb[1], zone("vm objects", 128, 12000, 1_572_864, None));
        let gdb = without_flags(KGMACROS);
        assert_eq!(
            (gdb[0].element, gdb[0].in_use, gdb[0].most),
            (592, 143, Some(121_856))
        );
    }

    #[test]
    fn a_damaged_row_costs_only_itself() {
        let text = LLDB.replace("      90112  ", "      9o112  ");
        let zones = read(text.as_bytes()).unwrap();
        assert_eq!((zones.zones.len(), zones.notes.len()), (1, 1));
    }

    #[test]
    fn a_text_without_zones_is_an_error() {
        assert!(read(b"nothing here 1 2 3").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_line_of_numbers_is_read_or_refused(line in "[a-zK0-9x.( )-]{0,120}") {
            let _ = read(format!("{LLDB}{line}\n0x{line}").as_bytes());
        }
    }
}
