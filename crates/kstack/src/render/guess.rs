//! What a function without a name probably is, in words.

use std::fmt::{self, Display};

use kstack_symbols::Virtual;

use super::escape::Visible;

/// Tables that are named in a line; the rest is counted.
const MOST_NAMED: usize = 3;

/// `probably a virtual function of net_foo_Zvol: entry 23 of its vtable`.
pub(crate) struct Probably<'a>(pub(crate) &'a Virtual);

impl Display for Probably<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Virtual { tables, more, .. } = self.0;
        if let ([only], 0) = (tables.as_slice(), more) {
            let (class, entry) = (Visible(&only.class), only.entry);
            return write!(
                f,
                "probably a virtual function of {class}: entry {entry} of its vtable"
            );
        }
        let first = tables.first().map_or(0, |slot| slot.entry);
        let is_one_entry = tables.iter().all(|slot| slot.entry == first);
        f.write_str("probably a virtual function: ")?;
        if is_one_entry {
            write!(f, "entry {first} in the vtables of ")?;
        }
        for (index, slot) in tables.iter().take(MOST_NAMED).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let class = Visible(&slot.class);
            match is_one_entry {
                true => write!(f, "{comma}{class}")?,
                false => write!(f, "{comma}entry {} in the vtable of {class}", slot.entry)?,
            }
        }
        match tables.len().saturating_sub(MOST_NAMED) + more {
            0 => Ok(()),
            more => write!(f, ", and in {more} more"),
        }
    }
}
