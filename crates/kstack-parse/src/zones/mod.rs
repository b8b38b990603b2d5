//! Tables of the kernel's zones: `zprint(1)`, and the debugger macros of the same name.
//!
//! All of them print one zone a line. `zprint(1)` puts the name first and its
//! numbers in a fixed order, with K and M behind some; the macros put the
//! address of the zone first, and a line of titles says which number is which
//! (`kgmacros` of gdb; xnu-4903 and xnu-11417, `tools/lldbmacros/memory.py`).

#[cfg(test)]
mod tests;

use kstack_model::{Note, Position};

use crate::error::ParseError;
use crate::lines::{Line, lines};

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
    let all: Vec<Line<'_>> = lines(&text).collect();
    for (at, line) in all.iter().enumerate() {
        if let Some(found) = Titles::of(line.text) {
            titles = Some(found);
            continue;
        }
        if let Some(titles) = &mut titles
            && titles.radix == Radix::Unknown
            && line.text.trim_start().starts_with("0x")
        {
            let rest = all.get(at..).unwrap_or_default();
            titles.radix = titles.radix_of(rest.iter().map(|line| line.text));
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
    /// Bytes of one chunk, whole pages.
    chunk: Option<usize>,
    /// What the sizes are written in.
    radix: Radix,
    /// Whether the flags follow the name, without a title of their own.
    flags_last: bool,
}

/// What the sizes of a table are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Radix {
    Decimal,
    /// Hexadecimal without `0x`, as gdb's macros print them.
    Hexadecimal,
    /// Its rows have to tell.
    Unknown,
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
        let flags_last = !words.clone().any(|word| word == "FLAGS");
        let words: Vec<&str> = words
            .take_while(|word| !matches!(*word, "FLAGS" | "NAME"))
            .collect();
        let column = |names: &[&str]| {
            let mut names = names.iter();
            names.find_map(|name| words.iter().position(|word| word == name))
        };
        let element = column(&["ELT_SZ", "ELEM_SZ"])?;
        if let Some(size) = column(&["TOTAL"]) {
            // Since xnu-7195: sizes first, then elements, then pages, each group with titles of its own.
            return Some(Titles {
                columns: words.len(),
                element,
                in_use: words.iter().rposition(|word| *word == "ALLOC")?,
                size,
                most: None,
                chunk: None,
                radix: Radix::Decimal,
                flags_last: false,
            });
        }
        Some(Titles {
            columns: words.len(),
            element,
            in_use: column(&["ALLOC_ELTS", "COUNT"])?,
            size: column(&["TOT_SZ", "CUR_SZ"])?,
            most: column(&["MAX_SZ"]),
            chunk: column(&["ALLOC_SZ"]),
            radix: match flags_last {
                true => Radix::Unknown,
                false => Radix::Decimal,
            },
            flags_last,
        })
    }

    /// gdb's macros print sizes as `35f000`. A table is all in one: a letter tells, or a chunk that is no
    /// whole number of pages when it is read as decimal.
    fn radix_of<'a>(&self, rows: impl Iterator<Item = &'a str>) -> Radix {
        let rows = rows
            .map(str::trim_start)
            .take_while(|row| !row.starts_with("ZONE"))
            .filter(|row| row.starts_with("0x"));
        for row in rows {
            let column = |at: Option<usize>| row.split_whitespace().skip(1).nth(at?);
            let sizes = [
                column(Some(self.size)),
                column(self.most),
                column(self.chunk),
            ];
            let mut sizes = sizes.into_iter().flatten();
            let has_letter = |word: &str| {
                let mut bytes = word.bytes();
                bytes.all(|byte| byte.is_ascii_hexdigit())
                    && !word.bytes().all(|byte| byte.is_ascii_digit())
            };
            let is_odd = column(self.chunk)
                .and_then(number)
                .is_some_and(|chunk| !chunk.is_multiple_of(PAGE));
            if sizes.any(has_letter) || is_odd {
                return Radix::Hexadecimal;
            }
        }
        Radix::Decimal
    }

    fn row(&self, text: &str) -> Row {
        let mut words = text.split_whitespace().skip(1);
        let mut numbers = Vec::new();
        let sizes = [Some(self.size), self.most, self.chunk];
        for column in 0..self.columns {
            let Some(word) = words.next() else {
                return Row::Odd("fewer columns than the titles say");
            };
            let is_hex = self.radix == Radix::Hexadecimal && sizes.contains(&Some(column));
            // Some of the macros put brackets around the numbers of one chunk.
            let value = match is_hex {
                true => u64::from_str_radix(word, 16).ok(),
                false => number(word.trim_matches(['(', ')'])),
            };
            let Some(value) = value else {
                return Row::Odd("a column that is no number");
            };
            numbers.push(value);
        }
        let at = |column: usize| numbers.get(column).copied().unwrap_or_default();
        let (flags, name) = match self.flags_last {
            true => name_and_flags(words),
            false => flags_and_name(words),
        };
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

/// The name, and behind it its flags, as gdb's macros print them: `kalloc.128 CX`.
fn name_and_flags<'a>(words: impl Iterator<Item = &'a str>) -> (String, String) {
    let mut words: Vec<&str> = words.collect();
    let flags = match words.as_slice() {
        [_, .., last] if last.chars().all(is_flag) => words.pop().unwrap_or_default(),
        _ => "",
    };
    (flags.to_owned(), words.join(" "))
}

fn is_flag(c: char) -> bool {
    c.is_ascii_uppercase() || "$@*%".contains(c)
}

/// Flags are letters and signs of their own, in groups; the name is what follows.
fn flags_and_name<'a>(words: impl Iterator<Item = &'a str>) -> (String, String) {
    let mut flags = String::new();
    let mut name: Vec<&str> = Vec::new();
    for word in words {
        if name.is_empty() && word.chars().all(is_flag) {
            flags.push_str(word);
        } else if word.starts_with("(max:") || word.starts_with("(sequester:") {
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

/// The smallest page of a Mac.
const PAGE: u64 = 0x1000;

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

/// `4096`, `4,096`, `0x1000`, `172K`, `1.5M`, `2G`.
fn number(word: &str) -> Option<u64> {
    if word.contains(',') {
        return grouped(word);
    }
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

/// Digits with a comma before every third.
fn grouped(word: &str) -> Option<u64> {
    let mut groups = word.split(',');
    let first = groups.next()?;
    let is_first = (1..=3).contains(&first.len());
    let are_three = groups.all(|group| group.len() == 3);
    let digits = word.replace(',', "");
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_first && are_three && is_number).then(|| digits.parse().ok())?
}

fn odd(position: Position, why: &str) -> Note {
    Note::at(position, format!("a zone that is not read: {why}"))
}
