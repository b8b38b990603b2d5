//! The text of one frame.

use kstack_model::{Address, Said};

use crate::formats::numbers::{hex, number};
use crate::pattern::{Pattern, compile};

/// One frame as printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Printed {
    /// `None` in some forms of `atos`, which print a name alone.
    pub(super) address: Option<Address>,
    /// What is printed beside the address; empty when nothing is.
    pub(super) said: Said,
}

/// `name (in image) + 12 (0x1000)`, `name (in image) (file.c:12)`: what `atos` prints, with the
/// address behind it. A C++ name can hold `(in …)` itself; the last one is the image's.
static IN_IMAGE: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ (?: (?<symbol>.*\S) \s+ )? \(in \s+ (?<image>[^()]+ (?:\([^()]*\))? ) \)
          (?: \s* \+ \s* (?<offset>0x[[:xdigit:]]+|\d+) )?
          (?: \s* \( (?<file>[^()]+) : (?<line>\d+) \) )?
          (?: \s* \( (?<address>0x[[:xdigit:]]+) \) )? $",
    )
});

/// `name + 12 (0x1000)` and `0x1000 (0x1000)`. Without an image in it the name must look like one, or
/// a remark such as "waits for the lock (0x1000)" would be a frame.
static NAMED: Pattern = Pattern::new(|| {
    compile(
        r"(?x) ^ (?<symbol> \S+ | [-+]\[[^\]]+\] | \S.*(?:::|\().*\S )
          (?: \s+ \+ \s* (?<offset>0x[[:xdigit:]]+|\d+) )?
          \s+ \( (?<address>0x[[:xdigit:]]+) \) $",
    )
});

static BARE: Pattern = Pattern::new(|| compile(r"^(?<address>0x[[:xdigit:]]+)$"));

impl Printed {
    /// The frame that a text is; `None` for every other text.
    pub(super) fn of(text: &str) -> Option<Printed> {
        let text = text.trim();
        // Cheap before dear: each form with the words that no line of it lacks.
        let forms = [
            (&IN_IMAGE, text.contains("(in")),
            (&NAMED, text.ends_with(')') && text.contains("(0x")),
            (&BARE, text.starts_with("0x")),
        ];
        let mut possible = forms.into_iter().filter(|(_, is_possible)| *is_possible);
        let found = possible.find_map(|(form, _)| form.captures(text))?;
        let part = |name| found.name(name).map(|part| part.as_str());
        // Where no name is known the address stands in its place.
        let (symbol, in_place) = match part("symbol") {
            Some(word) if is_number(word) => (None, Some(word)),
            other => (other, None),
        };
        let address = match part("address").or(in_place) {
            Some(text) => Some(Address(hex(text)?)),
            None => None,
        };
        Some(Printed {
            address,
            said: Said {
                image: part("image").map(|name| name.trim().to_owned()),
                symbol: symbol.map(str::to_owned),
                offset: part("offset").and_then(number),
                file: part("file").map(str::to_owned),
                line: part("line").and_then(|line| line.parse().ok()),
                ..Said::default()
            },
        })
    }

    /// Whether the text can be nothing else than a frame, wherever it stands.
    pub(super) fn is_certain(&self) -> bool {
        let placed = self.address.is_some() || self.said.offset.is_some();
        self.said.image.is_some() && (placed || self.said.file.is_some())
    }
}

/// A name as it is printed, for notes.
pub(super) fn in_words(said: &Said) -> String {
    let symbol = said.symbol.as_deref().unwrap_or("no name");
    let mut words = symbol.to_owned();
    if let Some(image) = &said.image {
        words.push_str(&format!(" (in {image})"));
    }
    if let Some(offset) = said.offset {
        words.push_str(&format!(" + {offset}"));
    }
    words
}

fn is_number(text: &str) -> bool {
    BARE.is_match(text)
}
