//! What lies in the data of an image: the variable at an address.

use std::sync::Arc;

use kstack_model::VmAddr;

use crate::demangle::demangle;
use crate::macho::Held;
use crate::part::Part;
use crate::table::Table;
use crate::{Certainty, SymbolSource};

/// What a symbol says about an address in the data of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datum {
    /// The variable's name as the file has it, without the underscore that Mach-O symbol tables put before C names.
    pub raw: Arc<str>,
    /// The name demangled.
    pub name: Arc<str>,
    /// Where it starts.
    pub start: VmAddr,
    /// `Inside` at its start and where the next symbol shows its end, else `Nearest`.
    pub certainty: Certainty,
}

impl SymbolSource {
    /// The variable at an address as the image is linked; `None` outside its data, and before its first symbol there.
    #[must_use]
    pub fn datum_at(&self, at: VmAddr) -> Option<Datum> {
        let table = self.data();
        let found = table.names.at(at.0)?;
        let raw: Arc<str> = found.name?.text(&self.files()).into();
        // Symbols have no sizes. Where the file keeps its local ones, the next ends the one before it;
        // else there may be a nameless variable between.
        let ends_behind = table.has_locals && table.names.next_in_section(at.0).is_some();
        Some(Datum {
            name: demangle(&raw),
            raw,
            start: found.start,
            certainty: match ends_behind {
                true => Certainty::Inside,
                false => found.certainty,
            },
        })
    }
}

/// The names of data in all files of one build.
#[derive(Debug)]
pub(crate) struct Data {
    names: Table,
    /// Whether any of the files has symbols that other images do not see.
    has_locals: bool,
}

impl Data {
    pub(crate) fn of(parts: &[Part]) -> Data {
        let has_locals = |part: &Part| {
            let bytes = part.bytes.as_slice();
            let of = |held| part.image.symbols(held, bytes);
            let mut all = of(Held::Code).chain(of(Held::Data));
            all.any(|symbol| !symbol.is_external)
        };
        Data {
            names: Table::of_data(parts),
            has_locals: parts.iter().any(has_locals),
        }
    }
}
