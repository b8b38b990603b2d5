//! One row of the list.

use kstack_model::{Arch, Uuid};

use crate::formats::numbers::{decimal, hex};
use crate::pattern::{Pattern, compile};

/// What one row says. At most one column of it is damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) index: Option<u64>,
    pub(super) address: Option<u64>,
    pub(super) size: Option<u64>,
    /// Printed by `kextstat -a` only.
    pub(super) arch: Option<Arch>,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) uuid: Option<Uuid>,
    pub(super) damage: Option<Damage<'a>>,
}

/// The part of a row that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage<'a> {
    pub(super) part: &'static str,
    pub(super) text: &'a str,
}

/// The columns up to the bracket of the version. Which of them are sound is asked later.
static COLUMNS: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^\s* (?<index>\S+) \s+ (?<refs>\S+) \s+ (?<address>\S+) \s+ (?<size>\S+) \s+
          (?: (?<wired>\S+) \s+ )??
          (?: (?<arch>i386|x86_64h?|arm64e?|ppc(?:64)?|[?]+/[?]+|0x[[:xdigit:]]+/0x[[:xdigit:]]+) \s+ )?
          (?<name>[^\s()<>\[\]]+) \s* \( (?<tail>.*) $",
    )
});

/// Version, UUID and linked indices. A version can hold brackets itself: it ends at the first one
/// behind which nothing else than these stands. A redacted UUID is still one word.
static TAIL: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ (?<version>.*?) \) \s*
          (?: (?<uuid>[[:xdigit:]]{8}(?:-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12}|[[:xdigit:]]{32}) \s*
            | no\ UUID \s*
            | (?<word>[^\s()<>&]+) \s* )?
          (?: (?:<|&lt;) [\d\s?]* (?:>|&gt;)? \s* )? $",
    )
});

/// A version with a remark of somebody behind the row.
static REMARK: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ (?<version>[^()]*) \) \s*
          (?<uuid>[[:xdigit:]]{8}(?:-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12})?
          (?<remark>.*) $",
    )
});

/// The beginning of a row, sound as far as it goes.
static OPENING: Pattern =
    Pattern::new(|| compile(r"^\s*\d+\s+\d+\s+(?:0x[[:xdigit:]]+|0)\s+(?:0x[[:xdigit:]]+|0)\b"));

impl<'a> Row<'a> {
    /// The row that a line is; `None` for every other line.
    pub(super) fn of(text: &'a str) -> Option<Row<'a>> {
        if !may_be_row(text) {
            return None;
        }
        let columns = COLUMNS.captures(text)?;
        let column = |name| columns.name(name).map(|found| found.as_str());
        let (index, refs) = (column("index")?, column("refs")?);
        let (address, size) = (column("address")?, column("size")?);
        let (name, wired) = (column("name")?, column("wired"));

        let mut damages = [
            ("index", index, decimal(index)),
            ("count of references", refs, decimal(refs)),
            ("address", address, hexadecimal(address)),
            ("size", size, hexadecimal(size)),
            (
                "wired size",
                wired.unwrap_or("0"),
                wired.map_or(Some(0), hexadecimal),
            ),
        ]
        .into_iter()
        .filter(|(_, text, value)| value.is_none() && !is_unknown(text))
        .map(|(part, text, _)| Damage { part, text });
        let damage = damages.next();
        let is_sound =
            damage.is_none() && [address, size].iter().any(|text| text.starts_with("0x"));
        if damages.next().is_some() || !is_name(name, is_sound) {
            return None;
        }
        let tail = Tail::of(column("tail")?)?;
        if damage.is_some() && tail.damage.is_some() {
            return None;
        }
        Some(Row {
            index: decimal(index),
            address: hexadecimal(address),
            size: hexadecimal(size),
            arch: column("arch").and_then(arch),
            name,
            version: tail.version,
            uuid: tail.uuid,
            damage: damage.or(tail.damage),
        })
    }
}

/// Whether the four numbers that begin a row are there, all but one at least. The pattern costs
/// far more, and every line of every text is asked.
fn may_be_row(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let mut damaged = 0;
    for number in [decimal, decimal, hexadecimal, hexadecimal] {
        let Some(word) = words.next() else {
            return false;
        };
        damaged += u32::from(number(word).is_none() && !is_unknown(word));
        if damaged > 1 {
            return false;
        }
    }
    true
}

/// Whether a word is the name of a kext. Beside sound columns any word is; without them only a
/// bundle identifier tells a row from prose with numbers in it.
fn is_name(word: &str, columns_are_sound: bool) -> bool {
    if word.starts_with("0x") {
        return false;
    }
    let in_identifiers = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    columns_are_sound
        || word == "__kernel__"
        || (word.contains('.') && word.chars().all(in_identifiers))
}

struct Tail<'a> {
    version: &'a str,
    uuid: Option<Uuid>,
    damage: Option<Damage<'a>>,
}

impl<'a> Tail<'a> {
    fn of(text: &'a str) -> Option<Tail<'a>> {
        let (found, part, rest) = match TAIL.captures(text) {
            Some(found) => {
                let word = found.name("word");
                (found, "UUID", word)
            }
            None => {
                let found = REMARK.captures(text)?;
                let remark = found.name("remark");
                (found, "text behind the row", remark)
            }
        };
        let uuid = found.name("uuid");
        Some(Tail {
            version: found.name("version")?.as_str().trim(),
            // All zero is how "none" is printed.
            uuid: uuid
                .and_then(|uuid| Uuid::try_parse(uuid.as_str()).ok())
                .filter(|uuid| !uuid.is_nil()),
            damage: rest.map(|rest| Damage {
                part,
                text: rest.as_str().trim(),
            }),
        })
    }
}

/// A row and the line behind it as one, when a terminal or a mail program broke the row there.
///
/// Only when the two together are a row without damage, and say more than the first alone.
pub(super) fn unwrapped(text: &str, next: &str) -> Option<String> {
    /// Rows are a few hundred characters long; longer lines are not copied to be looked at.
    const LONGEST: usize = 4096;
    /// Narrower than this nobody wraps, so a word is not cut there.
    const NARROWEST: usize = 60;
    if !may_be_row(text) || !OPENING.is_match(text) || text.len().max(next.len()) > LONGEST {
        return None;
    }
    let next = next.trim();
    let alone = Row::of(text);
    if next.is_empty() || alone.as_ref().is_some_and(|row| row.uuid.is_some()) {
        return None;
    }
    if OPENING.is_match(next) || Row::of(next).is_some() {
        return None;
    }
    let inside_a_word = (text.len() >= NARROWEST).then(|| format!("{text}{next}"));
    let between_words = format!("{text} {next}");
    inside_a_word
        .into_iter()
        .chain([between_words])
        .find(|joined| {
            Row::of(joined)
                .is_some_and(|row| row.damage.is_none() && (alone.is_none() || row.uuid.is_some()))
        })
}

/// An architecture by name, or by the numbers of a Mach-O header where it has no name.
fn arch(text: &str) -> Option<Arch> {
    let Some((cpu_type, subtype)) = text.split_once('/') else {
        return text.parse().ok();
    };
    let number = |text| hexadecimal(text).and_then(|number| u32::try_from(number).ok());
    Some(Arch::from_macho(number(cpu_type)?, number(subtype)?))
}

/// How `kextstat` prints a number that the kernel did not give it.
fn is_unknown(text: &str) -> bool {
    matches!(text, "??" | "????")
}

/// A number as the list prints it: with `0x`, except zero, which can stand alone.
fn hexadecimal(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    hex(text)
}
